"""Ways to make a tuned model smaller or faster: one file each, loaded by name through ``plugins.load``."""
