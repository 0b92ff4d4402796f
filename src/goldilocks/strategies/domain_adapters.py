"""Adapters per domain: the model stays as it is, and the new rows get adapters and a head of their own.

With the domain stated nothing is forgotten. Without one an item is routed to the domain whose texts are nearest, or to
the one that is surest of its answer.

Source: Bapna & Firat 2019, "Simple, Scalable Adaptation for Neural Machine Translation"; the new head starts from the
first one, and labels that the new rows do not have are out of its reach. Routing: Lee et al. 2018, "A Simple Unified
Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from goldilocks.errors import InputError
from goldilocks.records import Gold, Part, Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.domains import Domain, DomainNetworks, Reference
    from goldilocks.nets.network import Network

SOURCE = (
    "Bapna & Firat 2019, Simple, Scalable Adaptation for Neural Machine Translation; routing by the distances of Lee "
    "et al. 2018, A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks"
)
NEEDS_OLD_ROWS = False
METHOD = "adapter"
_NEVER = -20.0
"""Score of a label that a domain does not have."""


@dataclass(frozen=True, slots=True)
class Options:
    """Names of the domains, and how items without one are routed."""

    name: str = ""
    """Name of the new domain; empty: that of its file."""
    old_name: str = "first"
    """Name of what a bundle without domains knew before."""
    routing: Literal["nearest", "confidence"] = "nearest"
    """How an item without a domain is routed: to the nearest texts, or to the surest answer (all parts run)."""


def check(options: Options) -> None:
    """See ``protocols.Strategy``.

    Raises:
        InputError: two domains would have one name.
    """
    if options.name and options.name == options.old_name:
        raise InputError(f"domain_adapters: name and old_name are both {options.name!r}; give them different ones.")


def training_config(config: TrainingConfig) -> TrainingConfig:
    """As it is."""
    return config


def objective(
    network: Network,
    previous: Network,  # noqa: ARG001
    texts: Sequence[Text],  # noqa: ARG001
    gold: Sequence[Gold],
    old: Part,  # noqa: ARG001
    options: Options,  # noqa: ARG001
) -> None:
    """The head's own loss is minimised; here the new rows' labels are known. See ``protocols.ConstrainsUpdates``."""
    import torch
    from torch import nn

    if network.config.several or not isinstance(network.head, nn.Linear):
        return
    there = set(gold)
    with torch.no_grad():
        for place, label in enumerate(network.labels):
            if label not in there:
                network.head.weight[place] = 0
                network.head.bias[place] = _NEVER


def extended(
    before: Network | DomainNetworks,
    trained: Network,
    family: str,
    new: tuple[str, Sequence[Text], str],
    old: tuple[tuple[str, ...], Reference | None],
    options: Options,
) -> DomainNetworks:
    """See ``protocols.AddsDomain``.

    Raises:
        InputError: the output is neither labels nor tags, a name is taken, or there is nothing to route by.
    """
    from goldilocks.nets.domains import Domain, DomainNetworks, attached, own_part, reference_of

    name, texts, fingerprint = new
    if not trained.config.goal.output.is_labelled:
        raise InputError(f"domain_adapters: is for labels and tags, this is {trained.config.output}; use replay.")
    if isinstance(before, DomainNetworks):
        known: tuple[Domain, ...] = before.domains
    else:
        known = (Domain(options.old_name, before, *old),)
    base = known[0].network
    network = attached(base, replace(trained.config), own_part(base, trained))
    nearest = options.routing == "nearest"
    added = Domain(options.name or name, network, (fingerprint,), reference_of(base, texts) if nearest else None)
    return DomainNetworks((*known, added), family, options.routing)
