"""Networks as graphs for other runtimes."""
