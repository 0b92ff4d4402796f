"""Methods: methods/NAME.py, and what some of them add."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from goldilocks.answers import Floats
from goldilocks.protocols.models import Model, TrainableNetwork
from goldilocks.records import Candidate, Gold, HubListing, ModelInfo, Output, Text, TrainingConfig, Workload


class Method(Protocol):
    """methods/NAME.py: which weights are trained. Addresses weight groups, never an architecture."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of this method's options, each with a default."""

    def incompatibility(self, info: ModelInfo) -> str | None:
        """Why the method cannot be used with this model, for the user; ``None``: it can."""

    def effort(self, info: ModelInfo) -> float:
        """Seconds of a run as a share of those of full fine-tuning (from recorded runs)."""

    def prepare(self, model: Any, options: Any) -> None:
        """Prepare a model in place: of a network freeze weights and add adapters.

        Of one-shot estimators only those with the weight group ``prompt`` are prepared, before ``fit``.
        """

    def fold(self, network: TrainableNetwork) -> None:
        """Merge adapters in place, so that inference costs what the base model costs."""

    def training_config(self, config: TrainingConfig) -> TrainingConfig | None:
        """The family's config, adjusted (a higher rate where few weights are trained); ``None``: no training."""


@runtime_checkable
class FitsInClosedForm(Protocol):
    """A method (besides ``Method``) that fits networks without gradient descent; ``training_config`` is ``None``."""

    def fitted(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> Model:
        """The network fitted to items and their gold answers; its own weights may be used again."""


@runtime_checkable
class HasObjective(Protocol):
    """A method (besides ``Method``) that minimises something else than the loss of the network's head."""

    def objective(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold], options: Any) -> Any:
        """What is minimised (``tuning.objective.Objective``) for a prepared network and its training items."""


@runtime_checkable
class FitsHead(Protocol):
    """A method (besides ``Method``) that fits the head in closed form once the weights below have been trained."""

    def fit_head(self, network: Any, texts: Sequence[Text], gold: Sequence[Gold]) -> None:
        """Fit the head of a network in place to the training items and their gold answers."""


@runtime_checkable
class NeedsTeacher(Protocol):
    """A method (besides ``Method``) that learns from another candidate: it can begin once one has finished."""

    def learns_from(self, info: ModelInfo, teacher: Candidate) -> bool:
        """Whether a finished candidate is one to learn from."""

    def taught(
        self,
        network: Any,
        texts: Sequence[Text],
        gold: Sequence[Gold],
        probabilities: Floats,
        options: Any,
    ) -> Any:
        """The ``tuning.objective.Objective`` to minimise, given the teacher's ``(n_texts, n_labels)`` probabilities."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One of the runs that a method learns from."""

    options: Any
    """Of the method."""
    seed: int = 0
    """Added to the seed of the run."""


@runtime_checkable
class LearnsFromVariants(Protocol):
    """A method (besides ``Method``) that trains variants of itself first and learns what they answer together.

    It learns that for the training rows and for unlabelled ones, if the task file names some.
    """

    def variants(self, options: Any) -> Sequence[Variant]:
        """What is trained first; nothing: the method learns from the labels alone."""

    def weighs_variants(self, options: Any) -> bool:
        """Whether a variant counts by its accuracy on the training items before any training; else all count alike."""

    def taught_by_variants(self, network: Any, texts: Sequence[Text], probabilities: Floats, options: Any) -> Any:
        """The ``tuning.objective.Objective`` to minimise.

        Args:
            network: Prepared.
            texts: The training items, then the unlabelled ones.
            probabilities: What the variants answer together, ``(n_texts, n_labels)``.
            options: Options of the method.
        """


@runtime_checkable
class AddsVirtualTokens(Protocol):
    """A method (besides ``Method``) that adds trained vectors to the input: answers change before any training."""

    def virtual_tokens(self, options: Any) -> int:
        """How many vectors it puts before the tokens of an item."""


@runtime_checkable
class ReplacesHead(Protocol):
    """A method (besides ``Method``) that begins with another head: answers change before any training."""

    @property
    def HEAD_FROM(self) -> str:  # noqa: N802
        """What the head is made of, for the user."""

    def with_head(self, network: Any, options: Any) -> Any:
        """The network that ``prepare`` is given: a network just created, or one of another class on its backbone.

        Raises:
            InputError: the network cannot have that head, or the options do not fit it.
        """


@runtime_checkable
class HasSearchSpace(Protocol):
    """A method (besides ``Method``) with numeric options, which ``tune --search`` searches."""

    @property
    def SEARCH_SPACE(self) -> Mapping[str, tuple[float, float]]:  # noqa: N802
        """Field of ``Options`` -> lowest and highest value, above 0; drawn evenly on the logarithm.

        A field whose default is a whole number gets whole numbers, at most the width of the model.
        """


@runtime_checkable
class OnRequest(Protocol):
    """A method (besides ``Method``) that is a candidate only where ``candidates.methods`` of the task file names it."""

    @property
    def ON_REQUEST(self) -> str:  # noqa: N802
        """Why it is not in the default pool, for the user."""


@runtime_checkable
class DeclinesOutputs(Protocol):
    """A method (besides ``Method``) that makes no sense for some outputs."""

    def declined(self, output: Output) -> str | None:
        """Why it makes no sense for this output, for the user; ``None``: it does."""


@runtime_checkable
class DeclinesWorkloads(Protocol):
    """A family or method (besides ``Family``, ``Method``) that is made for some forms of items only, such as lists."""

    def unsuited(self, work: Workload) -> str | None:
        """Why it makes no sense for items of this form, for the user; ``None``: it does."""


@runtime_checkable
class ReadsHubListings(Protocol):
    """A family (besides ``Family``) whose models a hub's list describes well enough to forecast their costs."""

    def listed(self, listing: HubListing) -> ModelInfo | None:
        """The model, with an estimated depth and width; ``None``: not of this family."""


@runtime_checkable
class FreezesLayers(Protocol):
    """A method (besides ``Method``) that freezes layers, whose output is computed once and not in every epoch."""

    def frozen_share(self, info: ModelInfo, output: Output) -> float:
        """Share of a run's seconds that is spent on frozen layers (from recorded runs), 0 to 1."""
