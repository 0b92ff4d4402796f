from __future__ import annotations

from types import SimpleNamespace

import pytest
from method_models import CONFIG, ENCODER, PROMPTED

from goldilocks.errors import InputError, MissingError
from goldilocks.methods import in_context
from goldilocks.records import Output


def test_only_prompted_models_are_used_and_nothing_is_trained() -> None:
    assert in_context.incompatibility(PROMPTED) is None
    assert in_context.incompatibility(ENCODER) == "cannot be prompted; needs training"
    assert in_context.training_config(CONFIG) is None


def test_option_says_how_many_examples_are_drawn() -> None:
    model = SimpleNamespace(n_examples=0)
    in_context.prepare(model, in_context.Options(shots=3))
    assert model.n_examples == 3


def test_no_examples_are_refused() -> None:
    with pytest.raises(InputError, match="shots is 0; use at least 1, or the method zero_shot"):
        in_context.prepare(SimpleNamespace(), in_context.Options(shots=0))


def test_likelihoods_have_no_examples() -> None:
    assert in_context.declined(Output.LIKELIHOOD)
    assert in_context.declined(Output.TEXT) is None


def test_options_say_how_examples_are_chosen() -> None:
    model = SimpleNamespace()
    in_context.prepare(model, in_context.Options(demonstrations="nearest", order="best_first"))
    assert (model.demonstrations.strategy, model.demonstrations.order) == ("nearest", "best_first")
    with pytest.raises(MissingError, match="Did you mean 'nearest'"):
        in_context.prepare(model, in_context.Options(demonstrations="neares"))


def test_negative_budget_is_refused() -> None:
    with pytest.raises(InputError, match="tokens is -1; it is a number of tokens, or 0 for no limit"):
        in_context.prepare(SimpleNamespace(), in_context.Options(tokens=-1))


def test_cached_examples_stand_beside_those_of_each_item_only() -> None:
    model = SimpleNamespace()
    in_context.prepare(model, in_context.Options(demonstrations="nearest", cached=6))
    assert model.demonstrations.cached == 6
    for options in (in_context.Options(cached=6), in_context.Options(demonstrations="nearest", cached=-1)):
        with pytest.raises(InputError, match="it is a number of further examples, for strategies that choose"):
            in_context.prepare(model, options)
