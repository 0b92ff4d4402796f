"""Shelf: tasks, such as text classification or question answering. One file per task."""
