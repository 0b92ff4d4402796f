"""Metrics: metrics/NAME.py, and what some of them add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from goldilocks.answers import Floats
from goldilocks.records import Answer, Gold, Output

if TYPE_CHECKING:
    import scipy.sparse as sp


class Metric(Protocol):
    """metrics/NAME.py: one number from gold and predicted answers, as a function of sums over items.

    Splitting it into summands of each item and a function of the sums makes every bootstrap one matrix product.
    """

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output it is defined for."""

    @property
    def HIGHER_IS_BETTER(self) -> bool:  # noqa: N802
        """False for an error rate."""

    @property
    def RANGE(self) -> tuple[float, float]:  # noqa: N802
        """Lowest and highest possible value."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper or standard the definition follows, and where we differ."""

    @property
    def EXAMPLES(self) -> Sequence[tuple[Sequence[Gold], Sequence[Answer], float]]:  # noqa: N802
        """(gold, predicted, expected): at least two, worked out by hand."""

    def items(self, gold: Sequence[Any], predicted: Sequence[Any]) -> Floats | sp.csr_array:
        """Summands of each item, shape ``(n_items, width)``; numpy or scipy.sparse."""

    def total(self, sums: Floats) -> Floats:
        """The metric for each row of ``sums``, shape ``(n_draws, width)`` -> ``(n_draws,)``."""


@runtime_checkable
class ReportsConditions(Protocol):
    """A metric (besides ``Metric``) that depends on settings which must be reported with it."""

    def conditions(self, gold: Sequence[Gold]) -> str:
        """The settings that apply to these gold answers, for the user."""


@runtime_checkable
class AveragesClasses(Protocol):
    """A metric (beside ``Metric``) that is a plain mean over classes; ``NO_LABEL`` belongs to none of them.

    An answer of a class that the data do not have would add a class with a score of 0, however seldom it is given.
    """

    def class_of(self, label: str) -> str:
        """The class that a label, or a tag, counts for; empty: none."""


@runtime_checkable
class ExplainsErrors(Protocol):
    """A metric (besides ``Metric``) that can show where an answer goes wrong."""

    def explanation(self, gold: Gold, answer: Answer) -> tuple[str, str] | None:
        """What fails (such as a test), and why in words; ``None``: nothing to show."""


@runtime_checkable
class SupportsSampling(Protocol):
    """A metric (besides ``Metric``) of several sampled answers to each item (pass@k)."""

    def at(self, k: int) -> Metric:
        """The metric of k samples; its predictions are tuples of at least k answers for each item."""
