from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from goldilocks.errors import InputError
from goldilocks.support.options import options_from


@dataclass(frozen=True)
class Options:
    rank: int = 8
    scale: float = 1.0


def test_text_becomes_the_type_of_the_field_and_the_rest_keeps_its_default() -> None:
    assert options_from(Options, {"rank": "4"}) == Options(4, 1.0)
    assert options_from(Options, {}) == Options()


@pytest.mark.parametrize(
    ("given", "where", "message"),
    [
        (
            {"rnk": 4},
            {"source": "task file", "section": "options.lora"},
            r"^task file: unknown key 'options\.lora\.rnk'\. Did you mean 'rank'\? There are: rank, scale\.$",
        ),
        ({"rnk": 4}, {"source": "strategy ewc"}, r"^strategy ewc: unknown key 'rnk'\. Did you mean 'rank'\?"),
        ({"rank": "four"}, {"section": "training"}, r"^training\.rank is 'four': "),
        ({"scale": None}, {}, r"^scale is None: "),
    ],
)
def test_mistake_is_named_with_where_it_is(given: dict[str, Any], where: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        options_from(Options, given, **where)


def test_class_without_options_says_so() -> None:
    @dataclass(frozen=True)
    class Nothing:
        pass

    with pytest.raises(InputError, match=r"unknown key 'options\.full\.rank'\. It has no options\.$"):
        options_from(Nothing, {"rank": 1}, section="options.full")
