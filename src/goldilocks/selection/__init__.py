"""From a pool to a decision: screening, race, posterior, costs, best set, decision map, what-if."""
