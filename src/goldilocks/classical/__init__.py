"""Counting and linear models: n-gram features, Kneser-Ney smoothing, most frequent tags."""
