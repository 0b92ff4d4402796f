"""Words, sentences, tags and cells of text."""
