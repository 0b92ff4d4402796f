"""Programs that nobody has read, run with limits and judged by their tests in another process."""
