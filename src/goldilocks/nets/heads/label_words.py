"""A classifier that begins as a language model's choice among label words (a verbaliser).

The item is put into a pattern that ends where its label would follow ("Text: … Label:"). The score of a label is the
mean logit of the tokens of its words there, so that the weights of the linear head are rows of the LM head.

Sources: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference" (patterns and verbalisers); Gao et al. 2021, "Making Pre-trained Language Models Better Few-shot Learners"
(cross entropy over the label words). Both train masked language models (``masked_lm_classifier``); this is their method
for causal ones, where the label words follow the pattern.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import cast

import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.verbalizers import GAP, words_of_labels


def begin_with_label_words(network: DecoderClassifier, words: Mapping[str, str], template: str = "") -> None:
    """Put items into the pattern, and the LM head's rows of the label words into the linear head, in place.

    Args:
        network: Freshly created.
        words: Label -> words that represent it; other labels represent themselves.
        template: The pattern, with ``{text}`` where the item goes; it ends where the label's words follow, or has
            ``{mask}`` there. Empty: the prompt of the task.

    Raises:
        InputError: a template has no place for the item or continues after the label words, a label is unknown, two
            have the same words, or the pattern leaves no room for an item.
    """
    template = template.rstrip()
    if GAP in template and not template.endswith(GAP):
        raise InputError(
            f"pet: the pattern {template!r} continues after {GAP}, and a causal language model attends only to "
            f"preceding tokens; end it with {GAP}, or exclude the decoders."
        )
    template = template.removesuffix(GAP).rstrip()
    chosen = words_of_labels(network.labels, words, template)
    pattern = replace(network.options, label_words=chosen, template=template)
    network.config = replace(network.config, head=pattern)
    room = network.item_room()
    if room < 1:
        raise InputError(
            f"pet: the pattern takes {network.max_positions - room:,} tokens, the context has "
            f"{network.max_positions:,}; shorten the instruction or the labels, or use `lora`."
        )
    head = cast(nn.Linear, network.head)
    with torch.no_grad():
        head.weight.copy_(_rows_of_words(network))
        head.bias.zero_()


def _rows_of_words(network: DecoderClassifier) -> Tensor:
    """Mean row of the LM head over the tokens of each label, ``(n_labels, width)``."""
    words = network.label_ids()
    tokens = sorted({token for ids in words for token in ids})
    places = {token: place for place, token in enumerate(tokens)}
    width, device = network.backbone.width, network.device
    # The LM head is linear, and how it is stored is the decoder's affair: its rows are what it makes of unit vectors.
    probes = torch.cat([torch.zeros(1, width), torch.eye(width)]).to(device)
    logits = cast(CausalLM, network.backbone).logits_of(probes, torch.tensor(tokens, device=device))
    rows = (logits[1:] - logits[0]).T
    return torch.stack([rows[[places[token] for token in ids]].mean(0) for ids in words])
