"""A run that starts from a model that was tuned before, instead of from pretrained or random weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.nets.additions import added_parameters
from goldilocks.nets.network import Network
from goldilocks.protocols import (
    ConstrainsUpdates,
    FitsHead,
    FitsInClosedForm,
    HasObjective,
    Method,
    NeedsTeacher,
    ReplacesHead,
    Strategy,
)
from goldilocks.records import Gold, Part, Text, TrainingConfig


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a run starts, and what keeps it from forgetting."""

    model_folder: Path
    """What ``Network.save`` wrote."""
    method: str = ""
    """File name in methods/ of what tuned it: what that added and could not merge is trained further."""
    strategy: str = ""
    """File name in strategies/; empty: none."""
    options: Any = None
    """The strategy's own (its ``Options``); ``None``: its defaults."""
    old: Part = Part()  # noqa: RUF009 - a frozen record of tuples
    """Rows the model was tuned on before, in an order whose every beginning has the labels in about their shares."""

    @property
    def plugin(self) -> Strategy | None:
        """The strategy; ``None``: there is none."""
        return plugins.load("strategies", self.strategy) if self.strategy else None

    def training_config(self, config: TrainingConfig) -> TrainingConfig:
        """The config of family and method as the strategy adjusts it."""
        return self.plugin.training_config(config) if self.plugin else config

    def network(self, family: str, labels: Sequence[str]) -> Network:
        """The network as it was saved, with outputs for all ``labels``, which begin with its own.

        Raises:
            InputError: it cannot be trained further; the message says why.
        """
        network = self._restored(family)
        reason = untrainable(network)
        if reason is not None:
            raise InputError(f"the bundle {reason}.")
        if getattr(network.config.head, "label_words", ()) and len(labels) > len(network.labels):
            raise InputError(
                f"the bundle's prompt names its labels ({self.method}), so that none can be added; tune the model on "
                "the old and the new rows together."
            )
        network.extend_labels(labels)
        return network

    def prepare(self, network: Network, method: str, options: Any) -> None:
        """Freeze what is not to be trained, and add what the method adds unless the network has it.

        Raises:
            InputError: the method's options do not fit the network.
        """
        if network.config.additions and method == self.method:
            learnt = set(added_parameters(network)) | set(network.groups().get("head", []))
            for name, weight in network.module.named_parameters():
                weight.requires_grad_(name in learnt)
            return
        plugins.load("methods", method).prepare(network, options)

    def objective(self, network: Network, family: str, texts: Sequence[Text], gold: Sequence[Gold]) -> Any:
        """What is minimised; ``None``: the loss of the network's head.

        Raises:
            InputError: the strategy cannot be used with this network.
        """
        if not isinstance(self.plugin, ConstrainsUpdates):
            return None
        options = self.options if self.options is not None else self.plugin.Options()
        return self.plugin.objective(network, self._restored(family), texts, gold, self.old, options)

    def _restored(self, family: str) -> Network:
        return cast(Network, plugins.load("families", family).restore(self.model_folder))


def untrainable(network: Network) -> str | None:
    """Why a saved network cannot be trained further, to follow "the bundle"; ``None``: it can."""
    if not isinstance(network, Network):
        return "is not trained by gradient descent; tune it on the old and the new rows together"
    if network.config.int8_embeddings or network.config.weight_bits:
        return "is quantised; continue from the one that it was made from"
    return None


def unusable_method(method: Method, strategy: Strategy | None) -> str | None:
    """Why a method cannot continue the training of a network, for the user; ``None``: it can."""
    if isinstance(method, FitsInClosedForm | FitsHead):
        return "refits the head on the new rows alone"
    if isinstance(method, ReplacesHead):
        return f"begins with a head from {method.HEAD_FROM}"
    if isinstance(method, NeedsTeacher):
        return "needs a finished candidate to learn from"
    if isinstance(method, HasObjective) and isinstance(strategy, ConstrainsUpdates):
        return "minimises an objective of its own, so that the strategy cannot add one"
    return None
