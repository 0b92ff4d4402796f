"""Optimisers, schedules, losses, averaging, regularisers and checkpoints: one file each."""
