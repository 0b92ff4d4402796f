"""Label words (verbalisers) and the patterns that items stand in, for causal and for masked language models.

Source: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from goldilocks.errors import InputError
from goldilocks.nets.generation.prompts import label_words
from goldilocks.nets.network import Network
from goldilocks.records import Text
from goldilocks.support.suggest import suggest

GAP = "{mask}"
"""Where the label words stand in a pattern."""
PRIOR_TEXTS = 64
"""Texts that scores are calibrated with."""


def words_of_labels(labels: Sequence[str], words: Mapping[str, str], template: str) -> tuple[str, ...]:
    """The words of each label.

    Args:
        labels: In the order of the scores.
        words: Label -> words that stand for it; other labels stand for themselves, without underscores.
        template: The pattern; empty: one that has a place for the item.

    Raises:
        InputError: a template has no place for the item, a label is unknown, or two have the same words.
    """
    unknown = sorted(words.keys() - set(labels))
    if unknown:
        near = suggest(unknown[0], labels)
        raise InputError(
            f"pet: words are given for {unknown[0]!r}, which is not a label.{near} Correct options.pet.words."
        )
    chosen = tuple(words.get(label) or label_words(label) for label in labels)
    twice = next((of_label for of_label in chosen if chosen.count(of_label) > 1), None)
    if twice is not None:
        raise InputError(f"pet: two labels have the words {twice!r}; give each its own in options.pet.words.")
    if template and "{text}" not in template and "{text1}" not in template:
        raise InputError(f"pet: the pattern {template!r} has no place for the item; write {{text}} there.")
    return chosen


@torch.no_grad()
def calibrate(network: Network, bias: Tensor, texts: Sequence[Text], *, seed: int = 0) -> None:
    """Subtract from each score its mean over some texts, in place; gold answers are not used.

    A language model prefers some words whatever the item. Source: Zhou et al. 2023, "Batch Calibration".

    Args:
        network: The classifier.
        bias: The bias of its scores, ``(n_labels,)``.
        texts: At least one.
        seed: Of the draw of at most 64 of them.
    """
    sample = [texts[place] for place in np.random.default_rng(seed).permutation(len(texts))[:PRIOR_TEXTS].tolist()]
    bias.sub_(network.score_pooled(network.pooled(sample)).mean(0).to(bias))
