"""Formats that a bundle is exported to: one file each, loaded by name through ``plugins.load``."""
