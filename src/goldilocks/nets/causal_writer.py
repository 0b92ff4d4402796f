"""A decoder as a network that writes: texts, and likelihoods of texts, tuned or told.

Tuned, it learns to go on from the prompt without examples; the loss is that of the answer's tokens alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torch.utils.checkpoint import checkpoint

from goldilocks.answers import Answers, of_values
from goldilocks.errors import InputError
from goldilocks.nets.batches import Batch, Row
from goldilocks.nets.causal import Causal, Telling
from goldilocks.nets.decoding import likelihood, write
from goldilocks.nets.network import Shape, Trunk
from goldilocks.nets.prompts import Prompt, generation_from, said
from goldilocks.nets.sampling import Sampling
from goldilocks.nets.speaker import Memory, Place, Speaker
from goldilocks.nets.token_logprobs import TokenLogprobs, token_logprobs
from goldilocks.records import Generation, Gold, Output, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_CHUNK = 64
"""Places whose scores over the vocabulary are held at a time while learning."""
_LEAST_ASKED = 40
"""Tokens there must be for an item and what stands about it."""
_PIECE = 512
"""Tokens of a long text that are judged at a time, behind as many others."""


class Scale(nn.Module):
    """A factor for each number of a state: the head of a network whose last matrix is its word table."""

    def __init__(self, width: int) -> None:
        """Ones."""
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, states: Tensor) -> Tensor:
        """The same shape."""
        return states * self.weight.to(states.dtype)


class _Headed(Speaker):
    """The trunk with its head: what speaks after tuning."""

    def __init__(self, trunk: Speaker, head: nn.Module) -> None:
        self.trunk, self.head, self.reach = trunk, head, trunk.reach

    def settle(self, *, steps: bool = True) -> None:
        self.trunk.settle(steps=steps)

    def remember(self) -> Memory:
        return self.trunk.remember()

    def read(self, ids: Tensor, place: Place, memory: Memory) -> Tensor:
        return cast(Tensor, self.head(self.trunk.read(ids, place, memory)))

    def logits(self, hidden: Tensor) -> Tensor:
        return self.trunk.logits(hidden)

    def likeliest(self, hidden: Tensor) -> Tensor:
        return self.trunk.likeliest(hidden)


class CausalWriter(Causal):
    """Texts (``Output.TEXT``) and likelihoods of texts (``Output.LIKELIHOOD``) from a decoder."""

    pools = False

    def __init__(self, trunk: Trunk, tokenizer: Tokenizer, shape: Shape) -> None:
        """See ``Causal``."""
        super().__init__(trunk, tokenizer, shape)
        # The word table is the last matrix too: every token of it takes part, whether it occurs or not.
        trunk.word_embedding = None
        self.generation = generation_from(shape.settled.get("generation", {}))
        """See ``protocols.Writing``."""

    def new_head(self) -> nn.Module:
        """See ``Scale``."""
        return Scale(self.trunk.width)

    @property
    def _speaker(self) -> Speaker:
        return _Headed(cast(Speaker, self.trunk), self.head)

    # -------------------------------------------------------------------------------------------------------- learning

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """Prompts alone; ``targets`` puts the answers behind them."""
        if self.shape.output == Output.LIKELIHOOD:
            asked = self._encoded(["" if isinstance(one, str) else _before(one) for one in texts])
        else:
            prompt = self._plain_prompt()
            lead = self._encoded([prompt.lead])[0]
            # Of an item that begins a program the end is kept, below.
            cut = texts if prompt.begun else [self._cut(one, self.shape.max_tokens // 2) for one in texts]
            asked = [[*lead, *one] for one in self._encoded([prompt.ask(one) for one in cut])]
        given = [[*self._begin, *ids] or [self.shape.pad_id] for ids in asked]
        return [Row(np.asarray(ids[-self.shape.max_tokens :], dtype=np.int32), i) for i, ids in enumerate(given)]

    def _plain_prompt(self) -> Prompt:
        goal = replace(self.shape.goal, instruction=str(self.shape.settled.get("instruction", "")))
        settled = self.shape.settled
        return Prompt(goal, one_line=bool(settled.get("one_line", True)), begun=bool(settled.get("begun", False)))

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:
        """Prompt and right answer as one row; ``places`` holds where the answer begins."""
        asked = self.rows(texts)
        if self.shape.output == Output.LIKELIHOOD:
            wanted = self._encoded([_own(one) for one in texts])
        else:
            wanted = self._encoded([self._plain_prompt().reply(one) for one in gold])
        made = []
        for row, ids in zip(asked, wanted, strict=True):
            target = [*ids[: self.shape.max_tokens], *self._ends[:1]] or [self.shape.pad_id]
            joined = np.concatenate([row.ids, np.asarray(target, dtype=np.int32)])
            made.append(replace(row, ids=joined, places=np.array([len(row.ids)], dtype=np.int32)))
        return made

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:  # noqa: ARG002
        """The rows hold their answers themselves."""
        return [None] * len(rows)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:  # noqa: ARG002
        """Mean cross-entropy of the answers' tokens."""
        states = self.head(self.dropout(states))
        firsts = [int(row.places[0]) for row in batch.rows]
        read = torch.cat(
            [states[i, first - 1 : len(row) - 1] for i, (first, row) in enumerate(zip(firsts, batch.rows, strict=True))]
        )
        wanted = torch.cat(
            [batch.ids[i, first : len(row)] for i, (first, row) in enumerate(zip(firsts, batch.rows, strict=True))]
        )
        # Scores over the vocabulary are a thousand times as wide as a state: they are made anew on the way back.
        parts = zip(torch.split(read, _CHUNK), torch.split(wanted, _CHUNK), strict=True)
        sums = [checkpoint(self._entropy, one, ids, use_reentrant=False) for one, ids in parts]
        return torch.stack(sums).sum() / max(1, len(wanted))

    def _entropy(self, states: Tensor, wanted: Tensor) -> Tensor:
        scores = cast(Speaker, self.trunk).logits(states).float()
        return F.cross_entropy(scores, wanted, reduction="sum", label_smoothing=self.label_smoothing)

    # ------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        self.module.eval()
        if not texts:
            return of_values(())
        if self.shape.output == Output.LIKELIHOOD:
            return of_values(self._likelihoods(texts))
        return of_values(self.written(texts))

    def written(
        self,
        texts: Sequence[Text],
        *,
        temperature: float | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> list[str]:
        """An answer to each item, the likeliest or a drawn one; what is not said is as in ``generation``."""
        telling = self._now()
        now = {"temperature": temperature, "top_p": top_p, "seed": seed}
        how = {**said(self.generation), **{name: value for name, value in now.items() if value is not None}}
        how |= {"max_tokens": self._most(), "stops": how.get("stops", telling.prompt.stops)}
        sampling = Sampling(**how)
        prefix = self._prefix()
        if len(prefix) + sampling.max_tokens + _LEAST_ASKED > self._speaker.reach:
            raise InputError(
                f"max_tokens is {sampling.max_tokens}; this decoder holds {self._speaker.reach} tokens, and "
                f"{len(prefix)} of them are what it is told: ask for fewer."
            )
        found = write(self._speaker, self.tokenizer, self._asked(texts), sampling, prefix=self._read(), ends=self._ends)
        # The lines of a program's rest begin where they begin.
        return [one.text.rstrip() if telling.prompt.begun else one.text.strip() for one in found]

    # ------------------------------------------------------------------------------------------- as a language model

    @property
    def models_text(self) -> bool:
        """See ``token_logprobs.SupportsTokenLogprobs``."""
        return self.shape.output == Output.LIKELIHOOD

    def token_logprobs(self, item: Text) -> TokenLogprobs:
        """See ``token_logprobs.SupportsTokenLogprobs``.

        Raises:
            InputError: it has no tokens, or more than the model holds.
        """
        self.module.eval()
        return token_logprobs(self._speaker, self.tokenizer, self._given_ids(item, 0))

    def continued(self, texts: Sequence[Text], how: Generation) -> list[str]:
        """See ``token_logprobs.SupportsTokenLogprobs``."""
        self.module.eval()
        wanted = {"max_tokens": 16, **said(how)}
        prompts_ = [self._given_ids(one, int(wanted["max_tokens"])) for one in texts]
        found = write(self._speaker, self.tokenizer, prompts_, Sampling(**wanted), ends=self._ends)
        return [one.text for one in found]

    def _given_ids(self, item: Text, more: int) -> list[int]:
        """The tokens of a text with those that every text begins with; ids that are given stay as they are."""
        if isinstance(item, str):
            ids = [*self._begin, *self._encoded([item])[0]] or [self.shape.pad_id]
        else:
            ids = [int(one) for one in item]
        if not ids or not all(0 <= one < self.tokenizer.get_vocab_size() for one in ids):
            raise InputError("the prompt has no tokens, or ids beyond the vocabulary; send text.")
        if len(ids) + more > self._speaker.reach:
            raise InputError(
                f"the prompt has {len(ids):,} tokens and {more:,} may follow; the model holds "
                f"{self._speaker.reach:,}: send less."
            )
        return ids

    def _limit(self, gold: Sequence[Gold]) -> int:
        return self.generation.max_tokens or super()._limit(gold)

    def _most(self) -> int:
        return self.generation.max_tokens or self._now().max_tokens

    def _now(self) -> Telling:
        """Tuned without having been told, it is asked as it learnt: the instruction and no examples."""
        return self.telling or Telling(self._plain_prompt(), max_tokens=int(self.shape.settled.get("max_tokens", 64)))

    def _likelihoods(self, texts: Sequence[Text]) -> list[float]:
        """Long texts piece by piece, each with what stands right before it."""
        given: list[tuple[int, list[int], list[int]]] = []
        for number, text in enumerate(texts):
            before, own = self._encoded(["" if isinstance(text, str) else _before(text), _own(text)])
            given += [
                (number, *pair)
                for pair in _pieces([*self._begin, *before] or [self.shape.pad_id], [*own, *self._ends[:1]])
            ]
        found = likelihood(self._speaker, [one[1] for one in given], [one[2] for one in given])
        sums = [0.0] * len(texts)
        for (number, _, _), value in zip(given, found.tolist(), strict=True):
            sums[number] += value
        return sums


def _pieces(before: list[int], own: list[int]) -> Iterator[tuple[list[int], list[int]]]:
    """(context, target) pairs of at most ``_PIECE`` tokens each that make up ``own``."""
    everything = [*before, *own]
    for start in range(len(before), len(everything), _PIECE):
        yield everything[max(0, start - _PIECE) : start], everything[start : start + _PIECE]


def _before(item: tuple[str, ...]) -> str:
    return as_text(item[:-1])


def _own(item: Text) -> str:
    """The text whose likelihood is asked for; of several, the last, with the space before it."""
    return item if isinstance(item, str) else f" {item[-1]}" if len(item) > 1 else item[-1]
