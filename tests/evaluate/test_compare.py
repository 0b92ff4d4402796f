from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from goldilocks import plugins
from goldilocks.errors import InputError
from goldilocks.evaluate.compare import compare

ACCURACY = plugins.load("metrics", "accuracy")
MACRO_F1 = plugins.load("metrics", "macro_f1")


def _answers(n: int, wrong: range) -> list[str]:
    return ["b" if i in wrong else "a" for i in range(n)]


def test_few_disagreements_are_judged_by_the_exact_test() -> None:
    got = compare(ACCURACY, ["a"] * 100, _answers(100, range(1)), _answers(100, range(1, 9)))
    assert (got.test, got.only_first, got.only_second) == ("exact McNemar", 8, 1)
    assert got.p_value == pytest.approx(0.0390625)  # 2 · (1 + 9) / 2**9
    assert got.gap.value == pytest.approx(0.07)
    assert got.gap.low <= 0.07 <= got.gap.high


def test_clear_gap_is_found_and_its_sign_follows_the_order() -> None:
    gold = ["a"] * 500
    better, worse = _answers(500, range(50)), _answers(500, range(40, 200))
    there, back = compare(ACCURACY, gold, better, worse), compare(ACCURACY, gold, worse, better)
    assert there.test == "paired bootstrap"
    assert there.p_value < 0.01
    assert there.gap.low > 0
    assert back.gap.value == pytest.approx(-there.gap.value)
    assert back.p_value == there.p_value


def test_paired_interval_is_narrower_than_that_of_unpaired_scores() -> None:
    # Both are wrong on the same 200 hard items, which therefore say nothing on the gap.
    gold = ["a"] * 600
    first, second = _answers(600, range(230)), _answers(600, range(200, 460))
    same = [one if i >= 200 else "b" for i, one in enumerate(second)]
    got = compare(ACCURACY, gold, first, same)
    unpaired = 2 * 1.96 * np.sqrt(2 * 0.38 * 0.62 / 600)
    assert got.gap.high - got.gap.low < unpaired


def test_like_models_are_not_told_apart() -> None:
    rng = np.random.default_rng(0)
    gold = rng.choice(["a", "b", "c"], 400).tolist()
    first, second = ([one if rng.random() < 0.8 else "a" for one in gold] for _ in range(2))
    got = compare(MACRO_F1, gold, first, second, seed=1)
    assert got.test == "paired bootstrap"
    assert got.p_value > 0.05
    assert got.gap.low < 0 < got.gap.high


def test_the_lower_error_rate_is_the_better_model() -> None:
    class ErrorRate:
        HIGHER_IS_BETTER = False
        RANGE = (0.0, 1.0)
        SOURCE = "test"
        EXAMPLES = ()

        @staticmethod
        def items(gold: list[str], predicted: list[str]) -> object:
            return np.array([[a != b, 1] for a, b in zip(gold, predicted, strict=True)], dtype=np.float32)

        @staticmethod
        def total(sums: npt.NDArray[np.float64]) -> object:
            return sums[:, 0] / sums[:, 1]

    got = compare(ErrorRate, ["a"] * 50, _answers(50, range(2)), _answers(50, range(12)))  # type: ignore[arg-type]
    assert got.gap.value == pytest.approx(0.2)


def test_comparing_on_one_item_is_refused() -> None:
    with pytest.raises(InputError, match="1 items; comparing needs at least 2"):
        compare(ACCURACY, ["a"], ["a"], ["b"])
