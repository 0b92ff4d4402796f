"""Strategies that choose few-shot examples (demonstrations) from the training rows; one file each."""
