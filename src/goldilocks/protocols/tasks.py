"""Tasks: tasks/NAME.py, and what some of them add."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from goldilocks.records import DataIssue, Gold, Output, Part, Text


class Task(Protocol):
    """tasks/NAME.py: what the user wants, in terms of columns and kinds of output."""

    @property
    def OUTPUT(self) -> Output:  # noqa: N802
        """The kind of output this task needs from a model."""

    @property
    def SEVERAL(self) -> bool:  # noqa: N802
        """Whether an item may have any number of labels."""

    @property
    def FIELDS(self) -> Mapping[str, str]:  # noqa: N802
        """Role -> what its column holds, for error messages."""

    @property
    def READS(self) -> tuple[str, ...]:  # noqa: N802
        """Roles that are the model's input, whether a row is labelled or not; the other roles hold the gold answer."""

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
        """The instruction for prompted models, a sentence."""

    def item_problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with the model's input in a row (role -> cell), for the user; only ``READS`` are checked."""

    def problem(self, row: Mapping[str, Any]) -> str | None:
        """What is wrong with a row and its gold answer, for the user; ``None``: nothing.

        Problems of ``item_problem`` are problems here too.
        """

    def item(self, row: Mapping[str, Any]) -> Text:
        """The model's input in a row without an ``item_problem``; only ``READS`` are used."""

    def gold(self, row: Mapping[str, Any]) -> Gold:
        """The gold answer of a row without problems."""


@runtime_checkable
class ReportsDataStats(Protocol):
    """A task (besides ``Task``) with statistics of its own in addition to label counts and lengths."""

    def statistics(self, part: Part) -> Mapping[str, float]:
        """Name of a statistic -> its value in a part that is not empty."""


@runtime_checkable
class ReportsDataIssues(Protocol):
    """A task (besides ``Task``) with data checks of its own."""

    def issues(self, part: Part) -> Iterable[DataIssue]:
        """Findings that deserve a look in a part that is not empty."""


@runtime_checkable
class ReportsRowRepairs(Protocol):
    """A task (besides ``Task``) that repairs some rows."""

    def repair(self, row: Mapping[str, Any]) -> str | None:
        """How a row without problems was repaired, for the user; ``None``: it was not."""


@runtime_checkable
class SupportsLanguagePairs(Protocol):
    """A task (besides ``Task``) from one language into another."""

    def instruction(self, source: str, target: str) -> str:
        """``INSTRUCTION`` with the languages' English names; empty: unknown."""


@runtime_checkable
class HasChineseInstruction(Protocol):
    """A task (beside ``Task``) whose prompts can be worded in Chinese."""

    @property
    def INSTRUCTION_ZH(self) -> str:  # noqa: N802
        """``INSTRUCTION`` in Chinese."""


@runtime_checkable
class HasBaselines(Protocol):
    """A task (besides ``Task``) whose scores mean little without those of simple baselines."""

    @property
    def BASELINES(self) -> tuple[str, ...]:  # noqa: N802
        """File names in families/: where they are candidates, the race runs them to the end first."""


@runtime_checkable
class CountsErrors(Protocol):
    """A task (besides ``Task``) whose errors are not those of its kind of output (``evaluation/error_cost.py``)."""

    @property
    def ERROR(self) -> str:  # noqa: N802
        """One error, for the user: ``a wrong token``."""

    def errors(self, gold: Sequence[Any], predicted: Sequence[Any]) -> npt.NDArray[np.float64]:
        """Errors of each item, ``(n_items,)``."""


@runtime_checkable
class HasTrivialBaselines(Protocol):
    """A task (besides ``Task``) whose trivial baselines are not those of its kind of output."""

    @property
    def TRIVIAL_BASELINES(self) -> tuple[str, ...]:  # noqa: N802
        """Some of ``constant``, ``copy``, ``nearest``, ``random`` (``evaluation/trivial_baselines.py``): a winner that
        is not better than each of them is of no use.
        """


@runtime_checkable
class RanksKnownReplies(Protocol):
    """A task (besides ``Task``) whose bundles keep the replies of the training rows (``bundle/known_replies.py``).

    Its items are a context and candidates; a row to answer may come without, and its item is then the context alone.
    """

    @property
    def KNOWN(self) -> str:  # noqa: N802
        """The role that a row to answer may leave out."""


@runtime_checkable
class HasFloors(Protocol):
    """A task (besides ``Task``) with scores that are of no use, whatever the baselines."""

    @property
    def FLOORS(self) -> Mapping[str, float]:  # noqa: N802
        """Metric -> value that a useful model must be better than."""
