"""Layers and losses that backbones and heads are made of."""
