"""Vocabularies, subword tokenizers and batches of token ids."""
