"""A small fuzz of endpoint answers; ``benchmarks/fuzz_endpoints.py`` is the large one."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from goldilocks.support.endpoints.address import KINDS
from goldilocks.support.endpoints.http_post import HttpAnswer
from goldilocks.testing.odd_answers import answers, check


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None, derandomize=True)
@given(data=st.data(), several=st.booleans())
def test_whatever_an_endpoint_sends_is_an_answer_or_a_stated_problem(
    kind: str, data: st.DataObject, several: bool
) -> None:
    check(data.draw(st.lists(answers(kind), min_size=1, max_size=3)), several=several, kind=kind)


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (b'{"choices": [{"message": {"content": "card"}}]}', "answered"),
        (b'{"choices": [{"message": {"content": "hm"}}]}', "unanswered"),
        (b'{"choices": []}', "unanswered"),
        (b'{"object": "list"}', "error"),
    ],
)
def test_contract_tells_the_outcomes_apart(body: bytes, outcome: str) -> None:
    assert check([HttpAnswer(200, {}, body)], several=False) == outcome
