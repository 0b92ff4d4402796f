"""Bundles whose model has a part for each domain: what is trained further, and which part answers which data.

A strategy that ``AddsDomain`` makes them (``tune --continue-from``, ``continual.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.bundle.layout import MODEL
from goldilocks.bundle.read import Bundle
from goldilocks.bundle.reference import FILE as PROFILE
from goldilocks.protocols import AddsDomain, Model
from goldilocks.records import Dataset, Part

if TYPE_CHECKING:
    from goldilocks.nets.domains import DomainNetworks, Reference

DOMAINS = "domains"
"""File name in families/ of what reads such a model."""


@dataclass(frozen=True, slots=True)
class DomainParts:
    """The model after an update, and the domain of each data set."""

    model: DomainNetworks
    new: str
    """The domain of the new data."""
    names: Mapping[str, str] = field(default_factory=dict)
    """Fingerprint of a data set -> its domain."""
    names_before: Mapping[str, str] = field(default_factory=dict)
    """The same before the update; empty: the model had no domains."""


def frozen_network(bundle: Bundle) -> Model:
    """The network of a bundle that does not change: of domains the first one, else the model itself."""
    from goldilocks.nets.domains import DomainNetworks

    return bundle.model.base if isinstance(bundle.model, DomainNetworks) else bundle.model


def frozen_folder(bundle: Bundle) -> Path:
    """The folder of ``frozen_network``."""
    from goldilocks.nets.domains import BASE, DomainNetworks

    folder = bundle.folder / MODEL
    return folder / BASE if isinstance(bundle.model, DomainNetworks) else folder


def with_new_part(
    bundle: Bundle, trained: Model, new: tuple[str, Dataset], known: Sequence[str], old: Part, chosen: tuple[Any, Any]
) -> DomainParts | None:
    """The model of a bundle with the part that was trained for new data; ``None``: the strategy makes none.

    Args:
        bundle: Before the update.
        trained: The network that was trained on the new data.
        new: The new data: a name for their domain, and the rows.
        known: Fingerprints of the data that the bundle learnt from.
        old: Rows of these, as far as they are available.
        chosen: The strategy (``None``: none) and its options.

    Raises:
        InputError: the output is neither labels nor tags, the name is taken, or there is nothing to route by.
    """
    from goldilocks.nets.domains import DomainNetworks

    plugin, options = chosen
    if not isinstance(plugin, AddsDomain):
        return None
    name, dataset = new
    model: DomainNetworks = plugin.extended(
        bundle.model,
        trained,
        bundle.info.facts.family,
        (name, dataset.train.texts, dataset.fingerprint),
        (tuple(known), _reference(bundle, old)),
        options,
    )
    before = bundle.model if isinstance(bundle.model, DomainNetworks) else None
    return DomainParts(model, model.domain_names[-1], _domains_of(model), _domains_of(before) if before else {})


def _domains_of(model: DomainNetworks) -> dict[str, str]:
    return {fingerprint: domain.name for domain in model.domains for fingerprint in domain.fingerprints}


def _reference(bundle: Bundle, old: Part) -> Reference | None:
    """Where the texts of a bundle without domains are: from its reference profile, or from its old rows."""
    from goldilocks.nets.domains import DomainNetworks, Reference, reference_of

    if isinstance(bundle.model, DomainNetworks):
        return None  # each domain has its own
    if PROFILE in bundle.info.files:
        from safetensors.numpy import load_file

        arrays = load_file(bundle.folder / PROFILE)
        return Reference(arrays["mean"], arrays["covariance"])
    network: Any = bundle.model
    return reference_of(network, old.texts)
