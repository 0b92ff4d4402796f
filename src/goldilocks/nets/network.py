"""A text classifier made of a tokenizer, a trunk of blocks, a pooling and a head: what every network family builds.

``tune/loop.py`` trains a ``Network``; methods choose which of its weights learn. The trunk is a stack of blocks, so
that whatever is frozen at the bottom can be run once and its output kept (``Trunk.forward`` with ``start``).
"""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from tokenizers import Tokenizer


class Trunk(nn.Module):
    """Token ids -> hidden states. A subclass gives ``embed`` and ``block``; the blocks are numbered from 0."""

    depth: int
    """Number of blocks above the embeddings."""
    width: int
    """Width of the hidden states that come out at the top (and, for encoders, at every layer)."""
    word_embedding: str | None = None
    """Name of the ``nn.Embedding`` whose rows the ids pick; training leaves out rows whose token does not occur."""
    bf16: bool = False
    """Whether its products may run in bfloat16 where the machine does that in hardware."""
    resumable: bool = True
    """Whether ``block`` needs nothing but the hidden states below it, so that these can be kept."""

    def embed(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Hidden states ``(n_texts, n_tokens, width)`` below block 0. ``mask`` is 1 at tokens, 0 at padding."""
        raise NotImplementedError

    def block(self, number: int, hidden: Tensor, mask: Tensor) -> Tensor:
        """Hidden states above block ``number``."""
        raise NotImplementedError

    def forward(
        self, ids: Tensor, mask: Tensor, *, start: int = 0, hidden: Tensor | None = None, stop: int | None = None
    ) -> Tensor:
        """Run blocks ``start`` up to (not including) ``stop``; ``hidden`` is what came out below ``start``."""
        if hidden is None:
            hidden = self.embed(ids, mask)
        for number in range(start, self.depth if stop is None else stop):
            hidden = self.block(number, hidden, mask)
        return hidden

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm) -> names of this trunk's parameters."""
        raise NotImplementedError

    def block_of(self, parameter: str) -> int:
        """The block a parameter of this trunk belongs to; -1: the embeddings."""
        raise NotImplementedError


def pool(hidden: Tensor, mask: Tensor, how: str) -> Tensor:
    """A float32 vector per text: ``mean`` or ``max`` over its tokens, or the ``first``. ``(n, t, w)`` -> ``(n, w)``."""
    hidden = hidden.float()
    if how == "first":
        return hidden[:, 0]
    keep = mask.unsqueeze(-1).to(hidden.dtype)
    if how == "max":
        return hidden.masked_fill(keep == 0, float("-inf")).amax(1).nan_to_num(neginf=0.0)
    return (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)


@dataclass(frozen=True, slots=True)
class Shape:
    """What is needed to build the same network again; written to ``network.json``."""

    kind: str
    """Which trunk, in its family's own words."""
    options: dict[str, Any]
    """The trunk's own numbers."""
    labels: tuple[str, ...]
    pooling: str
    max_tokens: int
    pad_id: int = 0


class Network:
    """A tokenizer, a trunk and a linear head. A ``Model`` (see protocols) that gradient descent can train."""

    def __init__(self, trunk: Trunk, tokenizer: Tokenizer, shape: Shape) -> None:
        """Put the parts together; the head is drawn from torch's generator (normal, 0.02)."""
        self.trunk = trunk
        self.tokenizer = tokenizer
        self.shape = shape
        self.labels = shape.labels
        self.dropout = nn.Dropout(0.0)
        self.head = nn.Linear(trunk.width, len(shape.labels))
        nn.init.normal_(self.head.weight, std=0.02)
        nn.init.zeros_(self.head.bias)
        self.module = nn.ModuleDict({"trunk": trunk, "head": self.head})
        """Everything with weights: what is trained, counted and saved."""

    # ----------------------------------------------------------------------------------------------- what it is made of

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm, head) -> parameter names of ``module``."""
        own = {role: [f"trunk.{name}" for name in names] for role, names in self.trunk.groups().items()}
        return own | {"head": ["head.weight", "head.bias"]}

    def block_of(self, parameter: str) -> int:
        """Block a parameter of ``module`` belongs to: -1 the embeddings, ``trunk.depth`` the head."""
        if parameter.startswith("head."):
            return self.trunk.depth
        return self.trunk.block_of(parameter.removeprefix("trunk."))

    def frozen_blocks(self) -> int:
        """How many blocks from the bottom learn nothing, the embeddings with them; -1: the embeddings learn."""
        lowest = min(self.block_of(name) for name, weight in self.module.named_parameters() if weight.requires_grad)
        return lowest

    # ------------------------------------------------------------------------------------------------------- answering

    def tokenize(self, texts: Sequence[str]) -> list[npt.NDArray[np.int32]]:
        """Token ids of each text, special tokens included, at most ``max_tokens``, at least one."""
        # A text far longer than the model reads would only cost tokenizing; no language has 12 characters per token.
        reach = 12 * self.shape.max_tokens
        encoded = self.tokenizer.encode_batch_fast([text[:reach] for text in texts])
        nothing = np.array([self.shape.pad_id], dtype=np.int32)
        return [np.asarray(one.ids, dtype=np.int32) if one.ids else nothing for one in encoded]

    def logits(self, ids: Tensor, mask: Tensor, *, start: int = 0, hidden: Tensor | None = None) -> Tensor:
        """Scores before softmax, ``(n_texts, n_labels)``, float32."""
        states = self.trunk(ids, mask, start=start, hidden=hidden)
        return self.score_pooled(pool(states, mask, self.shape.pooling))

    def score_pooled(self, pooled: Tensor) -> Tensor:
        """Scores from pooled vectors ``(n_texts, width)``."""
        scores: Tensor = self.head(self.dropout(pooled).to(self.head.weight.dtype))
        return scores.float()

    def twin(self) -> Network:
        """The same network with weights of its own; the tokenizer is shared."""
        other = copy.copy(self)
        other.module = copy.deepcopy(self.module)
        other.trunk = cast(Trunk, other.module["trunk"])
        other.head = cast(nn.Linear, other.module["head"])
        other.dropout = nn.Dropout(self.dropout.p)
        return other

    def predict(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Probabilities ``(n_texts, n_labels)``; see ``protocols.Model``."""
        with torch.inference_mode():
            return torch.softmax(self.score_pooled(self.pooled(texts)), dim=-1).cpu().numpy()

    def pooled(self, texts: Sequence[str]) -> Tensor:
        """What the head sees of each text, ``(n_texts, width)``, float32."""
        from goldilocks.nets.batches import by_length, padded

        device = self.head.weight.device
        found = torch.empty((len(texts), self.trunk.width), device=device)
        tokens = self.tokenize(texts) if texts else []
        self.module.eval()
        with torch.inference_mode():
            for rows in by_length([len(one) for one in tokens], rows=64, tokens=8192):
                ids, mask = (one.to(device) for one in padded([tokens[i] for i in rows], self.shape.pad_id))
                found[rows] = pool(self.trunk(ids, mask), mask, self.shape.pooling)
        return found

    def features(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Mean-pooled states of every layer from one pass, shape ``(n_texts, depth + 1, width)`` (0: embeddings)."""
        from goldilocks.nets.batches import by_length, padded

        tokens = self.tokenize(texts)
        found = np.empty((len(texts), self.trunk.depth + 1, self.trunk.width), dtype=np.float32)
        self.module.eval()
        device = self.head.weight.device
        with torch.inference_mode():
            for rows in by_length([len(one) for one in tokens], rows=64, tokens=8192):
                ids, mask = (one.to(device) for one in padded([tokens[i] for i in rows], self.shape.pad_id))
                hidden = self.trunk.embed(ids, mask)
                found[rows, 0] = pool(hidden, mask, "mean").cpu().numpy()
                for number in range(self.trunk.depth):
                    hidden = self.trunk.block(number, hidden, mask)
                    found[rows, number + 1] = pool(hidden, mask, "mean").cpu().numpy()
        return found

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights as they lie in memory now."""
        return sum(one.numel() * one.element_size() for one in self.module.parameters())

    def save(self, folder: Path) -> None:
        """Write ``network.json``, ``weights.safetensors`` and ``tokenizer.json``."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: one.detach().cpu().contiguous() for name, one in self.module.state_dict().items()}
        save_file(weights, folder / "weights.safetensors")
        self.tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "network.json").write_text(
            json.dumps(asdict(self.shape), ensure_ascii=False, indent=2), encoding="utf-8"
        )

    def load_weights(self, folder: Path) -> None:
        """Fill ``module`` from ``weights.safetensors``."""
        from safetensors.torch import load_file

        self.module.load_state_dict(load_file(folder / "weights.safetensors"))


def read_shape(folder: Path) -> Shape:
    """The ``Shape`` in ``network.json``."""
    raw = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    return Shape(**{**raw, "labels": tuple(raw["labels"])})


def read_tokenizer(path: Path, max_tokens: int) -> Tokenizer:
    """A tokenizer that cuts at ``max_tokens`` (special tokens kept) and does not pad: batches pad themselves."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=max_tokens)
    return tokenizer
