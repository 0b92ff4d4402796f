"""Hosted or own: break-even volume and labels, by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from race_records import SPEC
from test_decide import ACCURACY, GOLD, finished

from goldilocks.records import Cost, Decision, HostedOrOwn, Objective
from goldilocks.records.outlook import hosted_or_own_lines
from goldilocks.report.volume_chart import volume_chart
from goldilocks.selection.decide import decide
from goldilocks.selection.hosted_or_own import hosted_or_own
from goldilocks.selection.learning_curve import Exponent

HOSTED, OWN = "api/judge@host/zero_shot", "encoder/m/full"


def compared(
    wrong: int,
    own: Cost,
    rows: int = 1_000,
    hosted_wrong: int = 40,
    tokens: float = 10.0,
    law: Exponent = Exponent(0.33, 0.1),  # noqa: B008 - frozen
) -> HostedOrOwn:
    money = Cost(tuning=0, labour=0, requests=0, memory=0, storage=0, tokens=tokens)
    endpoint = replace(finished(HOSTED, range(hosted_wrong), cost=0), cost=money)
    model = replace(finished(OWN, range(200, 200 + wrong), cost=0), cost=own)
    choice = decide([endpoint, model], GOLD, ACCURACY, SPEC)
    result = hosted_or_own(choice, SPEC, law, rows)
    assert result is not None
    return result


def cost(fixed: float, requests: float = 2.0) -> Cost:
    return Cost(tuning=fixed, labour=0, requests=requests, memory=0, storage=0)


def lines(result: HostedOrOwn) -> list[str]:
    objective = Objective(requests_per_month=200_000)
    return hosted_or_own_lines(cast(Decision, SimpleNamespace(hosted_or_own=result, objective=objective)))


def test_an_owned_model_pays_above_a_volume() -> None:
    result = compared(20, cost(300.0))
    # A request costs 5e-5 and .1 errors at .05 hosted, 1e-5 and .05 errors owned: 300 / (.00505 - .00251)
    assert result.own_is_cheaper == "above"
    assert result.requests is not None
    (_, hosted), (fixed, own) = result.lines
    assert fixed == 300
    assert result.requests.value == pytest.approx(300 / (hosted - own), rel=0.02)
    assert result.requests.value == pytest.approx(300 / 0.00254, rel=0.1)
    assert result.requests.low < result.requests.value < result.requests.high
    (first, second) = lines(result)
    assert "requests per month upwards" in first
    assert "you state 200,000" in first
    assert "it was trained on 1,000" in second


def test_labels_that_make_up_for_a_worse_model() -> None:
    result = compared(80, cost(2.0), hosted_wrong=40)
    # A loss of .2 falls to about .1 after 2 ** (1 / .33) times the rows, about 8,200.
    assert result.labels is not None
    assert 4_000 < result.labels.value < 20_000
    assert "more than there are" in lines(result)[1]
    assert "USD at 0.08 USD a label" in lines(result)[1]


def test_a_model_that_learns_nothing_more_needs_no_number_of_labels() -> None:
    result = compared(80, cost(2.0), hosted_wrong=40, law=Exponent(0.001, 1e-6))
    assert result.labels is None
    assert len(lines(result)) == 1


@pytest.mark.parametrize(
    ("wrong", "own", "tokens", "expected"),
    [(20, cost(0.0, 0.0), 10.0, "always"), (80, cost(300.0), 10.0, "never")],
)
def test_where_there_is_no_break_even(wrong: int, own: Cost, tokens: float, expected: str) -> None:
    result = compared(wrong, own, tokens=tokens)
    assert result.own_is_cheaper == expected
    assert result.requests is None
    assert "at any volume" in lines(result)[0]


def test_without_an_endpoint_there_is_nothing_to_compare() -> None:
    choice = decide([finished(OWN, range(5), cost=1)], GOLD, ACCURACY, SPEC)
    assert hosted_or_own(choice, SPEC, Exponent(0.33, 0.1), 100) is None


def test_the_chart_names_both_and_is_described() -> None:
    chart: Any = volume_chart(compared(20, cost(300.0)), Objective(requests_per_month=200_000))
    assert HOSTED in chart
    assert "200,000 requests" in chart
