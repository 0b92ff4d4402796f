from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from race_records import SPEC, candidate, network, trial

from goldilocks import plugins
from goldilocks.errors import LimitError
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.protocols import Floats, Metric, Task
from goldilocks.records import Cost, Footprint, Goal, Limits, Measured, Objective, Output
from goldilocks.selection.decide import Prospect, Prospects, decide
from goldilocks.selection.decision_map import decision_map
from goldilocks.selection.joint_losses import LossPrior
from goldilocks.selection.loss_table import Finished, SeedRun
from goldilocks.support.scoring.statistics import wilson

GOLD = ["a", "b"] * 200
ACCURACY = plugins.load("metrics", "accuracy")


def footprint(p95: float = 5.0, memory: int = 10**8) -> Footprint:
    latency = Measured(p95, p95, p95, 50, "ms")
    return Footprint(0.5, latency, latency, 1000.0, memory, 10**6)


def finished(name: str, wrong: range, cost: float, **needs: float) -> Finished:
    answers = tuple({"a": "b", "b": "a"}[gold] if i in wrong else gold for i, gold in enumerate(GOLD))
    loss = len(wrong) / len(GOLD)
    money = Cost(tuning=cost, labour=0, requests=0, memory=0, storage=0)
    return Finished(candidate(name), trial(name, 2, loss, 10.0), answers, 10.0, footprint(**needs), money)  # type: ignore[arg-type]


def test_clearly_better_candidate_wins_though_dearer() -> None:
    good, bad = finished("encoder/m/full", range(0, 10), cost=50), finished("cnn/m/scratch", range(0, 120), cost=1)

    choice = decide([bad, good], GOLD, ACCURACY, SPEC)

    # alpha = .05 * 200,000 = 10,000: J = 50 + 250 against 1 + 3,000
    assert choice.winner.candidate == "encoder/m/full"
    assert pytest.approx(300) == choice.winner.J
    assert choice.tied == ("encoder/m/full",)
    assert choice.standings[1].gap is not None
    assert choice.standings[1].gap.value == pytest.approx(3001 - 300)


def test_lowest_expected_j_wins_also_among_those_that_cannot_be_distinguished() -> None:
    best, cheap = finished("encoder/m/full", range(0, 20), cost=5), finished("cnn/m/scratch", range(1, 30), cost=1)

    choice = decide([best, cheap], GOLD, ACCURACY, SPEC)

    # 5 + 10,000 * 20/400 = 505 against 1 + 10,000 * 29/400 = 726
    assert choice.winner.candidate == "encoder/m/full"
    assert choice.winner.reason == "lowest expected J"


def test_cheaper_candidate_wins_only_within_the_margin_that_the_user_states() -> None:
    best, cheap = finished("encoder/m/full", range(0, 20), cost=5), finished("cnn/m/scratch", range(1, 22), cost=1)

    def winner(indifference: float) -> tuple[str, str]:
        spec = replace(SPEC, objective=replace(SPEC.objective, indifference=indifference))
        choice = decide([best, cheap], GOLD, ACCURACY, spec)
        return choice.winner.candidate, choice.winner.reason

    # 505 against 526: at most 21 a month apart
    assert winner(0.0)[0] == "encoder/m/full"
    assert winner(25.0) == ("cnn/m/scratch", "cheapest within 25 USD a month of the lowest expected J")


def test_difference_below_the_timing_error_is_ordered_by_loss_and_not_by_chance() -> None:
    def timed(name: str, wrong: range, cost: float) -> Finished:
        contender = finished(name, wrong, cost)
        return replace(contender, cost=replace(contender.cost, error=5.0))

    spec = replace(SPEC, objective=Objective(error_cost=0.00001))
    for noise in (-0.3, 0.3):  # alpha is 2: one item in 400 is .005
        good, bad = timed("encoder/m/full", range(20), 1.0 + noise), timed("cnn/m/scratch", range(40), 1.0)
        choice = decide([bad, good], GOLD, ACCURACY, spec)
        assert choice.winner.candidate == "encoder/m/full"
    equal = [timed(f"cnn/{name}/scratch", range(20), 1.0) for name in "ba"]
    assert decide(equal, GOLD, ACCURACY, spec).winner.candidate == "cnn/a/scratch"


def test_candidate_that_differs_by_luck_stays_in_the_best_set() -> None:
    # 30 against 42 wrong on disjoint items: 1.4 standard errors of the paired difference.
    best, worse = finished("encoder/m/full", range(0, 30), cost=5), finished("cnn/m/scratch", range(200, 242), cost=1)

    choice = decide([best, worse], GOLD, ACCURACY, SPEC)

    assert choice.winner.candidate == "encoder/m/full"
    assert choice.tied == ("encoder/m/full", "cnn/m/scratch")
    p_value = choice.standings[1].p_value
    assert p_value is not None
    # One-sided, less one item for continuity: (12 - 1) / 8.5 = 1.30 standard errors, .097.
    assert p_value == pytest.approx(0.097, abs=0.025)
    # P(best): .087 by the normal distribution at 116/85 standard errors, nearer to even as both may be equally good.
    assert choice.standings[1].p_best is not None
    assert 0.087 < choice.standings[1].p_best < 0.3
    assert choice.expected_regret > 0


def test_same_records_give_the_same_decision() -> None:
    rivals = [finished(f"encoder/m{i}/full", range(i, i + 30), cost=i) for i in range(20)]
    assert decide(rivals, GOLD, ACCURACY, SPEC) == decide(rivals, GOLD, ACCURACY, SPEC)


def test_interval_of_the_winner_of_many_reaches_further_down_than_its_own() -> None:
    rng = np.random.default_rng(0)

    def random_errors(name: str) -> Finished:
        wrong = set(np.flatnonzero(rng.random(400) < 0.3).tolist())
        return finished(name, wrong, cost=1)  # type: ignore[arg-type]

    rivals = [random_errors(f"encoder/m{i:02}/full") for i in range(40)]
    choice = decide(rivals, GOLD, ACCURACY, SPEC)

    score = choice.winner.score
    assert score is not None
    low, high = wilson(score.value * 400, 400)
    # All have a true accuracy of .7: the best of 40 looks better, and only the corrected interval says so.
    assert low > 0.7
    assert score.low < 0.7 < score.value < score.high
    assert score.high == pytest.approx(high)


def test_unfinished_candidate_may_be_the_best_but_cannot_win() -> None:
    done = finished("cnn/m/scratch", range(40), cost=1)

    choice = decide([done], GOLD, ACCURACY, SPEC, prospects=Prospects((Prospect("encoder/m/full", 0.05, 0.01, 5.0),)))

    assert choice.winner.candidate == "cnn/m/scratch"
    assert choice.p_best["encoder/m/full"] > 0.95
    # 1 + 10,000 * .1 against 5 + 10,000 * .05
    assert choice.expected_regret == pytest.approx(496, rel=0.1)
    assert [standing.candidate for standing in choice.standings] == ["cnn/m/scratch"]


def test_unfinished_candidate_that_always_ends_behind_the_finished_one_is_never_the_best() -> None:
    done, other = finished("cnn/m/scratch", range(40), cost=1), Prospect("encoder/m/full", 0.12, 0.06, 1.0)
    wide = 0.25  # variance of what both share; the other ends .1 higher in the logarithm of its loss
    prior = LossPrior(
        ("cnn/m/scratch", "encoder/m/full"),
        np.zeros(1),
        np.array([[-2.0, -1.9]]),
        np.array([[[wide, wide], [wide, wide]]]),
    )

    alone = decide([done], GOLD, ACCURACY, SPEC, prospects=Prospects((other,)))
    together = decide([done], GOLD, ACCURACY, SPEC, prospects=Prospects((other,), prior))

    assert alone.p_best["encoder/m/full"] > 0.2
    assert together.p_best["encoder/m/full"] == 0


def test_candidate_all_of_whose_answers_a_person_checks_is_not_the_best_by_rounding() -> None:
    spec = replace(SPEC, objective=Objective(error_cost=0.05, review_cost=0.01))
    task: Task = plugins.load("tasks", "text_classification")
    rule = loss_rule(spec.objective, task, Goal(labels=("a", "b")), ACCURACY, GOLD)
    right = replace(finished("cnn/m/scratch", range(0), cost=1), certainty=np.full(len(GOLD), 0.99))
    other = replace(finished("recurrent/m/scratch", range(0), cost=1), certainty=np.full(len(GOLD), 0.99))
    unsure = replace(finished("encoder/m/full", range(200), cost=1), certainty=np.full(len(GOLD), 0.5))

    choice = decide([unsure, right, other], GOLD, ACCURACY, spec, rule=rule)

    checked = next(row for row in choice.standings if row.candidate == "encoder/m/full")
    assert checked.review_share == 1  # .01 of .05: every answer costs .2 errors, without noise
    assert choice.p_best["encoder/m/full"] < 0.05
    assert choice.loss_draws.min() > -1
    assert choice.loss_draws.max() < 1


def test_free_errors_leave_the_cheapest() -> None:
    spec = replace(SPEC, objective=Objective(error_cost=0.0))
    choice = decide(
        [finished("encoder/m/full", range(1), 2), finished("cnn/m/scratch", range(90), 1)], GOLD, ACCURACY, spec
    )
    assert choice.winner.candidate == "cnn/m/scratch"
    assert choice.tied == ("cnn/m/scratch",)


def test_identical_candidates_share_the_probability_and_the_name_decides() -> None:
    rivals = [finished(f"cnn/{name}/scratch", range(9), cost=1) for name in "cab"]
    choice = decide(rivals, GOLD, ACCURACY, SPEC)
    assert choice.winner.candidate == "cnn/a/scratch"
    assert len(choice.tied) == 3
    # Equal answers on these items may differ on others, by half an item or so: equal up to the draws.
    assert [standing.p_best for standing in choice.standings] == pytest.approx([1 / 3] * 3, abs=0.04)


def test_map_is_the_lower_envelope() -> None:
    points = {"cheap": (1.0, 0.5), "middle": (2.0, 0.3), "hidden": (4.0, 0.29), "dear": (5.0, 0.1)}

    got = [(entry.candidate, entry.alpha_from, entry.alpha_to) for entry in decision_map(points)]

    # cheap = middle at 1/.2 = 5; middle = dear at 3/.2 = 15; hidden is never lowest
    assert got == [
        ("cheap", 0.0, pytest.approx(5)),
        ("middle", pytest.approx(5), pytest.approx(15)),
        ("dear", pytest.approx(15), None),
    ]


def test_map_agrees_with_brute_force() -> None:
    rng = np.random.default_rng(3)
    for _ in range(50):
        points = {str(i): (float(rng.random()), float(rng.random())) for i in range(8)}
        ranges = decision_map(points)
        for alpha in rng.random(20) * 10:
            lowest = min(points, key=lambda name: points[name][0] + alpha * points[name][1])
            here = next(
                interval
                for interval in ranges
                if interval.alpha_from <= alpha and (interval.alpha_to is None or alpha < interval.alpha_to)
            )
            assert here.candidate == lowest


def test_dominated_twin_never_appears_in_the_map() -> None:
    assert [entry.candidate for entry in decision_map({"a": (1.0, 0.2), "b": (1.0, 0.3)})] == ["a"]


def test_hard_limit_excludes_the_better_candidate_with_the_reason() -> None:
    spec = replace(SPEC, limits=Limits(latency_p95_ms=10))
    slow, fast = (
        finished("encoder/m/full", range(0, 5), cost=1, p95=20.0),
        finished("cnn/m/scratch", range(0, 80), cost=1),
    )

    choice = decide([slow, fast], GOLD, ACCURACY, spec)

    assert choice.winner.candidate == "cnn/m/scratch"
    out = next(standing for standing in choice.standings if standing.status == "excluded")
    assert "latency_p95_ms: measured 20 ms, limit 10 ms" in out.reason


def test_limit_that_no_candidate_meets_names_the_nearest() -> None:
    spec = replace(SPEC, limits=Limits(memory_mb=10))
    near, far = (
        finished("cnn/m/scratch", range(0, 80), cost=1, memory=20_000_000),
        finished("encoder/m/full", range(0, 5), cost=1),
    )

    with pytest.raises(LimitError, match=r"nearest is cnn/m/scratch \(memory_mb: measured 20 MB, limit 10 MB"):
        decide([near, far], GOLD, ACCURACY, spec)


def _nearness() -> Metric:
    """1 - |gold - answer|, mean over items: no answer is just right or wrong."""

    def items(gold: Sequence[float], predicted: Sequence[float]) -> Floats:
        return np.stack([1 - np.abs(np.subtract(gold, predicted)), np.ones(len(gold))], axis=1).astype(np.float32)

    made = SimpleNamespace(
        OUTPUTS=frozenset({Output.SCORE}),
        HIGHER_IS_BETTER=True,
        RANGE=(0.0, 1.0),
        items=items,
        total=lambda sums: sums[:, 0] / sums[:, 1],
    )
    return cast(Metric, made)


@pytest.mark.parametrize("off", [0.2, 0.1])
def test_gap_of_a_metric_that_is_not_about_labels_is_resampled_however_few_answers_are_just_right(off: float) -> None:
    gold = tuple(i / 400 for i in range(400))

    def answering(name: str, error: float) -> Finished:
        money = Cost(tuning=1, labour=0, requests=0, memory=0, storage=0)
        answers = tuple(answer + error for answer in gold)
        return Finished(candidate(name), trial(name, 2, error, 10.0), answers, 10.0, footprint(), money)

    choice = decide([answering("encoder/m/full", 0.1), answering("cnn/m/scratch", off)], gold, _nearness(), SPEC)

    # No answer equals its gold, so counting right ones would see no difference. Every draw of 1,000 has the same gap.
    p_value = next(standing.p_value for standing in choice.standings if standing.p_value is not None)
    assert p_value == pytest.approx(1 / 1001 if off > 0.1 else 1.0)


def seeded(name: str, first: range, second: range, cost: float) -> Finished:
    """A network with two seeds that err on different items."""
    first_seed, second_seed = finished(name, first, cost), finished(name, second, cost)
    run = SeedRun(replace(second_seed.trial, repeat=1), second_seed.answers)
    return replace(first_seed, candidate=network(name), further=(run,))


def test_mean_over_two_seeds_decides_and_both_noises_are_apart() -> None:
    lucky = seeded("encoder/m/full", range(0, 20), range(0, 60), cost=1)  # .05 and .15
    steady = finished("cnn/m/scratch", range(0, 32), cost=1)  # .08

    choice = decide([lucky, steady], GOLD, ACCURACY, SPEC)

    assert choice.winner.candidate == "cnn/m/scratch"
    other = choice.standings[1]
    assert other.seed_losses == (0.05, 0.15)
    assert pytest.approx(1 + 10_000 * 0.1) == other.J
    assert other.score is not None
    assert other.score.value == pytest.approx(0.9)
    # Items: 20 err in both runs and 40 in one, so .1 is the mean of 1, .5 and 0.
    items = (20 * 0.9**2 + 40 * 0.4**2 + 340 * 0.1**2) / 400 / 400
    assert other.item_error == pytest.approx(items**0.5, rel=0.1)
    # Seeds: (.1**2 - variance of the difference by items) / 2, averaged with the prior of .057 * .1.
    difference = (40 / 400 * (1 - 40 / 400)) / 400
    spread = ((0.1**2 - difference) / 2 + 0.0057**2) / 2
    assert other.seed_noise == pytest.approx(spread**0.5, rel=0.01)
    assert other.seed_error == pytest.approx((spread / 2) ** 0.5, rel=0.01)


def test_training_seed_makes_a_narrow_lead_less_certain_but_excludes_nobody() -> None:
    lead, next_ = finished("encoder/m/full", range(0, 40), cost=1), finished("encoder/n/full", range(0, 46), cost=1)
    rivals = (lead, next_)
    choices = [
        decide([replace(rival, candidate=kind(rival.candidate.name)) for rival in rivals], GOLD, ACCURACY, SPEC)
        for kind in (candidate, network)
    ]
    deterministic, trained = (choice.winner for choice in choices)
    assert deterministic.seed_error == 0
    assert trained.seed_error == pytest.approx(0.057 * 0.1)
    assert deterministic.p_best is not None
    assert trained.p_best is not None
    assert trained.p_best < deterministic.p_best - 0.02
    assert choices[0].tied == choices[1].tied
