"""Writers for experiment trackers; one file each."""
