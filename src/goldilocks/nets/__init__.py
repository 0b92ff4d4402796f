"""Neural networks: backbones, heads, objectives, training, generation, compression and export."""
