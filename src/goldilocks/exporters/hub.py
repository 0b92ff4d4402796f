"""A folder in the Hub's format that transformers (or sentence-transformers) loads, without code of its own.

For BERT-shaped encoders: labels, pairs, scores, spans, taggers without a CRF, bi-encoders. For decoders: generation and
likelihoods.
"""

from __future__ import annotations

from pathlib import Path

from goldilocks.protocols import Model
from goldilocks.records import Exported, ExportSettings


def unavailable() -> str | None:
    """``None``: transformers is always there. See ``protocols.Exporter``."""
    return None


def incompatibility(model: Model) -> str | None:
    """See ``protocols.Exporter``."""
    if not hasattr(model, "module"):
        return "it is not a neural network"
    from goldilocks.nets.export import hub_causal_lm, hub_encoder
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
    from goldilocks.nets.network import Network

    if not isinstance(model, Network):
        return "its network was built elsewhere"
    if isinstance(model, DecoderClassifier):
        return hub_causal_lm.incompatibility(model)
    return hub_encoder.incompatibility(model)


def export(model: Model, settings: ExportSettings, folder: Path) -> Exported:
    """See ``protocols.Exporter``."""
    from goldilocks.nets.export.hub_causal_lm import save_hub_causal
    from goldilocks.nets.export.hub_encoder import save_hub
    from goldilocks.nets.export.hub_usage import usage_of
    from goldilocks.nets.heads.decoder_generator import DecoderGenerator
    from goldilocks.nets.network import Network

    assert isinstance(model, Network)
    if isinstance(model, DecoderGenerator):
        save_hub_causal(model, folder, normalisation=settings.normalisation)
    else:
        save_hub(model, folder, normalisation=settings.normalisation)
    library, usage = usage_of(model, settings.rule)
    return Exported(library, usage, "")
