"""From a pool to a decision: a cheap look, a race of purchases, costs, ties, the map over alpha."""
