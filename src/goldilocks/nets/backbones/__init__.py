"""Backbones: networks from token ids to hidden states."""
