"""Compressors: compressors/NAME.py, and what they are given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from goldilocks.protocols.models import Model
from goldilocks.records import ModelInfo, Text, TrainingConfig


class Distil(Protocol):
    """Trains a network to answer as another one does."""

    def __call__(self, student: Any, teacher: Any, texts: Sequence[Text], config: TrainingConfig) -> None:
        """Train all weights of ``student`` on the answers, and where they match the hidden states, of ``teacher``.

        Args:
            student: A ``TrainableNetwork``; it is changed.
            teacher: A ``Model`` with the same labels.
            texts: What both answer.
            config: Config of the training.
        """


@dataclass(frozen=True, slots=True)
class PretrainedModel:
    """A pretrained model whose files are on this machine."""

    info: ModelInfo
    folder: Callable[[], Path]
    """Gives the folder of its checkpoint; a packed one is converted first."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What compressors measure importance or ranges on, and train on: texts whose labels are not known."""

    texts: tuple[Text, ...]
    """None of them is a row of the gate."""
    distil: Distil
    pretrained: tuple[PretrainedModel, ...] = ()
    """What a student may start from; a compressor that ``ChoosesStudents`` is given one of them at a time."""


@runtime_checkable
class NeedsTexts(Protocol):
    """A compressor (besides ``Compressor``) that is of no use without calibration texts."""

    @property
    def FEWEST_TEXTS(self) -> int:  # noqa: N802
        """With fewer it is not tried."""


@runtime_checkable
class ChoosesStudents(Protocol):
    """A compressor (besides ``Compressor``) whose student starts from a pretrained model; each is a separate trial."""

    def students(self, model: Model, pretrained: Sequence[PretrainedModel]) -> Sequence[PretrainedModel]:
        """Those that are worth a trial, largest first; none where the model has no smaller one."""


@runtime_checkable
class ChangesFamily(Protocol):
    """A compressor (besides ``Compressor``) whose result is a model of another family."""

    @property
    def FAMILY(self) -> str:  # noqa: N802
        """File name in families/ of what restores the result."""


class Compressor(Protocol):
    """compressors/NAME.py: one way to make a tuned model smaller or faster. Labels are never used."""

    @property
    def KIND(self) -> str:  # noqa: N802
        """``distil`` (a smaller network answers in its place), ``prune`` (fewer weights), ``vocabulary`` (fewer tokens)
        or ``quantise`` (fewer bits, another engine); compressors of a kind are alternatives, and the kinds follow each
        other in this order.
        """

    @property
    def ENGINE(self) -> str:  # noqa: N802
        """File name in engines/ of what runs the result."""

    @property
    def LEVELS(self) -> tuple[float, ...]:  # noqa: N802
        """How much is kept, as a share (0 to 1) of what the compressor removes; each level is a trial of its own.
        ``(1.0,)`` where there is nothing to choose.
        """

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper or standard the compressor follows, and where we differ."""

    def incompatibility(self, model: Model) -> str | None:
        """Why the model cannot be compressed this way, for the user; ``None``: it can."""

    def compress(self, model: Model, level: float, folder: Path, calibration: Calibration) -> None:
        """Write the compressed model into the empty ``folder``, for ``ENGINE``. ``model`` may be changed."""
