"""Training: one loop for every network, one way to buy a run piece by piece."""
