"""Optimiser and checkpoints."""
