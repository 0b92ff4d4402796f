"""Families: families/NAME.py."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from goldilocks.protocols.models import Model, OneShotEstimator, TrainableNetwork
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload


class Family(Protocol):
    """families/NAME.py: how one kind of model is described, created, trained and restored."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output this family can give."""

    def models(self) -> tuple[ModelInfo, ...]:
        """The models this family builds from scratch (``source == "builtin"``). Cheap: loads nothing."""

    def describe(self, folder: Path, source: str) -> ModelInfo | None:
        """``ModelInfo`` of the checkpoint in ``folder`` from its configuration alone; ``None``: not of this family."""

    def forecast(self, info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
        """Seconds and memory of a full run in which every weight is trained."""

    def training_config(self, info: ModelInfo, work: Workload) -> TrainingConfig | None:
        """Hyperparameters for this much data; ``None``: not trained by gradient descent."""

    def create(
        self, info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int
    ) -> OneShotEstimator | TrainableNetwork:
        """A model that is not yet trained for the task.

        ``folder`` holds the checkpoint of a pretrained one; ``part`` are the training rows, for those that build their
        vocabulary from them; ``goal.output`` is one of ``OUTPUTS``.
        """

    def restore(self, folder: Path) -> Model:
        """What ``save`` wrote, ready for inference."""


@runtime_checkable
class RestrictsOutputs(Protocol):
    """A family (besides ``Family``) whose models do not all support every output in its ``OUTPUTS``."""

    def unsupported(self, info: ModelInfo, output: Output) -> str | None:
        """Why this model does not support an output, for the user; ``None``: it does."""
