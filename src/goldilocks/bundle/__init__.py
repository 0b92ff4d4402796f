"""The folder that ships: written, read, verified."""
