"""What the policy ``value`` buys, given standings that are made up; races are in ``test_race.py``."""

from dataclasses import replace

import numpy as np
import pytest
from race_records import SPEC, standings, stopped, trial

from goldilocks import plugins
from goldilocks.records import Candidate, Forecast, Prices
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.selection.time_correction import time_ratio


def test_candidate_that_could_not_answer_the_test_part_in_time_does_not_fit() -> None:
    value = plugins.load("policies", "value")
    state = standings({"naive_bayes/word/scratch": 1.0, "encoder/m/full": 60.0})
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.4, 1.0))
    state.left = 100.0
    bought = value.choose(state)
    assert bought is not None
    assert bought[0] == "encoder/m/full"

    state.after = {"encoder/m/full": 50.0}  # 60 s to its end and 50 s for the test part

    assert value.choose(state) is None
    assert stopped(value, state).startswith("1 candidate does not fit into the remaining budget; about 8 s")


def test_hopeless_candidate_is_not_worth_its_price() -> None:
    value = plugins.load("policies", "value")
    state = standings({"encoder/m/full": 10.0, "recurrent/lstm/scratch": 60.0})
    state.trials += [trial("encoder/m/full", 2, 0.02, 10.0), trial("recurrent/lstm/scratch", 1, 0.6, 10.0)]

    assert value.choose(state) is None
    assert stopped(value, state).startswith("the best remaining training run is expected to save")


def test_what_waiting_costs_decides_whether_a_small_hope_is_bought() -> None:
    def chosen(waiting_hour: float) -> tuple[str, int, str] | None:
        state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
        state.spec = replace(SPEC, prices=Prices(waiting_hour=waiting_hour))
        state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))
        return plugins.load("policies", "value").choose(state)

    cheap, dear = chosen(5.0), chosen(1e7)
    assert cheap is not None
    assert cheap[0] == "encoder/m/lora"
    assert dear is None


def test_expected_regret_below_the_indifference_ends_the_race() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))
    value = plugins.load("policies", "value")
    assert value.choose(state) is not None

    # all of J is 1,000 USD a month: 10,000 for a loss of 1, of which a tenth is wrong
    state.spec = replace(SPEC, objective=replace(SPEC.objective, indifference=900.0))

    assert value.choose(state) is None
    assert stopped(value, state).endswith("a month, is below the indifference stated")


def test_candidates_that_do_not_fit_are_named_as_the_reason() -> None:
    state = standings({"naive_bayes/word/scratch": 2.0, "encoder/m/full": 300.0, "encoder/m/lora": 200.0})
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.3, 2.0))
    state.left = 100.0
    value = plugins.load("policies", "value")

    assert value.choose(state) is None
    # lora needs 200 s; its footprint is among what is reserved
    assert state.seconds_left == 100.0
    assert (
        stopped(value, state)
        == "2 candidates do not fit into the remaining budget; about 2 min more would finish the next"
    )
    state.restart_seconds = 120.0  # of which a resumed run takes so much before its race
    assert (
        stopped(value, state)
        == "2 candidates do not fit into the remaining budget; about 4 min more would finish the next"
    )


def test_single_candidate_is_run_and_then_nothing_is_left() -> None:
    state = standings({"encoder/m/full": 10.0})
    value = plugins.load("policies", "value")
    assert value.choose(state) == ("encoder/m/full", 2, "the cheapest candidate comes first, as a reference")

    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))

    assert value.choose(state) is None
    assert stopped(value, state) == "every remaining candidate has been trained to the end"


def test_equal_candidates_are_ordered_by_parameters_and_then_by_name() -> None:
    state = standings(dict.fromkeys(["encoder/b/full", "encoder/a/full"], 10.0))
    state.trials += [trial("encoder/b/full", 2, 0.1, 10.0), trial("encoder/a/full", 2, 0.1, 10.0)]

    assert state.best == "encoder/a/full"


@pytest.mark.parametrize("error_cost", [0.0, 1e30])
def test_extreme_prices_of_an_error_give_finite_values(error_cost: float) -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 60.0})
    state.spec = replace(SPEC, objective=replace(SPEC.objective, error_cost=error_cost))
    state.trials.append(trial("encoder/m/full", 2, 0.1, 10.0))

    offered = state.purchases()
    assert np.isfinite(offered.savings).all()
    assert (plugins.load("policies", "value").choose(state) is None) == (error_cost == 0)


def test_trial_with_an_absurd_time_does_not_make_prices_absurd() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 10.0})
    state.trials.append(trial("encoder/m/full", 0, 0.5, -50.0))
    assert state.price("encoder/m/lora", 2) > 0
    state.trials.append(trial("encoder/m/full", 1, 0.5, float("inf")))
    assert state.price("encoder/m/lora", 2) < 100


def test_time_is_reserved_for_the_pretrained_candidate_with_the_best_forecast() -> None:
    seconds = {"naive_bayes/word/scratch": 1.0, "encoder/m/full": 60.0, "cnn/textcnn/scratch": 70.0}
    state = standings(seconds)
    state = replace(state, pool=[with_source(member) for member in state.pool])
    state.trials.append(trial("naive_bayes/word/scratch", 2, 0.3, 1.0))
    state.left = 100.0
    assert state.reserved == "encoder/m/full"

    # 100 s would do for the CNN, or for the encoder, but not for both.
    chosen = plugins.load("policies", "value").choose(state)
    assert chosen is not None
    assert chosen[0] == "encoder/m/full"

    state.trials.append(trial("encoder/m/full", 2, 0.1, 60.0))
    assert state.reserved is None


def with_source(member: Candidate) -> Candidate:
    """The same; encoders are pretrained."""
    source = "pypi://p/m" if member.model.family == "encoder" else "builtin"
    return replace(member, model=replace(member.model, source=source))


def test_baselines_that_take_no_time_are_run_though_the_first_paid_for_imports() -> None:
    cheap = ["extractive/copy/scratch", "extractive/lead/scratch", "extractive/textrank/scratch"]
    state = standings(dict.fromkeys(cheap, 0.12))
    state.trials.append(trial(cheap[0], 2, 0.83, 10.0))

    bought = plugins.load("policies", "value").choose(state)
    assert bought is not None
    assert bought[:2] == (cheap[1], 2)


def test_price_follows_what_was_measured() -> None:
    state = standings({"encoder/m/full": 10.0, "encoder/m/lora": 8.0})
    state.trials.append(replace(trial("encoder/m/full", 0, 0.5, 2.0), seconds_per_text=0.0))

    # a tenth took 2 s where 10 s in all were predicted (1 s): 20 s in all, .9 of it left
    assert state.price("encoder/m/full", 2) == pytest.approx(18.0)


def test_families_that_have_not_run_are_taken_to_be_slowed_like_those_that_have() -> None:
    state = standings({"cnn/textcnn/scratch": 95.0, "encoder/m/full": 100.0})
    assert state.price("encoder/m/full", 2) == pytest.approx(100)

    # (395 + 5) / (95 + 5): four times as long
    state.trials.append(replace(trial("cnn/textcnn/scratch", 2, 0.5, 395.0), seconds_per_text=0.0))

    # and one family more that keeps to its forecast: the geometric mean of 4 and 1
    assert state.price("encoder/m/full", 2) == pytest.approx(200)


def test_price_knows_that_frozen_layers_run_once() -> None:
    head, other = "encoder/m/head_only", "encoder/m/full"
    forecasts = {head: Forecast(100.0, 0.0, once=0.8), other: Forecast(100.0, 0.0)}
    state = replace(standings({head: 100.0, other: 100.0}), forecasts=forecasts)
    assert state.price(head, 0) == pytest.approx(82)
    assert state.price(head, 2) == pytest.approx(100)

    state.trials.append(replace(trial(head, 0, 0.5, 41.0), seconds_per_text=0.0))  # twice as fast as thought

    assert state.price(head, 2) == pytest.approx(9)
    state.begun_before.add(head)  # resumed: what was kept of the frozen layers is gone
    assert state.price(head, 2) == pytest.approx(9 + 40)
    assert state.price(other, 2) == pytest.approx(100 * time_ratio({head: 41.0}, {head: 82.0}))


def test_choosing_among_a_thousand_candidates_looks_at_each_trial_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"encoder/m{i}/{method}" for i in range(200) for method in ("full", "lora", "head_only", "bias_only", "x")]
    state = standings(dict.fromkeys(names, 30.0))
    value = plugins.load("policies", "value")
    observed: list[str] = []
    plain = Posterior.observe

    def observe(self: Posterior, observation: Observation) -> bool:
        observed.append(observation.candidate)
        return plain(self, observation)

    monkeypatch.setattr(Posterior, "observe", observe)
    for _ in range(5):
        chosen = value.choose(state)
        assert chosen is not None
        state.trials.append(trial(chosen[0], chosen[1], 0.2, 3.0))
    value.choose(state)

    assert observed == [done.candidate for done in state.trials]
