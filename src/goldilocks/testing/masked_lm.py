"""A tiny masked language model for tests."""

from __future__ import annotations

import json
from pathlib import Path

from goldilocks.testing import tiny


def masked_lm_folder(path: Path, *, seed: int = 0) -> Path:
    """A tiny BERT with a masked-LM head and random weights, in the Hub's format; ``path`` is returned.

    Needs transformers, whose import takes seconds.
    """
    import torch
    from tokenizers import AddedToken, Tokenizer
    from transformers import BertConfig, BertForMaskedLM

    from goldilocks.nets.hub.quiet_transformers import quiet

    tiny.encoder_folder(path)
    tokenizer = Tokenizer.from_file(str(path / "tokenizer.json"))
    tokenizer.add_special_tokens([AddedToken("[MASK]", special=True)])
    tokenizer.save(str(path / "tokenizer.json"))
    config = json.loads((path / "config.json").read_text(encoding="utf-8"))
    config |= {"vocab_size": tokenizer.get_vocab_size(), "architectures": ["BertForMaskedLM"]}
    torch.manual_seed(seed)
    with quiet():
        BertForMaskedLM(BertConfig(**config)).save_pretrained(path)
    return path
