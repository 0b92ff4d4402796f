"""Networks made smaller: pruned, quantised, reduced to a table or to fewer words."""
