"""Augmenters: varied copies of training items whose gold answer stays valid; one file each."""
