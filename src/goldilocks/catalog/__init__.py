"""The catalogue of models, where their files are stored, and the candidates that are eligible for a task."""
