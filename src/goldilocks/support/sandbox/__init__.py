"""Untrusted programs, run with limits and judged by their tests in another process."""
