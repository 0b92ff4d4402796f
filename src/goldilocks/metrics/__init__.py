"""Shelf: one number from gold and predicted answers. One file per metric."""
