"""Checks: findings about the data, each with what it means for the choice. They change and refuse nothing."""
