"""The plug-in shapes. A module on a shelf *is* the plug-in: no class to write, nothing to register."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldilocks.answers import Answers
from goldilocks.answers import Floats as Floats
from goldilocks.records import (
    Answer,
    Forecast,
    Generation,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Oddity,
    Output,
    Part,
    Text,
    TrainingConfig,
    Workload,
)
from goldilocks.support.account import Account

if TYPE_CHECKING:
    import scipy.sparse as sp

    from goldilocks.nets.network import Network

Ints = npt.NDArray[np.integer[Any]]


class Model(Protocol):
    """Anything that answers for a batch of items."""

    labels: tuple[str, ...]
    """Labels or tags it may give, in the order of the columns of the probabilities; empty for other kinds of answer."""

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers in the order of the items; an item gets the same answer alone and in a batch (scores to 1e-4)."""

    def size_bytes(self) -> int:
        """Bytes of weights (and counts) as they lie in memory now."""

    def save(self, folder: Path) -> None:
        """Write all that its family's ``restore`` needs into the empty ``folder``: JSON, safetensors, tokenizer."""


@runtime_checkable
class OneShotEstimator(Model, Protocol):
    """A model that is fitted in one go: counts, a linear model, a prompt. Fitting again starts anew."""

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Learn from items and their right answers; every gold label is in ``labels``."""


@runtime_checkable
class TracksSpending(Protocol):
    """A model each of whose answers costs money: it is asked at an endpoint."""

    account: Account
    """Where what it spends is written down; replaced by whoever pays."""

    def rest(self) -> None:
        """Wait until a question may be put without waiting: for whoever times the answers."""


@runtime_checkable
class SupportsGeneration(Protocol):
    """A model that writes token by token, as it is told to."""

    generation: Generation
    """How; may be replaced at any time."""


class Task(Protocol):
    """tasks/NAME.py: what the user wants, in terms of columns and answers."""

    @property
    def OUTPUT(self) -> Output:  # noqa: N802
        """The kind of answer this task needs from a model."""

    @property
    def SEVERAL(self) -> bool:  # noqa: N802
        """Whether an item may have any number of labels."""

    @property
    def FIELDS(self) -> Mapping[str, str]:  # noqa: N802
        """Role -> what its column holds, in words for an error message."""

    @property
    def READS(self) -> tuple[str, ...]:  # noqa: N802
        """Roles the model is shown, whether a row has a right answer or not; the other roles hold the right answer."""

    @property
    def LINE(self) -> tuple[str, ...]:  # noqa: N802
        """Which of ``READS`` texts without names are, in their order: those of a line of text, or of a tuple in Python.

        One may take several texts: ``candidates+`` at least one, parted by tabs in a line; ``tokens*`` of a tuple any
        number, while a line is one text.
        """

    @property
    def OPTIONAL(self) -> frozenset[str]:  # noqa: N802
        """Roles whose column may be missing."""

    @property
    def ITEM(self) -> tuple[str, str]:  # noqa: N802
        """What one item is called, and several: ``("question", "questions")``."""

    @property
    def METRICS(self) -> tuple[str, ...]:  # noqa: N802
        """File names in metrics/. The first decides unless the task file names another; the others are reported."""

    @property
    def INSTRUCTION(self) -> str:  # noqa: N802
        """What to do, in a sentence, for models that are told in words."""

    def item_problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with what the model reads of a row (role -> cell); only ``READS`` are looked at."""

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with a row and its right answer, in words for the user; ``None`` when nothing is.

        What ``item_problem`` finds wrong is found wrong here too.
        """

    def item(self, row: Mapping[str, Any]) -> Text:
        """What the model reads of a row without an ``item_problem``; only ``READS`` are looked at."""

    def gold(self, row: Mapping[str, Any]) -> Gold:
        """The right answer of a row without problems."""


@runtime_checkable
class Counted(Protocol):
    """A task (beside ``Task``) whose rows hold more to count than labels and lengths."""

    def facts(self, part: Part) -> Mapping[str, float]:
        """What there is in a part that is not empty: in words -> how much of it."""


@runtime_checkable
class ReportsDataIssues(Protocol):
    """A task (beside ``Task``) that knows what can be odd about its rows."""

    def oddities(self, part: Part) -> Iterable[Oddity]:
        """What somebody should look at in a part that is not empty."""


@runtime_checkable
class ReportsRowRepairs(Protocol):
    """A task (beside ``Task``) that takes some rows otherwise than they are written."""

    def mended(self, row: Mapping[str, Any]) -> str | None:
        """How a row without problems was taken, in words for the user; ``None``: as it is written."""


@runtime_checkable
class SupportsLanguagePairs(Protocol):
    """A task (beside ``Task``) from one language into another."""

    def instruction(self, source: str, target: str) -> str:
        """``INSTRUCTION`` with the languages, in English words; empty: not known."""


@runtime_checkable
class HasBaselines(Protocol):
    """A task (beside ``Task``) of which nobody believes a score without that of some simple families beside it."""

    @property
    def BASELINES(self) -> tuple[str, ...]:  # noqa: N802
        """File names in families/: where they stand in the pool, a race runs them to the end before all else."""


class Family(Protocol):
    """families/NAME.py: how one kind of model is described, made, trained and loaded."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of answer this family can give."""

    def models(self) -> tuple[ModelInfo, ...]:
        """The models this family makes itself, untrained (``source == "builtin"``). Cheap: loads nothing."""

    def describe(self, folder: Path, source: str) -> ModelInfo | None:
        """Facts of the checkpoint in ``folder`` from its configuration alone; ``None``: not this family's kind."""

    def forecast(self, facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
        """Seconds and memory of a full run in which every weight learns."""

    def recipe(self, facts: ModelInfo, work: Workload) -> TrainingConfig | None:
        """How to train it on this much data; ``None`` where it is fitted in one go."""

    def create(
        self, facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int
    ) -> OneShotEstimator | Network:
        """A model that has not learnt the task.

        ``folder`` holds the checkpoint of a pretrained one; ``part`` are the training rows, for those that build their
        vocabulary from them; ``goal`` is the kind of answer wanted, one of ``OUTPUTS``.
        """

    def restore(self, folder: Path) -> Model:
        """What ``save`` wrote, ready to answer."""


@runtime_checkable
class RestrictsOutputs(Protocol):
    """A family (beside ``Family``) whose models do not all give every kind of answer that is in its ``OUTPUTS``."""

    def lacks(self, facts: ModelInfo, output: Output) -> str | None:
        """Why this model does not give that kind, in words for the user; ``None`` where it does."""


class Method(Protocol):
    """methods/NAME.py: which weights learn. Aims at weight groups, never at an architecture."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of this method's own choices, every one with a default."""

    def misfit(self, facts: ModelInfo) -> str | None:
        """Why the method cannot be used with this model, in words for the user; ``None`` where it can."""

    def effort(self, facts: ModelInfo) -> float:
        """Seconds of a run with this method as a share of the seconds when every weight learns (from recorded runs)."""

    def prepare(self, model: Any, options: Any) -> None:
        """Make a model ready to learn, in place: of a network freeze what stays and add what learns.

        Of what is fitted in one go only models with the weight group ``prompt`` are prepared, before ``fit``.
        """

    def fold(self, network: Network) -> None:
        """Merge the additions in place, so that serving costs what the base model costs."""

    def recipe(self, recipe: TrainingConfig) -> TrainingConfig | None:
        """The family's recipe, adjusted (a higher rate where few weights learn); ``None``: nothing is trained."""


@runtime_checkable
class DeclinesOutputs(Protocol):
    """A method (beside ``Method``) that is of no use for some kinds of answer."""

    def useless(self, output: Output) -> str | None:
        """Why nobody needs it for this kind, in words for the user; ``None`` where it is of use."""


@runtime_checkable
class FreezesLayers(Protocol):
    """A method (beside ``Method``) that freezes layers, which run once for each item and not in every epoch."""

    def once(self, facts: ModelInfo, output: Output) -> float:
        """Share of a run's seconds in which frozen layers run (from recorded runs), 0 to 1."""


class Metric(Protocol):
    """metrics/NAME.py: one number from gold and predicted answers, as a function of sums over items.

    Splitting it into what each item adds and what the sums amount to makes every resampled interval one matrix product.
    """

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of answer it is defined for."""

    @property
    def HIGHER_IS_BETTER(self) -> bool:  # noqa: N802
        """False for an error rate."""

    @property
    def RANGE(self) -> tuple[float, float]:  # noqa: N802
        """Lowest and highest value that can come out."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper or standard the definition follows, and where we differ."""

    @property
    def EXAMPLES(self) -> Sequence[tuple[Sequence[Gold], Sequence[Answer], float]]:  # noqa: N802
        """(gold, predicted, expected): at least two, worked out by hand."""

    def items(self, gold: Sequence[Any], predicted: Sequence[Any]) -> Floats | sp.csr_array:
        """What each item adds, shape ``(n_items, width)``; numpy or scipy.sparse."""

    def total(self, sums: Floats) -> Floats:
        """The metric for each row of ``sums``, shape ``(n_draws, width)`` -> ``(n_draws,)``."""


@runtime_checkable
class ReportsConditions(Protocol):
    """A metric (beside ``Metric``) whose number says little without what it was measured under, or by which rules."""

    def conditions(self, gold: Sequence[Gold]) -> str:
        """What that is here and for these right answers, in words for the user."""


@runtime_checkable
class SupportsSampling(Protocol):
    """A metric (beside ``Metric``) that knows what several answers to an item, drawn one after the other, are worth."""

    def at(self, k: int) -> Metric:
        """The metric of k tries; it is given a tuple of at least k answers for each item."""


class Estimator(Protocol):
    """estimators/NAME.py: guess from frozen features and labels, without training the model."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of answer the estimate is defined for."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the estimate follows, and where we differ."""

    def estimate(self, features: Floats, labels: Ints, *, seed: int) -> float:
        """Higher is better. ``features`` (n_texts, width) float32, ``labels`` (n_texts,) from 0."""


@dataclass(frozen=True, slots=True)
class Purchases:
    """All that can be bought in a race, as arrays: one row a candidate that is not finished, one column a rung."""

    candidates: tuple[str, ...]
    seconds: Floats
    """Predicted seconds from where the candidate stands up to and including the rung, ``(n, rungs)``; 0 where it has
    the rung."""
    whole: Floats
    """Predicted seconds of the budget that finishing the candidate needs, measuring its model included, ``(n,)``."""
    time_error: Floats
    """Standard deviation of the logarithm of ``whole``, ``(n,)``: small once a run has begun and its pace is known."""
    savings: Floats
    """Money over the horizon by which the score at the rung is expected to lower J of the best candidate, provided that
    the candidate is then finished where the score is good, ``(n, rungs)``; 0 where it has the rung."""
    promising: Floats
    """Probability that the score at the rung will be good: that the candidate's expected J is then below that of the
    best finished one, ``(n, rungs)``."""


class Race(Protocol):
    """The state of a race that a policy decides from. Losses are those of the task's metric."""

    @property
    def candidates(self) -> Sequence[str]:
        """Names of those that can be bought or are finished, in the order of the pool."""

    @property
    def rungs(self) -> Sequence[float]:
        """Shares of the full run at which a candidate can be scored, rising, the last is 1."""

    def bought(self, candidate: str) -> int:
        """How many rungs the candidate has."""

    def losses(self, candidate: str) -> Mapping[int, float]:
        """Rung -> validation loss, for each rung the candidate was scored at (one may be run past without a score)."""

    def parameters(self, candidate: str) -> int:
        """Weights of the candidate's model, embeddings included."""

    def forecast(self, candidate: str) -> tuple[float, float]:
        """Mean and standard deviation of the loss the candidate would end with."""

    def price(self, candidate: str, rung: int) -> float:
        """Predicted seconds from where the candidate stands up to and including ``rung`` (from 0)."""

    def purchases(self) -> Purchases:
        """All that can be bought, with prices and expected savings."""

    def saving_of_all(self, candidates: Sequence[str]) -> float:
        """Money over the horizon that finishing all of these is expected to save, as the best of them would be used."""

    @property
    def best(self) -> str | None:
        """The finished candidate with the lowest expected J; ``None``: none is finished."""

    @property
    def reserved(self) -> str | None:
        """The pretrained candidate for whose full run time is reserved: the one with the lowest expected J among those
        that are finished or still fit into the budget; ``None``: it is finished, or there is none.
        """

    @property
    def seconds_left(self) -> float:
        """What is left of the budget, less the time that measuring the finished candidates will take."""

    @property
    def second_price(self) -> float:
        """Money that a second of the search costs: the price of waiting, and of the machine."""

    @property
    def indifference(self) -> float:
        """Money per month that does not matter to the user."""

    @property
    def horizon_months(self) -> float:
        """Months that a decision holds for."""

    @property
    def currency(self) -> str:
        """Of all money."""

    @property
    def seed(self) -> int:
        """For policies that draw."""


class Policy(Protocol):
    """policies/NAME.py: which purchase the race makes next."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the policy follows, and where we differ."""

    def choose(self, race: Race) -> tuple[str, int, str] | None:
        """(candidate, rung to run it up to, why in words), or ``None`` to stop. A pure function of the race's state."""


@runtime_checkable
class ExplainsStopping(Protocol):
    """A policy (beside ``Policy``) that may stop before everything is bought, and says why."""

    def stopped(self, race: Race) -> str:
        """Why ``choose`` returns ``None`` for this state, in words: "nothing is left to buy"."""


Progress = Callable[[str, Mapping[str, Any]], None]
"""Called as (event, details) while long work goes on; see ``flow.EVENTS``."""
