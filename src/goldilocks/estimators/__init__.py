"""Shelf: guesses from frozen features, without training. One file per estimator."""
