"""Generation: decoding, beam search, sampling, prompts."""
