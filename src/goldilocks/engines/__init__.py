"""What runs a bundle's model: one file each, loaded by name through ``plugins.load``."""
