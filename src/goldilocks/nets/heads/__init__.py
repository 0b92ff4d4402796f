"""Heads: from hidden states to labels, tags, spans, scores and text."""
