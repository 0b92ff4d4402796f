"""Which rows are labelled next."""

from __future__ import annotations

from enum import StrEnum


class Strategy(StrEnum):
    """How the rows are chosen (``support/scoring/acquisition.py``)."""

    ENTROPY = "entropy"
    """The least certain predictions."""
    MARGIN = "margin"
    """The smallest gap between the two most probable labels."""
    BADGE = "badge"
    """Uncertain and different from each other."""
    CORE_SET = "core-set"
    """So that every row is near a labelled one, whatever the model predicts."""
    VALUE = "value"
    """The most expected error cost that a label bears on."""
    RANDOM = "random"
