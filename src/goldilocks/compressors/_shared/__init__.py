"""What several compressors share."""
