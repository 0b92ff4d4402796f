"""A classifier made of a tokenizer, a backbone of blocks, a pooling and a head: what every network family builds.

``tuning/loop.py`` trains a ``Network``; methods choose which of its weights learn. The backbone is a stack of blocks,
so that whatever is frozen at the bottom can be run once and its output kept (``Backbone.forward`` with ``start``).
Networks that give another kind of answer than labels are subclasses (``nets/assemble.py`` names them): they read items
into rows their own way, and say what the loss is and how hidden states become answers.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError
from goldilocks.nets.tokenization.batching import Batch, Row, by_length, padded
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.records import Goal, Gold, Output, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.tokenization.tokenizer import encodings


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """What is needed to build the same network again; written to ``network.json``."""

    kind: str
    """Which backbone, in its family's own words."""
    options: dict[str, Any]
    """The backbone's own numbers."""
    labels: tuple[str, ...]
    pooling: str
    max_tokens: int
    pad_id: int = 0
    output: str = Output.LABEL.value
    several: bool = False
    """Whether an item may have several labels."""
    settled: dict[str, Any] = field(default_factory=dict)
    """Numbers of the head that are not weights, e.g. the range of the scores."""

    @property
    def goal(self) -> Goal:
        """What the network is asked for."""
        return Goal(Output(self.output), self.labels, self.several)


def linear_head(width: int, outputs: int) -> nn.Linear:
    """A linear layer drawn from torch's generator (normal, 0.02; no bias to begin with)."""
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


class Network:
    """A tokenizer, a backbone and a linear head. A ``Model`` (see protocols) that gradient descent can train."""

    pools = True
    """Whether the head sees one vector per row (``pool``) instead of all hidden states."""

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> None:
        """Put the parts together; the head is drawn from torch's generator.

        Raises:
            InputError: the tokenizer knows more tokens than the backbone.
        """
        _same_vocabulary(backbone, tokenizer)
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.shape = shape
        self.labels = shape.labels
        self.dropout = nn.Dropout(0.0)
        self.label_smoothing = 0.0
        self.head = self.new_head()
        self.module = nn.ModuleDict({"backbone": backbone, "head": self.head})
        """Everything with weights: what is trained, counted and saved."""

    def new_head(self) -> nn.Module:
        """A head that knows nothing."""
        return linear_head(self.pooled_width, len(self.labels))

    def multiply_head(self, count: int) -> None:
        """Put ``count`` heads side by side, each of which starts elsewhere.

        Raises:
            InputError: this network has one head only.
        """
        raise InputError(f"heads is {count}; only what tags words has several, leave it out.")

    # ----------------------------------------------------------------------------------------------- what it is made of

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm, head) -> parameter names of ``module``."""
        own = {role: [f"backbone.{name}" for name in names] for role, names in self.backbone.groups().items()}
        return own | {"head": [f"head.{name}" for name, _ in self.head.named_parameters()]}

    def block_of(self, parameter: str) -> int:
        """Block a parameter of ``module`` belongs to: -1 the embeddings, ``backbone.depth`` the head."""
        if parameter.startswith("head."):
            return self.backbone.depth
        return self.backbone.block_of(parameter.removeprefix("backbone."))

    def frozen_blocks(self) -> int:
        """How many blocks from the bottom learn nothing, the embeddings with them; -1: the embeddings learn."""
        lowest = min(self.block_of(name) for name, weight in self.module.named_parameters() if weight.requires_grad)
        return lowest

    # --------------------------------------------------------------------------------------------------------- reading

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """The rows of tokens of each item, at most ``max_tokens`` long: here one per item, cut at the end."""
        # A text far longer than the model reads would only cost tokenizing; no language has 12 characters per token.
        reach = 12 * self.shape.max_tokens
        given = [one[:reach] if isinstance(one, str) else _pair(one, reach) for one in texts]
        pairs = any(isinstance(one, tuple) for one in given)
        return [self._row(one, number, pairs) for number, one in enumerate(encodings(self.tokenizer, given))]

    def _row(self, encoded: Encoding, item: int, pairs: bool) -> Row:
        ids = np.asarray(encoded.ids or [self.shape.pad_id], dtype=np.int32)
        types = {"types": np.asarray(encoded.type_ids or [0], dtype=np.int32)} if pairs else {}
        return Row(ids, item, types)

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:  # noqa: ARG002
        """The rows to learn from; those of a network that reads its own answer hold that too."""
        return self.rows(texts)

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """What ``loss`` needs to know of the right answer, row by row."""
        number = {label: place for place, label in enumerate(self.labels)}
        if not self.shape.several:
            return [number[cast(str, gold[row.item])] for row in rows]
        found = np.zeros((len(rows), len(self.labels)), dtype=np.float32)
        for place, row in enumerate(rows):
            found[place, [number[label] for label in cast(tuple[str, ...], gold[row.item])]] = 1
        return list(found)

    def costs(self, rows: Sequence[Row], targets: Sequence[Any]) -> list[int]:  # noqa: ARG002
        """Tokens that each row counts in a training batch."""
        return [len(row) for row in rows]

    def batches(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], Batch]]:
        """Batches to answer in: the positions of their rows, and the batch, on the device of the weights."""
        device = next(self.module.parameters()).device
        for chosen in by_length([len(one) for one in rows], rows=64, tokens=8192):
            yield chosen, padded([rows[i] for i in chosen], self.shape.pad_id).to(device)

    @property
    def pooled_width(self) -> int:
        """Width of what ``pool`` gives."""
        return self.backbone.width

    def pool(self, states: Tensor, batch: Batch) -> Tensor:
        """What the head sees of each row, ``(n_rows, pooled_width)``, float32; only where the head ``pools``."""
        return pool(states, batch.mask, self.shape.pooling)

    # --------------------------------------------------------------------------------------------------------- learning

    def halve(self) -> None:
        """Turn what has most of the work to bfloat16 (a working copy, see ``tuning/loop.py``)."""
        self.backbone.to(torch.bfloat16)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean loss of a batch from the backbone's states, with gradients."""
        return self.loss_pooled(self.pool(states, batch), targets)

    def loss_pooled(self, pooled: Tensor, targets: Sequence[Any]) -> Tensor:
        """The same from pooled vectors ``(n_rows, pooled_width)``; only where the head ``pools``."""
        scores = self.score_pooled(pooled)
        if self.shape.several:
            wanted = torch.from_numpy(np.stack(targets)).to(scores.device)
            return F.binary_cross_entropy_with_logits(scores, wanted)
        wanted = torch.tensor(targets, device=scores.device)
        return F.cross_entropy(scores, wanted, label_smoothing=self.label_smoothing)

    # -------------------------------------------------------------------------------------------------------- answering

    def score_pooled(self, pooled: Tensor) -> Tensor:
        """Scores from pooled vectors ``(n_rows, pooled_width)``: ``(n_rows, n_labels)`` before softmax, float32."""
        dtype = next(self.head.parameters()).dtype
        scores: Tensor = self.head(self.dropout(pooled).to(dtype))
        return scores.float()

    def twin(self) -> Network:
        """The same network with weights of its own; the tokenizer is shared."""
        other = copy.copy(self)
        other.module = copy.deepcopy(self.module)
        other.backbone = cast(Backbone, other.module["backbone"])
        other.head = other.module["head"]
        other.dropout = nn.Dropout(self.dropout.p)
        return other

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``."""
        return self.answer_pooled(self.pooled(texts))

    def answer_pooled(self, pooled: Tensor) -> Answers:
        """Answers from pooled vectors, one per item."""
        with torch.inference_mode():
            scores = self.score_pooled(pooled)
            found = torch.sigmoid(scores) if self.shape.several else torch.softmax(scores, dim=-1)
        return of_labels(found.cpu().numpy(), self.labels, several=self.shape.several)

    def pooled(self, texts: Sequence[Text]) -> Tensor:
        """What the head sees of each item, ``(n_items, pooled_width)``, float32; only where the head ``pools``."""
        found = torch.empty((len(texts), self.pooled_width), device=next(self.module.parameters()).device)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                found[chosen] = self.pool(self.backbone(batch), batch)
        return found

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32] | None:
        """See ``protocols.SupportsEmbeddings``."""
        return self.pooled(texts).float().cpu().numpy() if self.pools else None

    def overview(self, states: Tensor, batch: Batch) -> Tensor:
        """What the screening sees of each row at a layer, ``(n_rows, pooled_width)``: the mean of all tokens."""
        return pool(states, batch.mask, "mean")

    def features(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """``overview`` of every layer from one pass, shape ``(n_items, depth + 1, pooled_width)`` (0: embeddings)."""
        found = np.empty((len(texts), self.backbone.depth + 1, self.pooled_width), dtype=np.float32)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts)):
                hidden = self.backbone.embed(batch)
                found[chosen, 0] = self.overview(hidden, batch).cpu().numpy()
                for number in range(self.backbone.depth):
                    hidden = self.backbone.block(number, hidden, batch.mask)
                    found[chosen, number + 1] = self.overview(hidden, batch).cpu().numpy()
        return found

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights as they lie in memory now."""
        return sum(one.numel() * one.element_size() for one in self.module.parameters())

    def save(self, folder: Path) -> None:
        """Write ``network.json``, ``weights.safetensors`` and ``tokenizer.json``."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: _shortest(one.cpu()).contiguous() for name, one in own_weights(self.module).items()}
        save_file(weights, folder / "weights.safetensors")
        self.tokenizer.save(str(folder / "tokenizer.json"))
        (folder / "network.json").write_text(
            json.dumps(asdict(self.shape), ensure_ascii=False, indent=2), encoding="utf-8"
        )

    def load_weights(self, folder: Path) -> None:
        """Fill ``module`` from ``weights.safetensors``, in the precision ``module`` has."""
        given = read_weights(folder / "weights.safetensors")
        shared = self.module.state_dict().keys() - own_weights(self.module).keys()
        again = {name: one for name, one in self.module.state_dict().items() if name in shared}
        self.module.load_state_dict(given | again)


def _same_vocabulary(backbone: Backbone, tokenizer: Tokenizer) -> None:
    table = backbone.get_submodule(backbone.word_embedding) if backbone.word_embedding else None
    rows = getattr(table, "num_embeddings", None)
    # Tokens added later may lie beyond the table, where they stand for what is no text, such as images.
    tokens = tokenizer.get_vocab_size(with_added_tokens=False)
    if rows is not None and tokens > rows:
        raise InputError(
            f"tokenizer.json has {tokens} tokens, the model's table {rows} rows: they are not of the same model; "
            "download both from one place."
        )


def own_weights(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name; one that several parts share stands under its first name only."""
    found: dict[int, tuple[str, Tensor]] = {}
    for name, one in module.state_dict(keep_vars=True).items():
        found.setdefault(id(one), (name, one.detach()))
    return dict(found.values())


def _shortest(weight: Tensor) -> Tensor:
    """The same numbers in bfloat16, where that loses nothing: frozen layers of a checkpoint that was kept so."""
    if weight.dtype != torch.float32:
        return weight
    short = weight.bfloat16()
    return short if torch.equal(short.float(), weight) else weight


def _pair(texts: tuple[str, ...], reach: int) -> str | tuple[str, str]:
    """Two texts as the tokenizer takes them; more than two are one text after another."""
    return (texts[0][:reach], texts[1][:reach]) if len(texts) == 2 else as_text(texts)[:reach]


def read_config(folder: Path) -> NetworkConfig:
    """The ``NetworkConfig`` in ``network.json``."""
    raw = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    return NetworkConfig(**{**raw, "labels": tuple(raw["labels"])})
