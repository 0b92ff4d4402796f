"""Transforms between a file's rows and the rows of a task: dialogues, rankings, sentences of a document."""
