"""What several augmenters share."""
