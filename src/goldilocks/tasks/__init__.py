"""Shelf: what users want. One file per task."""
