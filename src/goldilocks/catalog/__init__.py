"""Which models there are, where they are stored, and which of them could do the task."""
