"""Compression of a tuned model: every step is measured against the original, and dropped where it costs quality."""
