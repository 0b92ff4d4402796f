"""Statistics and string matching behind the metrics."""
