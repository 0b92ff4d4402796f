"""Shelf: which purchase the race makes next. One file per policy."""
