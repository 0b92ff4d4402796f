"""Augmenters: varied copies of training items whose right answer stays right; one file each."""
