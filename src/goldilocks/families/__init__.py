"""Shelf: kinds of model. One file per family."""
