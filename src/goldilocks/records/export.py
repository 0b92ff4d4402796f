"""What a bundle says of its model when it is exported, and what an exporter wrote."""

from __future__ import annotations

from dataclasses import dataclass, field

from goldilocks.records.items import AnswerRule


@dataclass(frozen=True, slots=True)
class ExportSettings:
    """What the bundle records about the model in addition to its weights."""

    name: str = "model"
    """Name of the model in the exported folder: letters, digits, ``-`` and ``_``."""
    rule: AnswerRule = field(default_factory=AnswerRule)
    """How probabilities become answers."""
    normalisation: str = ""
    """Unicode form that texts are brought to; empty: none."""
    precision: str = ""
    """Precision of the weights, where the exporter has ``PRECISIONS`` (``protocols.HasPrecisions``)."""


@dataclass(frozen=True, slots=True)
class Exported:
    """What an exporter wrote."""

    loaded_by: str
    """What runs it, as the Hub's ``library_name``."""
    usage: str
    """How it is used, in Markdown."""
    command: str
    """A command to try, in which ``FOLDER`` is the exported folder; empty: there is none."""
