"""Sequence classifier: tokenizer, backbone, pooling and a linear head; the base of all networks with other heads.

``tuning/loop.py`` trains a ``Network``; methods choose which of its weights are trainable. The backbone is a stack of
blocks, so that the output of frozen blocks at the bottom can be computed once and cached (``Backbone.forward`` with
``start``). Networks for other kinds of output are subclasses (``nets/assemble.py`` lists them): each tokenizes items
its own way and defines the loss and how hidden states become answers.
"""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from goldilocks.answers import Answers, of_labels
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.backbones.base import Backbone, pool
from goldilocks.nets.tokenization.batching import Batch, Row, cheapest, padded
from goldilocks.nets.tokenization.tokenizer import encodings
from goldilocks.nets.training.losses.criterion import Criterion
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.records import Goal, Gold, Output, Text, as_text

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer

    from goldilocks.nets.hub.masked_lm import MaskedLM


LOSS_OPTIONS = frozenset(
    {"label_smoothing", "class_weights", "focal_gamma", "logit_adjustment", "r_drop", "contrastive_weight"}
)
"""Fields of a ``TrainingConfig`` that change the loss of single labels."""


_CALIBRATED = ("classifier", "relation_classifier", "pair_classifier")
"""Heads whose output are the logits of the labels."""
_OVERHEAD = 28
"""What a batch costs beyond its tokens on a CPU, in tokens of one thread: MiniLM on ONNX Runtime takes about 5 ms, and
0.19 ms more for each token (float32, AVX-512; ``benchmarks/onnx_products.py``).
"""
_OVERHEAD_ELSEWHERE = 1_024
"""The same on an accelerator: an assumption (a millisecond of kernel launches at a million tokens a second)."""


@dataclass(frozen=True)
class HeadConfig:
    """Config of a linear head on the pooled vector, which has no options; other heads have subclasses of their own."""

    KIND: ClassVar[str] = "classifier"
    """Name of the head in ``network.json``; ``assemble.network_class`` maps it to the network."""


@dataclass(frozen=True, slots=True)
class Addition:
    """Modules that a method added to a network and that stay in it; ``nets/additions.py`` builds them."""

    kind: str
    options: dict[str, Any]
    """Everything needed to build the same modules again."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Everything needed to build the same network again; written to ``network.json``."""

    kind: str
    """Name of the backbone; each family has its own."""
    options: dict[str, Any]
    """Arguments of the backbone."""
    labels: tuple[str, ...]
    pooling: str
    """``mean``, ``max``, ``first`` or ``last``; see ``backbones.base.pool``."""
    max_tokens: int
    """Items are truncated to (or split into rows of) this many tokens."""
    pad_id: int = 0
    output: str = Output.LABEL.value
    several: bool = False
    """Whether an item may have several labels."""
    head: HeadConfig = HeadConfig()
    """Options of the head that are not weights, e.g. the range of the scores."""
    int8_embeddings: bool = False
    """Whether the table of word embeddings is stored as int8 (``layers/int8_embedding``), for inference only."""
    weight_bits: int = 0
    """8 or 4: the matrices of a decoder are quantised (``quantised_decoder``), for inference only; 0: they are not."""
    additions: tuple[Addition, ...] = ()
    """What the method added and could not merge, in this order."""

    @property
    def goal(self) -> Goal:
        """Output, labels and whether several labels are allowed."""
        return Goal(Output(self.output), self.labels, self.several)


def linear_head(width: int, outputs: int) -> nn.Linear:
    """A linear layer initialised from torch's generator (normal with deviation 0.02, bias 0)."""
    head = nn.Linear(width, outputs)
    nn.init.normal_(head.weight, std=0.02)
    nn.init.zeros_(head.bias)
    return head


class Network:
    """A tokenizer, a backbone and a linear head. A ``Model`` (see protocols) that gradient descent can train."""

    HEAD: ClassVar[type[HeadConfig]] = HeadConfig
    """Class of ``config.head``."""
    pools = True
    """Whether the head sees one vector per row (``pool``) instead of all hidden states."""

    def __init__(self, backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> None:
        """Assemble the network; the head is initialised from torch's generator.

        Raises:
            InputError: the tokenizer knows more tokens than the backbone.
        """
        _same_vocabulary(backbone, tokenizer)
        self.backbone = backbone
        self.tokenizer = tokenizer
        self.config = config
        self.labels = config.labels
        self.dropout = nn.Dropout(0.0)
        self.label_smoothing = 0.0
        self.criterion = Criterion()
        """Loss of single labels; other losses know ``label_smoothing`` only."""
        self.masked_lm: Callable[[], MaskedLM] | None = None
        """Reads the masked-LM head of the checkpoint that the backbone is from; ``None``: there is none."""
        self.head = self.new_head()
        self.module = nn.ModuleDict({"backbone": backbone, "head": self.head})
        """Everything with weights: what is trained, counted and saved."""

    def new_head(self) -> nn.Module:
        """An untrained head."""
        return linear_head(self.pooled_width, len(self.labels))

    def multiply_head(self, count: int) -> None:
        """Replace the head by an ensemble of ``count`` heads, each with an initialisation of its own.

        Raises:
            InputError: this network has one head only.
        """
        raise InputError(f"heads is {count}; only token classifiers take several heads, leave it out.")

    def extend_labels(self, labels: Sequence[str]) -> None:
        """Give the head outputs for further labels, after those it has, whose weights do not change.

        Args:
            labels: All labels, those of the network first and in its order; torch's generator initialises the new ones.

        Raises:
            InputError: they do not begin with the labels of the network.
        """
        if tuple(labels[: len(self.labels)]) != self.labels:
            raise InputError(f"labels begin with {labels[:3]}, the network's with {self.labels[:3]}; keep its order.")
        if len(labels) == len(self.labels):
            return
        before = self.head.state_dict()
        self.labels = tuple(labels)
        self.config = replace(self.config, labels=self.labels)
        self.head = self.new_head().to(self.device)
        self.module["head"] = self.head
        with torch.no_grad():
            for name, weight in self.head.state_dict().items():  # old labels come first along every axis that has them
                weight[tuple(slice(0, size) for size in before[name].shape)] = before[name]

    @property
    def sparse_embedding(self) -> str | None:
        """Name, in the backbone, of the word table whose rows are used only where their token occurs; ``None``: none.

        Not so where the table is also the output matrix: there all rows take part in every step.
        """
        return self.backbone.word_embedding

    # ------------------------------------------------------------------------------------------------------- parameters

    def groups(self) -> dict[str, list[str]]:
        """Role (embeddings, attention, mlp, norm, head) -> parameter names of ``module``."""
        own = {role: [f"backbone.{name}" for name in names] for role, names in self.backbone.groups().items()}
        return own | {"head": [f"head.{name}" for name, _ in self.head.named_parameters()]}

    def block_of(self, parameter: str) -> int:
        """Block a parameter of ``module`` belongs to: -1 the embeddings, ``backbone.depth`` the head."""
        if parameter.startswith("head."):
            return self.backbone.depth
        return self.backbone.block_of(parameter.removeprefix("backbone."))

    def key_value_outputs(self, layer: str) -> slice:
        """Outputs of an attention projection (a submodule of ``module``) that are keys and values; else all of them."""
        return self.backbone.key_value_outputs(layer.removeprefix("backbone."))

    def frozen_blocks(self) -> int:
        """How many blocks from the bottom are frozen, together with the embeddings; -1: the embeddings are trained."""
        return min(self.block_of(name) for name, weight in self.module.named_parameters() if weight.requires_grad)

    # ----------------------------------------------------------------------------------------------------- tokenization

    def rows(self, texts: Sequence[Text]) -> list[Row]:
        """The token rows of each item, at most ``max_tokens`` long: here one per item, truncated at the end."""
        # Tokenizing text far beyond ``max_tokens`` would be wasted; no language has 12 characters per token.
        reach = 12 * self.config.max_tokens
        inputs = [text[:reach] if isinstance(text, str) else _pair(text, reach) for text in texts]
        pairs = any(isinstance(text, tuple) for text in inputs)
        return [self._row(encoded, item, pairs) for item, encoded in enumerate(encodings(self.tokenizer, inputs))]

    def _row(self, encoded: Encoding, item: int, pairs: bool) -> Row:
        ids = np.asarray(encoded.ids or [self.config.pad_id], dtype=np.int32)
        types = {"types": np.asarray(encoded.type_ids or [0], dtype=np.int32)} if pairs else {}
        return Row(ids, item, types)

    def rows_to_learn(self, texts: Sequence[Text], gold: Sequence[Gold]) -> list[Row]:  # noqa: ARG002
        """The training rows; those of autoregressive networks hold the answer too."""
        return self.rows(texts)

    def targets(self, rows: Sequence[Row], gold: Sequence[Gold]) -> list[Any]:
        """The training target of each row, as ``loss`` takes it."""
        number = {label: place for place, label in enumerate(self.labels)}
        if not self.config.several:
            return [number[cast(str, gold[row.item])] for row in rows]
        multi_hot = np.zeros((len(rows), len(self.labels)), dtype=np.float32)
        for place, row in enumerate(rows):
            multi_hot[place, [number[label] for label in cast(tuple[str, ...], gold[row.item])]] = 1
        return list(multi_hot)

    def costs(self, rows: Sequence[Row], targets: Sequence[Any]) -> list[int]:  # noqa: ARG002
        """Tokens that each row counts for in a training batch."""
        return [len(row) for row in rows]

    def batches(self, rows: Sequence[Row]) -> Iterator[tuple[list[int], Batch]]:
        """Inference batches: the positions of their rows, and the batch, on the device of the weights."""
        device = self.device
        for chosen in self.groups_of([len(row) for row in rows]):
            yield chosen, padded([rows[i] for i in chosen], self.config.pad_id).to(device)

    def groups_of(self, lengths: Sequence[int]) -> Iterator[list[int]]:
        """The positions of the rows of each inference batch, from the tokens of each row."""
        if len(lengths) == 1:
            return iter([[0]])
        # More threads compute faster; what a batch costs beyond its tokens stays.
        overhead = _OVERHEAD * torch.get_num_threads() if self.device.type == "cpu" else _OVERHEAD_ELSEWHERE
        return cheapest(lengths, rows=64, tokens=8192, overhead=overhead)

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        # The head's first: going to the first weight of a backbone that has none takes as long as the head itself.
        return next(itertools.chain(self.head.parameters(), self.module.parameters())).device

    @property
    def pooled_width(self) -> int:
        """Width of what ``pool`` gives."""
        return self.backbone.width

    def pool(self, states: Tensor, batch: Batch) -> Tensor:
        """The head's input for each row, ``(n_rows, pooled_width)``, float32; only where the head ``pools``."""
        return pool(states, batch.mask, self.config.pooling)

    # --------------------------------------------------------------------------------------------------------- training

    @property
    def loss_options(self) -> frozenset[str]:
        """Fields of a ``TrainingConfig`` that change the loss and that this network's loss knows."""
        return frozenset() if self.config.several else LOSS_OPTIONS

    def loss_terms(self, rows: Sequence[Row], targets: Sequence[Any]) -> int:  # noqa: ARG002
        """How many terms ``loss`` is the mean of, for these rows of a batch."""
        return len(rows)

    def halve(self) -> None:
        """Convert the parts with most of the work to bfloat16 (of a working copy, see ``tuning/loop.py``)."""
        self.backbone.to(torch.bfloat16)

    def loss(self, states: Tensor, batch: Batch, targets: Sequence[Any]) -> Tensor:
        """Mean loss of a batch from the backbone's states, with gradients."""
        return self.loss_pooled(self.pool(states, batch), targets)

    def loss_pooled(self, pooled: Tensor, targets: Sequence[Any]) -> Tensor:
        """The same from pooled vectors ``(n_rows, pooled_width)``; only where the head ``pools``."""
        if self.config.several:
            gold = torch.from_numpy(np.stack(targets)).to(pooled.device)
            return F.binary_cross_entropy_with_logits(self.score_pooled(pooled), gold)
        gold = torch.tensor(targets, device=pooled.device)
        return self.criterion(lambda: self.score_pooled(pooled), gold, pooled)

    # -------------------------------------------------------------------------------------------------------- inference

    def score_pooled(self, pooled: Tensor) -> Tensor:
        """Scores from pooled vectors ``(n_rows, pooled_width)``: ``(n_rows, n_labels)`` before softmax, float32."""
        dtype = next(self.head.parameters()).dtype
        scores: Tensor = self.head(self.dropout(pooled).to(dtype))
        return scores.float()

    def divide_logits(self, temperature: float) -> bool:
        """See ``protocols.SupportsTemperature``: by scaling the linear head, which costs nothing in inference."""
        if self.config.head.KIND not in _CALIBRATED or not isinstance(self.head, nn.Linear):
            return False
        with torch.no_grad():
            for weight in self.head.parameters():
                weight.div_(temperature)
        return True

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
            probabilities = torch.sigmoid(scores) if self.config.several else torch.softmax(scores, dim=-1)
        return of_labels(probabilities.cpu().numpy(), self.labels, several=self.config.several)

    def pooled(self, texts: Sequence[Text]) -> Tensor:
        """The head's input for each item, ``(n_items, pooled_width)``, float32; only where the head ``pools``."""
        vectors = torch.empty((len(texts), self.pooled_width), device=self.device)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts) if texts else []):
                vectors[chosen] = self.pool(self.backbone(batch), batch)
        return vectors

    def embed(self, texts: Sequence[Text]) -> npt.NDArray[np.float32] | None:
        """See ``protocols.SupportsEmbeddings``."""
        return self.pooled(texts).float().cpu().numpy() if self.pools else None

    def overview(self, states: Tensor, batch: Batch) -> Tensor:
        """The screening's features of each row at a layer, ``(n_rows, pooled_width)``: the mean over tokens."""
        return pool(states, batch.mask, "mean")

    def features(self, texts: Sequence[Text]) -> npt.NDArray[np.float32]:
        """``overview`` of every layer from one pass, shape ``(n_items, depth + 1, pooled_width)`` (0: embeddings)."""
        layers = np.empty((len(texts), self.backbone.depth + 1, self.pooled_width), dtype=np.float32)
        self.module.eval()
        with torch.inference_mode():
            for chosen, batch in self.batches(self.rows(texts)):
                hidden = self.backbone.embed(batch)
                layers[chosen, 0] = self.overview(hidden, batch).cpu().numpy()
                for number in range(self.backbone.depth):
                    hidden = self.backbone.block(number, hidden, batch.mask)
                    layers[chosen, number + 1] = self.overview(hidden, batch).cpu().numpy()
        return layers

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of weights as they are in memory now."""
        return sum(weight.numel() * weight.element_size() for weight in own_weights(self.module).values())

    def save(self, folder: Path) -> None:
        """Write ``network.json``, ``weights.safetensors`` and ``tokenizer.json``."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: _shortest(weight.cpu()).contiguous() for name, weight in own_weights(self.module).items()}
        save_file(weights, folder / "weights.safetensors")
        self.tokenizer.save(str(folder / "tokenizer.json"))
        self.save_config(folder)

    def save_config(self, folder: Path) -> None:
        """Write ``network.json``."""
        head = {"kind": self.config.head.KIND, **asdict(self.config.head)}
        (folder / "network.json").write_text(
            json.dumps({**asdict(self.config), "head": head}, ensure_ascii=False, indent=2), encoding="utf-8"
        )

    def load_weights(self, folder: Path) -> None:
        """Fill ``module`` from ``weights.safetensors``, in the precision ``module`` has.

        Raises:
            IntegrityError: whole numbers stand in place of a weight, which would be taken for huge ones.
        """
        weights = read_weights(folder / "weights.safetensors")
        for name, weight in self.module.state_dict().items():
            if name in weights and weights[name].is_floating_point() != weight.is_floating_point():
                raise IntegrityError(
                    f"{folder}: {name!r} is stored as {weights[name].dtype} in place of {weight.dtype}; the bundle is "
                    "damaged, create it again."
                )
        shared = self.module.state_dict().keys() - own_weights(self.module).keys()
        tied = {name: weight for name, weight in self.module.state_dict().items() if name in shared}
        self.module.load_state_dict(weights | tied)


def _same_vocabulary(backbone: Backbone, tokenizer: Tokenizer) -> None:
    table = backbone.get_submodule(backbone.word_embedding) if backbone.word_embedding else None
    rows = getattr(table, "num_embeddings", None)
    # Added tokens may lie beyond the table: they stand for inputs other than text, such as images.
    tokens = tokenizer.get_vocab_size(with_added_tokens=False)
    if rows is not None and tokens > rows:
        raise InputError(
            f"tokenizer.json has {tokens} tokens, the model's table {rows} rows: they are not of the same model; "
            "download both from one place."
        )


def own_weights(module: nn.Module) -> dict[str, Tensor]:
    """Weights and buffers by name; tied ones are listed under their first name only."""
    first: dict[int, tuple[str, Tensor]] = {}
    for name, weight in module.state_dict(keep_vars=True).items():
        first.setdefault(id(weight), (name, weight.detach()))
    return dict(first.values())


def _shortest(weight: Tensor) -> Tensor:
    """The weight in 16 bits where that is lossless.

    Frozen layers of a checkpoint stored in bfloat16 are, and weights that were rounded (``compressors/float16``).
    """
    if weight.dtype != torch.float32:
        return weight
    for short in (weight.bfloat16(), weight.half()):
        if torch.equal(short.float(), weight):
            return short
    return weight


def _pair(texts: tuple[str, ...], reach: int) -> str | tuple[str, str]:
    """Two texts as the tokenizer's pair; more than two are concatenated."""
    return (texts[0][:reach], texts[1][:reach]) if len(texts) == 2 else as_text(texts)[:reach]
