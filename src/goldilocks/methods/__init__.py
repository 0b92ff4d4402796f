"""Shelf: which weights learn. One file per method."""
