"""Losses of classification: one file per option, composed by ``criterion.py``."""
