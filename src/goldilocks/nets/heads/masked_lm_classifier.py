"""A classifier that begins as a masked language model's choice among label words (PET).

The item stands in a pattern with a gap ("… It was [MASK]."). The gap has as many mask tokens as the longest label words
have tokens. The score of a label is the mean score that the masked-LM head gives its tokens at their masks, the first
token at the first mask; label words that are shorter ignore the masks after them.

The head keeps the transform of the masked-LM head, and of its rows only those of the label words, which are trained
apart from the word embeddings that they were copied from.

Sources: Schick and Schütze 2021, "Exploiting Cloze Questions for Few Shot Text Classification and Natural Language
Inference" (patterns and verbalisers); Schick and Schütze 2021, "It's Not Just Size That Matters: Small Language Models
Are Also Few-Shot Learners", section 3.1 (label words of several tokens, all predicted in one pass; they add the
log-probabilities, we take the mean of the scores, so that long words are not at a disadvantage).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.generation.prompt_tokens import PromptTokenizer
from goldilocks.nets.generation.prompts import filled
from goldilocks.nets.heads.verbalizers import GAP, words_of_labels
from goldilocks.nets.layers.activations import ACTIVATIONS
from goldilocks.nets.network import HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Batch, Row
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.records import Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.hub.masked_lm import MaskedLM

PATTERN = f"{{text}} ({GAP})"
"""Of items of one text, in any language. Source: the fourth pattern for AG's News of Schick and Schütze."""
PAIR_PATTERN = f"{{text1}}? {GAP}, {{text2}}"
"""Of pairs; that for MNLI."""
_MASKS = ("[MASK]", "<mask>")
_UNKNOWN = ("[UNK]", "<unk>")
_MARGIN = 2
"""Tokens by which an item may grow where it is joined with a pattern."""


@dataclass(frozen=True)
class MaskedLMClassifierConfig(HeadConfig):
    """Config of a classifier by label words at mask tokens."""

    KIND: ClassVar[str] = "masked_lm_classifier"
    label_words: tuple[str, ...] = ()
    """Words of each label."""
    template: str = ""
    """The pattern: ``{text}`` (of several texts ``{text1}``, ``{text2}``) is the item, ``{mask}`` the gap. Empty:
    ``PATTERN``, of pairs ``PAIR_PATTERN``."""
    n_masks: int = 1
    """Mask tokens in the gap."""
    inner: int = 0
    """Width of the masked-LM head's layer."""
    activation: str = "gelu"
    epsilon: float = 1e-12
    """Of its norm."""
    dense_bias: bool = True
    norm_bias: bool = True


class VerbalizerHead(nn.Module):
    """The transform of a masked-LM head, and a linear layer over its outputs at all masks."""

    def __init__(self, width: int, n_labels: int, config: MaskedLMClassifierConfig) -> None:
        """Without the weights of the masked-LM head: ``load`` or ``Network.load_weights`` gives them."""
        super().__init__()
        self.n_masks = config.n_masks
        self.dense = nn.Linear(width, config.inner, bias=config.dense_bias)
        self.norm = nn.LayerNorm(config.inner, eps=config.epsilon, bias=config.norm_bias)
        self.out = nn.Linear(config.n_masks * config.inner, n_labels)
        self.activation = ACTIVATIONS[config.activation]

    def forward(self, pooled: Tensor) -> Tensor:
        """Hidden states at the masks, ``(n_rows, n_masks * width)`` -> scores ``(n_rows, n_labels)``."""
        states = pooled.view(len(pooled), self.n_masks, -1)
        scores: Tensor = self.out(self.norm(self.activation(self.dense(states))).flatten(1))
        return scores

    @torch.no_grad()
    def load(self, head: MaskedLM, words: Sequence[Sequence[int]]) -> None:
        """Take the weights of a masked-LM head; ``words`` are the token ids of each label's words."""
        for ours, (weight, bias) in ((self.dense, head.dense), (self.norm, head.norm)):
            ours.weight.copy_(weight)
            if bias is not None:
                ours.bias.copy_(bias)
        rows = self.out.weight.zero_().view(self.out.out_features, self.n_masks, -1)  # (n_labels, n_masks, inner)
        self.out.bias.zero_()
        for label, ids in enumerate(words):
            rows[label, : len(ids)] = head.rows[list(ids)] / len(ids)
            if head.bias is not None:
                self.out.bias[label] = head.bias[list(ids)].mean()


class MaskedLMClassifier(Network):
    """Labels from the words that a masked language model expects in a gap; see the module."""

    HEAD: ClassVar[type[HeadConfig]] = MaskedLMClassifierConfig

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """See ``Network``; truncation of the tokenizer is turned off, as only the item in a pattern is cut."""
        tokenizer.no_truncation()
        super().__init__(backbone, tokenizer, config)

    @property
    def options(self) -> MaskedLMClassifierConfig:
        """The head's config."""
        return cast(MaskedLMClassifierConfig, self.config.head)

    def new_head(self) -> nn.Module:
        """See ``Network.new_head``."""
        return VerbalizerHead(self.backbone.width, len(self.labels), self.options)

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """One row for each item; ``places`` are the positions of the mask tokens."""
        room = self.item_room()
        encoded = self._encoded(texts, room)
        for item, ids in enumerate(encoded):
            while len(ids) > self.config.max_tokens and room > 1:  # tokens at its ends were split by the pattern
                room -= len(ids) - self.config.max_tokens
                (ids,) = self._encoded([texts[item]], max(1, room))
            encoded[item] = ids
        return [self._row_at_masks(ids, item) for item, ids in enumerate(encoded)]

    def _row_at_masks(self, ids: list[int], item: int) -> Row:
        numbers = np.asarray(ids, dtype=np.int32)
        return Row(numbers, item, places=np.flatnonzero(numbers == self._mask_id).astype(np.int32))

    def _encoded(self, texts: Sequence[Text], room: int) -> list[list[int]]:
        """Token ids of items in the pattern, each cut to ``room`` tokens."""
        masks, tokens = self._mask * self.options.n_masks, PromptTokenizer(self.tokenizer, self.config.max_tokens)
        # A mask token in an item would be taken for one of the gap.
        items = [tokens.truncated(_without(self._mask, text), room) for text in texts]
        prompts = [filled(self._template_of(item).replace(GAP, masks), item) for item in items]
        return [encoding.ids for encoding in encodings(self.tokenizer, prompts)]

    def _template_of(self, item: Text) -> str:
        pair = isinstance(item, tuple) and len(item) == 2
        return self.options.template or (PAIR_PATTERN if pair else PATTERN)

    def item_room(self) -> int:
        """Tokens of an item that fit into the pattern; below 1 where none do."""
        longest = max(len(ids) for ids in self._encoded(["", ("", "")], 1))
        return self.config.max_tokens - longest - _MARGIN

    def export_patterns(self) -> dict[str, Any]:
        """What a script needs to write rows as ``rows`` does."""
        masks = self._mask * self.options.n_masks
        return {
            "pattern": self._template_of("").replace(GAP, masks),
            "pair_pattern": self._template_of(("", "")).replace(GAP, masks),
            "mask": self._mask,
            "mask_id": self._mask_id,
            "item_tokens": self.item_room(),
        }

    @property
    def _mask(self) -> str:
        return mask_token(self.tokenizer) or _MASKS[0]

    @property
    def _mask_id(self) -> int:
        return cast(int, self.tokenizer.token_to_id(self._mask))

    # ---------------------------------------------------------------------------------------------------------- pooling

    @property
    def pooled_width(self) -> int:
        """See ``Network.pooled_width``."""
        return self.options.n_masks * self.backbone.width

    def pool(self, states: Tensor, batch: Batch) -> Tensor:
        """The concatenated states at the masks."""
        places = torch.from_numpy(np.stack([row.places for row in batch.rows]).astype(np.int64)).to(states.device)
        rows = torch.arange(len(states), device=states.device).unsqueeze(1)
        return states[rows, places].flatten(1).float()

    def overview(self, states: Tensor, batch: Batch) -> Tensor:
        """As ``pool``."""
        return self.pool(states, batch)

    def divide_logits(self, temperature: float) -> bool:
        """See ``protocols.SupportsTemperature``."""
        with torch.no_grad():
            for weight in cast(VerbalizerHead, self.head).out.parameters():
                weight.div_(temperature)
        return True


def mask_token(tokenizer: Tokenizer) -> str | None:
    """The mask token of a tokenizer; ``None``: it has none."""
    return next((name for name in _MASKS if tokenizer.token_to_id(name) is not None), None)


def with_label_words(network: Network, words: Mapping[str, str], template: str = "") -> MaskedLMClassifier:
    """A classifier that begins with the masked-LM head of the checkpoint, on the backbone of a network just created.

    Args:
        network: With ``masked_lm``, the head of its checkpoint.
        words: Label -> words that stand for it; other labels stand for themselves.
        template: The pattern; where it has no ``{mask}`` the gap is at its end. Empty: ``PATTERN``, of pairs
            ``PAIR_PATTERN``.

    Raises:
        InputError: the checkpoint has no such head, a template has no place for the item, a label is unknown, two have
            the same words, a word is not in the vocabulary, or the pattern leaves no room for an item.
    """
    tokenizer = network.tokenizer
    if network.masked_lm is None or mask_token(tokenizer) is None:
        raise InputError("pet: this checkpoint has no masked-LM head; use `contrastive`.")
    pattern = _with_gap(template)
    chosen = words_of_labels(network.labels, words, pattern)
    tokenizer.no_truncation()
    ids = [word_ids(tokenizer, text, pattern or PATTERN) for text in chosen]
    head = network.masked_lm()
    config = MaskedLMClassifierConfig(
        label_words=chosen,
        template=pattern,
        n_masks=max(map(len, ids)),
        inner=len(head.rows[0]),
        activation=head.activation,
        epsilon=head.epsilon,
        dense_bias=head.dense[1] is not None,
        norm_bias=head.norm[1] is not None,
    )
    classifier = MaskedLMClassifier(network.backbone, tokenizer, replace(network.config, head=config))
    room = classifier.item_room()
    if room < 1:
        raise InputError(
            f"pet: the pattern takes {classifier.config.max_tokens - room:,} tokens, a text may have "
            f"{classifier.config.max_tokens:,}; shorten the pattern or the label words, or use `lora`."
        )
    cast(VerbalizerHead, classifier.head).load(head, ids)
    return classifier


def word_ids(tokenizer: Tokenizer, words: str, template: str) -> list[int]:
    """Token ids of words where they stand in the gap of a pattern.

    Raises:
        InputError: there are none, or the vocabulary does not have one of them.
    """
    before, after = (filled(part, ("", "")) for part in template.split(GAP))
    encoded = tokenizer.encode(before + words + after, add_special_tokens=False)
    begin, end = len(before), len(before) + len(words)
    spans = zip(encoded.ids, encoded.offsets, strict=True)
    ids = [token for token, (first, last) in spans if first < end and last > begin]
    unknown = [tokenizer.token_to_id(name) for name in _UNKNOWN]
    if not ids or any(token in unknown for token in ids):
        raise InputError(
            f"pet: the vocabulary of this model has no tokens for the label words {words!r}; give others in "
            "options.pet.words."
        )
    return ids


def _with_gap(template: str) -> str:
    """A pattern with its gap written as ``{mask}``.

    Raises:
        InputError: it has several.
    """
    pattern = template.rstrip()
    for name in _MASKS:
        pattern = pattern.replace(name, GAP)
    if pattern.count(GAP) > 1:
        raise InputError(f"pet: the pattern {template!r} has several gaps; write {GAP} once.")
    return pattern if GAP in pattern or not pattern else f"{pattern} {GAP}"


def _without(mask: str, item: Text) -> Text:
    if isinstance(item, str):
        return item.replace(mask, " ")
    return tuple(text.replace(mask, " ") for text in item)
