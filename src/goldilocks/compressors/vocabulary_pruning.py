"""Vocabulary pruning: the word table keeps the tokens that occur in the calibration texts, and what spells all others.

These are special tokens, single characters and bytes. Calibration texts are tokenized as before; another word becomes
the tokens that are left, down to its characters, and not the unknown token. A multilingual model used in one language
loses most of its table.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Calibration, Model

KIND = "vocabulary"
ENGINE = "native"
LEVELS = (1.0,)
FEWEST_TEXTS = 200
SOURCE = "Abdaoui et al. 2020, Load What You Need: Smaller Versions of Multilingual BERT; without training again."


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Compressor``."""
    if not hasattr(model, "module"):
        return "it has no table of word embeddings"
    from goldilocks.nets.compression.vocabulary import not_prunable

    return not_prunable(model)


def compress(model: Model, level: float, folder: Path, calibration: Calibration) -> None:  # noqa: ARG001
    """See ``protocols.Compressor``."""
    from goldilocks.nets.compression.vocabulary import prune_vocabulary
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    prune_vocabulary(model, calibration.texts)
    model.save(folder)
