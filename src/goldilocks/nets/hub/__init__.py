"""Checkpoints in the Hub's and in GGUF format."""
