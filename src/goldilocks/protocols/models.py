"""Models: what predicts, and what some of them can do besides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from goldilocks.answers import Answers, Floats
from goldilocks.records import Generation, Gold, Text
from goldilocks.support.endpoints.spending_log import SpendingLog


class Model(Protocol):
    """Anything that predicts answers for a batch of items."""

    labels: tuple[str, ...]
    """Labels or tags it may give, in the order of the columns of the probabilities; empty for other kinds of output."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers in the order of the items; an item gets the same answer alone and in a batch (scores to 1e-4)."""

    def size_bytes(self) -> int:
        """Bytes of weights (and counts) in memory now."""

    def save(self, folder: Path) -> None:
        """Write everything its family's ``restore`` needs into the empty ``folder``: JSON, safetensors, tokenizer."""


@runtime_checkable
class OneShotEstimator(Model, Protocol):
    """A model that is not trained by gradient descent but in a single fit: counts, a linear model, a prompt."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Fit items and their gold answers from scratch; every gold label is in ``labels``."""


class TrainableNetwork(Model, Protocol):
    """A neural network that is trained by gradient descent (``nets.network.Network``)."""

    module: Any
    """A ``torch.nn.Module`` with all weights."""

    def groups(self) -> dict[str, list[str]]:
        """Weight group (embeddings, attention, mlp, norm, head) -> parameter names of ``module``."""

    def block_of(self, parameter: str) -> int:
        """Block of a parameter of ``module``: -1 for embeddings, the number of blocks for the head."""

    def features(self, texts: Sequence[Text]) -> Floats:
        """Frozen features of every layer for the screening, ``(n_texts, depth + 1, width)``."""


@runtime_checkable
class TracksSpending(Protocol):
    """A model behind an endpoint, each of whose requests costs money."""

    spending_log: SpendingLog
    """Spending log; replaced by the caller."""

    def rest(self) -> None:
        """Wait until the next request is not delayed by rate limits: for latency measurements."""


@runtime_checkable
class SupportsGeneration(Protocol):
    """A model that generates text token by token."""

    @property
    def generation(self) -> Generation:
        """Default settings; never changed, as requests carry their own."""

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """As ``Model.predict``; the settings of the request take precedence over the model's.

        Raises:
            InputError: the model cannot generate as many tokens as are requested.
        """


@runtime_checkable
class SupportsTokenLikelihoods(Protocol):
    """A language model (``Output.LIKELIHOOD``) that tells how probable each token of a text is."""

    def token_likelihoods(self, item: Text) -> list[tuple[str, float]]:
        """The tokens of a text and the natural logarithm of the probability of each, its end (``""``) included.

        Of several texts, those of the last one. Their sum is what ``predict`` answers; empty: it cannot tell for this
        text.
        """


@runtime_checkable
class SupportsEmbeddings(Protocol):
    """A model that can give a vector for each item."""

    def embed(self, texts: Sequence[Text]) -> Floats | None:
        """Vectors ``(n_items, width)``, float32, as the model's head sees them; ``None``: its head sees no vector."""


@runtime_checkable
class SupportsTemperature(Protocol):
    """A model whose probabilities are calibrated by a temperature."""

    def divide_logits(self, temperature: float) -> bool:
        """Divide the scores before softmax (or sigmoid) by a temperature from now on; ``False``: it has none."""

    def save(self, folder: Path) -> None:
        """As ``Model.save``; may replace files that are there."""


@runtime_checkable
class SupportsDomains(Protocol):
    """A model with a part for each domain of the data that it learnt from."""

    @property
    def domain_names(self) -> list[str]:
        """The domains, in the order in which they were learnt."""

    def predict(self, texts: Sequence[Text], *, domains: Sequence[str | None] | None = None) -> Answers:
        """As ``Model.predict``; each item is answered by the part of its domain, or routed where that is ``None``.

        Raises:
            InputError: there is no domain of this name.
        """

    def route(self, texts: Sequence[Text]) -> list[str]:
        """The domain that each item is taken to be of where none is stated."""

    @property
    def family(self) -> str:
        """File name in families/ of what restores the model of one domain."""

    def part_of(self, name: str) -> Model:
        """The model of one domain, which answers as this one does with the domain stated.

        Its labels are the first of this one's.

        Raises:
            InputError: there is no domain of this name.
        """
