from __future__ import annotations

from types import SimpleNamespace

from method_models import CONFIG, ENCODER, PROMPTED

from goldilocks.methods import zero_shot
from goldilocks.records import Output


def test_only_prompted_models_are_used_and_nothing_is_trained() -> None:
    assert zero_shot.incompatibility(PROMPTED) is None
    assert zero_shot.incompatibility(ENCODER) == "cannot be prompted; needs training"
    assert zero_shot.training_config(CONFIG) is None


def test_no_examples_are_drawn() -> None:
    model = SimpleNamespace(n_examples=8)
    zero_shot.prepare(model, zero_shot.Options())
    assert model.n_examples == 0


def test_tags_are_declined() -> None:
    assert zero_shot.declined(Output.TAGS)
    assert zero_shot.declined(Output.LABEL) is zero_shot.declined(Output.LIKELIHOOD) is None
