"""Bundles: writing, reading and verifying the folder with a model, its model card and its checksums."""
