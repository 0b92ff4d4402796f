"""Readers: rows of one file each, by format."""
