"""A decoder as a network: tuned with a head, or told in words what to do (``fit``, of which nothing learns).

``DecoderClassifier`` gives labels. Tuned, a linear head reads the state of the last token. Told, each label is judged
by how likely the decoder finds its words after the item, against how likely it finds them after other texts (below).

Told labels are calibrated: a decoder prefers some words whatever it reads. From log p(label | item) the mean over some
training texts is taken (their labels are not looked at), and softmax makes probabilities of what remains.
Source: Zhou et al. 2023, "Batch Calibration: Rethinking Calibration for In-Context Learning and Prompt Engineering".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from goldilocks.answers import Answers, of_labels
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.backbones.cached_context import CachedContext
from goldilocks.nets.backbones.causal_lm import CausalLM
from goldilocks.nets.generation import prompts
from goldilocks.nets.generation.decoding import Tree, judge
from goldilocks.nets.generation.prompts import Prompt
from goldilocks.nets.hub.weights import answering
from goldilocks.nets.network import Network, NetworkConfig
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.records import Gold, Output, Text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer

ITEM_TOKENS = 512
"""Tokens of an item that are read by who is told in words."""
EXAMPLE_TOKENS = 128
"""The same of an example."""
PRIOR_TEXTS = 64
"""Training texts that show which labels the decoder prefers."""


@dataclass(frozen=True, slots=True)
class PromptState:
    """What a decoder was told; with it, it answers by prompt."""

    prompt: Prompt
    prior: tuple[float, ...] = ()
    """Mean log-likelihood of each label over some training texts."""
    max_tokens: int = 64
    """Most tokens of an answer."""


class DecoderClassifier(Network):
    """Labels from a decoder."""

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """See ``Network``; the tokenizer is made to read texts to their end. The backbone is also a ``CausalLM``."""
        super().__init__(backbone, tokenizer, shape)
        tokenizer.no_truncation()
        self.shots = 0
        """Examples that ``fit`` draws; set by the method."""
        self.telling: PromptState | None = None
        self._ends: list[int] = list(shape.settled.get("ends", ()))
        self._begin: list[int] = list(shape.settled.get("begin", ()))
        self._lead: list[int] | None = None
        self._led: CachedContext | None = None
        self._tree: Tree | None = None

    @property
    def _speaker(self) -> CausalLM:
        return cast(CausalLM, self.backbone)

    # ---------------------------------------------------------------------------------------------------------- tokens

    def _encoded(self, texts: Sequence[str]) -> list[list[int]]:
        return [one.ids for one in encodings(self.tokenizer, texts, special=False)]

    def _cut(self, item: Text, tokens: int) -> Text:
        """The item with at most ``tokens`` tokens in all its texts together, cut at the end of each."""
        texts = (item,) if isinstance(item, str) else item
        share = max(1, tokens // max(1, len(texts)))
        kept = []
        for text in texts:
            text = text[: 12 * share]
            encoded = self.tokenizer.encode(text, add_special_tokens=False) if len(text) > share else None
            if encoded is not None and len(encoded.ids) > share:
                text = text[: encoded.offsets[share - 1][1]]
            kept.append(text)
        return kept[0] if isinstance(item, str) else tuple(kept)

    def _behind(self, before: str, words: Sequence[str]) -> list[list[int]]:
        """Tokens of each of ``words`` where they stand behind ``before``."""
        given, *joined = self._encoded([before, *(before + one for one in words)])
        same = [
            next((i for i, (a, b) in enumerate(zip(given, one, strict=False)) if a != b), len(given)) for one in joined
        ]
        return [one[min(start, len(one) - 1) :] for one, start in zip(joined, same, strict=True)]

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """See ``Network.rows``; several texts are read one line each."""
        most = self.shape.max_tokens
        lines = [one if isinstance(one, str) else "\n".join(one) for one in texts]
        encoded = self._encoded([one[: 12 * most] for one in lines])
        given = [[*self._begin, *ids][:most] or [self.shape.pad_id] for ids in encoded]
        return [Row(np.asarray(ids, dtype=np.int32), number) for number, ids in enumerate(given)]

    # ------------------------------------------------------------------------------------------------------------ told

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Draw examples, and see what the decoder prefers whatever it reads; no weight learns."""
        self._be_exact()
        chosen = prompts.draw(gold, self.shots, seed=seed)
        examples = [(self._cut(texts[i], EXAMPLE_TOKENS), self._short(gold[i])) for i in chosen]
        goal = replace(self.shape.goal, instruction=str(self.shape.settled.get("instruction", "")))
        writes = goal.output is Output.TEXT
        begun = writes and prompts.begun(texts, gold)
        prompt = Prompt(goal, tuple(examples), not writes or prompts.one_line(gold), begun)
        limit = self._limit(gold) if writes else 0
        room = self._speaker.reach - ITEM_TOKENS - 64 - limit
        while prompt.examples and len(self._encoded([prompt.lead])[0]) > room:
            prompt = replace(prompt, examples=prompt.examples[:-1])
        self._tell(PromptState(prompt, max_tokens=limit))
        if goal.output is Output.LABEL:
            some = np.random.default_rng(seed).permutation(len(texts))[:PRIOR_TEXTS].tolist()
            found = self._judged([texts[i] for i in some])
            assert self.telling is not None
            self.telling = replace(self.telling, prior=tuple(found.mean(0).tolist()))

    def _be_exact(self) -> None:
        """Weights as the checkpoint has them, in the precision that is fast here."""
        self.module.to(answering(getattr(torch, str(self.shape.settled.get("precision", "float32")))))
        self.module.eval()

    def _limit(self, gold: Sequence[Gold]) -> int:
        said = [references(one)[0] for one in gold[:1000]]
        return prompts.answer_limit([len(one) for one in self._encoded(said)])

    def _short(self, gold: Gold) -> Gold:
        reply = references(gold)[0] if self.shape.output == Output.TEXT else None
        return gold if reply is None else cast(str, self._cut(reply, 2 * EXAMPLE_TOKENS))

    def _tell(self, telling: PromptState) -> None:
        self.telling = telling
        self._lead, self._led = None, None
        self._speaker.settle(steps=self.shape.output == Output.TEXT)

    def _now(self) -> PromptState:
        """What it goes by at the moment."""
        assert self.telling is not None
        return self.telling

    def _most(self) -> int:
        """Most tokens of an answer."""
        return self._now().max_tokens

    def _prefix(self) -> list[int]:
        if self._lead is None:
            self._lead = [*self._begin, *self._encoded([self._now().prompt.lead])[0]]
        return self._lead

    def _read(self) -> Sequence[int] | CachedContext:
        """What stands before each question; told once and for all it is read once, and kept for later questions."""
        if self.telling is None:  # the weights may go on learning
            return self._prefix()
        if self._led is None:
            with torch.inference_mode():
                self._led = CachedContext.begin(self._speaker, self._prefix())
        return self._led

    def _asked(self, texts: Sequence[Text]) -> list[list[int]]:
        most = self._speaker.reach - len(self._prefix()) - self._most() - 32
        most = min(ITEM_TOKENS, max(8, most))
        prompt = self._now().prompt
        if prompt.begun:  # the answer goes on from its end
            return [one[-most:] for one in self._encoded([prompt.ask(one) for one in texts])]
        return self._encoded([prompt.ask(self._cut(one, most)) for one in texts])

    def _judged(self, texts: Sequence[Text]) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Log-likelihood of each label's words after each item, ``(n_items, n_labels)``."""
        prompt = self._now().prompt
        if self._tree is None:
            before = prompt.ask("")[-8:]
            endings = self._behind(before, [prompt.reply(label) for label in self.labels])
            self._tree = Tree(_told_apart(endings, self._behind(before, ["\n"])[0]))
        found = judge(self._speaker, self._asked(texts), self._tree, prefix=self._read())
        return found.numpy()

    # ------------------------------------------------------------------------------------------------------- answering

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        if self.telling is None:
            return super().predict(texts)
        gap = torch.from_numpy(self._judged(texts) - np.asarray(self.telling.prior or 0.0, dtype=np.float32))
        several = self.shape.several
        found = torch.sigmoid(gap) if several else torch.softmax(gap, -1)
        return of_labels(found.numpy(), self.labels, several=several)

    # ---------------------------------------------------------------------------------------------------------- on disk

    def save(self, folder: Path) -> None:
        """As ``Network.save``, with ``prompt.json`` where the model was told."""
        super().save(folder)
        if self.telling is not None:
            raw = {**asdict(self.telling), "prompt": prompts.to_plain(self.telling.prompt)}
            (folder / "prompt.json").write_text(json.dumps(raw, ensure_ascii=False, indent=2), encoding="utf-8")

    def load_weights(self, folder: Path) -> None:
        """As ``Network.load_weights``; tuned ones in float32, told ones as they were told."""
        self.module.load_state_dict(read_weights(folder / "weights.safetensors"), assign=True)
        self.module.eval()
        if (folder / "prompt.json").exists():
            raw = json.loads((folder / "prompt.json").read_text(encoding="utf-8"))
            told = prompts.from_plain(raw["prompt"])
            self._be_exact()  # it may have been told on another machine
            self._tell(PromptState(told, tuple(raw["prior"]), raw["max_tokens"]))
            return
        self.module.float()
        if self.shape.output == Output.TEXT:
            self._speaker.settle()


def _told_apart(endings: list[list[int]], line_end: list[int]) -> list[list[int]]:
    """Endings of which none begins another: "card" needs its line's end where there is a "card arrival" too."""
    beginnings = {tuple(one[:length]) for one in endings for length in range(1, len(one))}
    return [[*one, *line_end] if tuple(one) in beginnings else one for one in endings]
