from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from goldilocks.errors import InputError
from goldilocks.settings import task_from
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


@dataclass(frozen=True)
class Lists:
    patterns: tuple[str, ...] = ()
    numbers: tuple[int, ...] | None = None
    pair: tuple[str, str] = ("a", "b")


def test_one_value_is_a_list_of_one_and_what_no_list_is_is_said_in_the_words_of_yaml() -> None:
    assert options_from(Lists, {"patterns": "{text} ({mask})", "numbers": 3}) == Lists(("{text} ({mask})",), (3,))
    assert options_from(Lists, {"patterns": ["a", "b"], "numbers": None}) == Lists(("a", "b"))
    for given in ({"patterns": {"a": 1}}, {"pair": "ab"}):
        with pytest.raises(InputError, match=r"Input should be a list, such as \[a, b\]\.$"):
            options_from(Lists, given)


def test_one_value_is_a_list_of_one_in_a_task_file_too() -> None:
    given = {"name": "t", "data": {"train": "x.csv"}, "candidates": {"families": "naive_bayes"}}
    spec = task_from(given | {"tracking": "tensorboard", "limits": {"licenses": "mit"}})
    assert spec.candidates.families == ("naive_bayes",)
    assert spec.tracking == ("tensorboard",)
    assert spec.limits.licenses == ("mit",)
    with pytest.raises(InputError, match=r"candidates\.families is 5|candidates\.families\.0 is 5"):
        task_from(given | {"candidates": {"families": 5}})


def test_class_without_options_says_so() -> None:
    @dataclass(frozen=True)
    class Nothing:
        pass

    with pytest.raises(InputError, match=r"unknown key 'options\.full\.rank'\. It has no options\.$"):
        options_from(Nothing, {"rank": 1}, section="options.full")
