"""Continual-learning strategies: strategies/NAME.py, and what else each of them may do."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from goldilocks.records import Gold, Part, Text, TrainingConfig


class Strategy(Protocol):
    """strategies/NAME.py: how a model that continues to train on new rows is kept from forgetting the old ones."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the strategy follows, and where we differ."""

    @property
    def NEEDS_OLD_ROWS(self) -> bool:  # noqa: N802
        """Whether it cannot work without labelled rows that the model was trained on before."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of its options, each with a default."""

    def check(self, options: Any) -> None:
        """Check that the options are within their ranges.

        Raises:
            InputError: one is not.
        """

    def training_config(self, config: TrainingConfig) -> TrainingConfig:
        """The config of family and method, adjusted."""


@runtime_checkable
class ReplaysRows(Protocol):
    """A strategy (besides ``Strategy``) that trains on old rows among the new ones."""

    def replayed(self, old: Part, options: Any) -> Part:
        """The old rows to train on.

        ``old`` is in an order whose every beginning has the labels in about their shares.
        """


@runtime_checkable
class ConstrainsUpdates(Protocol):
    """A strategy (besides ``Strategy``) that changes what is minimised."""

    def objective(
        self, network: Any, previous: Any, texts: Sequence[Text], gold: Sequence[Gold], old: Part, options: Any
    ) -> Any:
        """What is minimised (``tuning.objective.Objective``).

        Args:
            network: Prepared by its method; its labels begin with those of ``previous``.
            previous: The network before the update, not to be changed.
            texts: Training items.
            gold: Their gold answers.
            old: Old rows, in an order whose every beginning has the labels in about their shares; may be empty.
            options: Options of the strategy.

        Raises:
            InputError: the strategy cannot be used with this network.
        """


@runtime_checkable
class AddsDomain(Protocol):
    """A strategy (besides ``Strategy``) that leaves the model unchanged and trains a separate part for the new rows."""

    @property
    def METHOD(self) -> str:  # noqa: N802
        """File name in methods/ of what trains that part, unless the user names another."""

    def extended(
        self,
        before: Any,
        trained: Any,
        family: str,
        new: tuple[str, Sequence[Text], str],
        old: tuple[tuple[str, ...], Any],
        options: Any,
    ) -> Any:
        """The model before the update with the new part (``nets.domains.DomainNetworks``).

        Args:
            before: The network before the update, or the networks of its domains.
            trained: The network that was trained on the new rows, starting from the first one of these.
            family: File name in families/ of these networks.
            new: Of the new data a name, the training items and the fingerprint.
            old: Of a bundle without domains the fingerprints of its data, and where its items are
                (``nets.domains.Reference``; ``None``: not known).
            options: Options of the strategy.

        Raises:
            InputError: the strategy cannot be used with this network.
        """
