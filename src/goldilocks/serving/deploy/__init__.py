"""Files that put a bundle into operation: images, units, manifests, dashboards and alerts."""
