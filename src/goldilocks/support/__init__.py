"""Ground: statistics, hardware, files, hashing, seeds."""
