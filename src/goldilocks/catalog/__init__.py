"""Which models there are, where they lie, and which of them could do the task."""
