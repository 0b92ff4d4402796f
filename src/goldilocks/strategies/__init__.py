"""Continual-learning strategies: how an updated model is kept from forgetting; one file each."""
