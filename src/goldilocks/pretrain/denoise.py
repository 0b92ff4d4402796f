"""Span denoising (Raffel et al. 2020, T5): spans are removed from running text, and the decoder generates them.

15 % of the tokens are removed, in spans of 3 on average; a sentinel replaces each. Documents are concatenated, with an
end token between them; attention crosses document boundaries inside a row, as in T5. Rows take as many tokens of text
as give exactly the configured length once spans are removed, so that neither side is ever padded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from goldilocks.errors import InputError
from goldilocks.pretrain.objective import (
    Batch,
    Documents,
    TokenizerSpec,
    attention_kind,
    mean_loss,
    read_model,
    tensors,
)
from goldilocks.pretrain.packing import Unit, unit
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.pretrain.tokenizer import Vocabulary

if TYPE_CHECKING:
    from goldilocks.pretrain.packing import Rows

SHARE, SPAN = 0.15, 3.0
"""Share of the tokens that are removed; mean tokens of a span."""
FORM = TokenizerSpec(
    tokenizer="unigram",
    specials={"pad": "<pad>", "eos": "</s>", "unk": "<unk>"},
    template=("$A </s>", "$A </s> $B </s>"),
    needs=("pad", "eos"),
    sentinels=100,
)


class SpanDenoisingObjective:
    """Span denoising; see the module."""

    again: int | None = None

    def __init__(self, vocabulary: Vocabulary, settings: PretrainSettings) -> None:
        """``vocabulary`` has the roles in ``FORM.needs``, and sentinels.

        Raises:
            InputError: it has too few sentinels for rows of this length.
        """
        self.vocabulary, self.settings = vocabulary, settings
        self._sentinels = np.array(vocabulary.sentinels(), dtype=np.int64)
        needed = counts(self.row_length(settings.length))[1]
        if needed > len(self._sentinels):
            raise InputError(
                f"the tokenizer has {len(self._sentinels)} sentinels (<extra_id_0>, ...), rows of {settings.length} "
                f"tokens need {needed}; choose a shorter --length or another checkpoint."
            )

    def row_length(self, length: int) -> int:
        """Tokens of text that become ``length``: a sentinel replaces each span, and an end token is added."""
        tokens = 2
        while True:
            cut, spans = counts(tokens + 1)
            if tokens + 1 - cut + spans + 1 > length:
                return tokens
            tokens += 1

    def units(self, documents: Documents, seed: int) -> Iterator[Unit]:  # noqa: ARG002
        """See ``Objective``."""
        for ids, words in documents:
            yield unit(ids, words, head=None, tail=self.vocabulary.id("eos"))

    def fresh(self, size: Size) -> nn.Module:
        """See ``Objective``."""
        from transformers import T5Config, T5ForConditionalGeneration

        config = T5Config(
            vocab_size=self.vocabulary.size,
            d_model=size.width,
            d_kv=size.width // size.heads,
            d_ff=2 * size.width,
            num_layers=size.depth,
            num_decoder_layers=size.depth,
            num_heads=size.heads,
            dropout_rate=self.settings.dropout,
            feed_forward_proj="gated-gelu",
            pad_token_id=self.vocabulary.id("pad"),
            eos_token_id=self.vocabulary.id("eos"),
            decoder_start_token_id=self.vocabulary.id("pad"),
            attn_implementation=attention_kind(),
        )
        return cast(nn.Module, T5ForConditionalGeneration(config))

    def read(self, folder: Path) -> nn.Module:
        """See ``Objective``."""
        from transformers import T5ForConditionalGeneration

        given = self.settings
        model = read_model(folder, T5ForConditionalGeneration, ("t5",), dropout=given.dropout, length=given.length)
        return cast(nn.Module, model)

    def batch(self, rows: Rows, draws: Sequence[np.random.Generator]) -> Batch:
        """See ``Objective``."""
        eos = self.vocabulary.id("eos")
        sources, targets = [], []
        for row, rng in zip(rows["ids"].astype(np.int64), draws, strict=True):
            cut = spans(len(row), rng)
            sources.append([*replaced(row, cut, self._sentinels), eos])
            targets.append([*replaced(row, ~cut, self._sentinels), eos])
        return tensors({"ids": np.array(sources), "targets": np.array(targets)})

    def loss(self, model: nn.Module, batch: Batch) -> Tensor:
        """See ``Objective``."""
        network = cast(Any, model)
        scores = network(input_ids=batch["ids"], labels=batch["targets"], use_cache=False).logits
        return mean_loss(scores.flatten(0, 1), batch["targets"].flatten())


def counts(tokens: int) -> tuple[int, int]:
    """How many of ``tokens`` tokens are removed, and in how many spans.

    Example:
        >>> counts(568)  # T5's own row: 568 tokens become 512
        (85, 28)
    """
    cut = min(max(1, round(tokens * SHARE)), tokens - 1)
    return cut, max(1, round(cut / SPAN))


def spans(tokens: int, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Mask of the removed tokens. Kept and removed spans alternate, starting with a kept one, as in T5.

    Args:
        tokens: Length of the row, at least 2.
        rng: Random generator.
    """
    cut, count = counts(tokens)
    count = min(count, tokens - cut)
    lengths = np.stack([_parts(tokens - cut, count, rng), _parts(cut, count, rng)], axis=1).ravel()
    return np.repeat(np.arange(2 * count) % 2 == 1, lengths)


def _parts(total: int, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """``total`` as a sum of ``count`` numbers above 0, uniformly drawn."""
    ends = np.sort(rng.choice(np.arange(1, total), count - 1, replace=False)) if count > 1 else np.empty(0, np.int64)
    return np.diff(np.concatenate([[0], ends, [total]])).astype(np.int64)


def replaced(
    ids: npt.NDArray[np.int64], gone: npt.NDArray[np.bool_], sentinels: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """The tokens with a sentinel in place of each removed span.

    Example:
        >>> gone = np.array([False, True, True, False, True])
        >>> replaced(np.array([5, 6, 7, 8, 9]), gone, np.array([100, 101])).tolist()
        [5, 100, 8, 101]
    """
    begins = gone & ~np.concatenate([[False], gone[:-1]])
    marked = np.where(begins, sentinels[np.minimum(np.cumsum(begins) - 1, len(sentinels) - 1)], ids)
    kept: npt.NDArray[np.int64] = marked[~gone | begins]
    return kept
