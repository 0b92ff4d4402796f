"""What an update of a model gained on new data and lost on old data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from goldilocks.records.items import Measured


@dataclass(frozen=True, slots=True)
class DomainScore:
    """The model before and after the update, on the rows of one part of one data set (domain, month)."""

    name: str
    """Its source."""
    old: bool
    """Whether the model knew it before."""
    before: Measured
    after: Measured
    change: Measured
    """After minus before, on the same rows (paired bootstrap)."""
    unseen: bool = True
    """Whether the rows are known not to be training rows of the model before the update: the data are those that the
    bundle was tuned on, split alike, or they are new."""


@dataclass(frozen=True, slots=True)
class Forgetting:
    """Scores of one part over all data sets."""

    part: str
    """``validation`` or ``test``."""
    domains: tuple[DomainScore, ...]
    """The old ones first."""
    average: Measured
    """Mean over all data sets of the score after the update (average accuracy of Lopez-Paz & Ranzato 2017)."""
    forgetting: Measured | None
    """Mean loss on the old data sets, positive where something was forgotten (Chaudhry et al. 2018; minus the backward
    transfer of Lopez-Paz & Ranzato 2017); ``None``: no old data were given."""


@dataclass(frozen=True, slots=True)
class ContinualReport:
    """How a bundle was updated, and what came of it."""

    candidate: str
    """``family/model/method``."""
    metric: str
    """File name in metrics/."""
    continued_from: str
    """Data fingerprint of the bundle before the update."""
    data_fingerprints: tuple[str, ...]
    """Fingerprints of the data sets that the model was tuned on, as far as known; the newest last."""
    strategy: str
    """File name in strategies/; empty: none."""
    options: Mapping[str, Any]
    """Options of the strategy."""
    new_rows: int
    """New rows trained on."""
    replayed_rows: int
    """Old rows trained on."""
    new_labels: tuple[str, ...]
    """Labels that the bundle did not know."""
    validation: Forgetting
    """What to compare strategies by."""
    test: Forgetting
    """What is reported. Where each domain has a part of its own, with the domain of every data set stated."""
    domain: str = ""
    """Name of the part that the new data got; empty: the model itself was trained further."""
    routed: Forgetting | None = None
    """The test parts without a stated domain, where there are domains."""
