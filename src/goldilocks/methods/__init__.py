"""Shelf: training and prompting methods, such as full fine-tuning or LoRA. One file per method."""
