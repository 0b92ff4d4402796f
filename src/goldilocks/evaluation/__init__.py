"""How good, how sure, where wrong, how fast."""
