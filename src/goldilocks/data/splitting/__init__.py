"""Splitting: duplicates, groups that stay together, and the rows set aside for validation and test."""
