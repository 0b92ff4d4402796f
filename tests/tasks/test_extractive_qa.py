import json
import os
from pathlib import Path
from typing import Any

import pytest

from goldilocks.data.readers.rows import rows_of
from goldilocks.tasks import extractive_qa as task

CONTEXT = "Paris is in France. Lyon is in France too."


def row(answers: Any, context: Any = CONTEXT, question: Any = "Where is Paris?") -> dict[str, Any]:
    return {"question": question, "context": context, "answers": answers}


def test_answer_at_its_offset_is_taken_as_it_is() -> None:
    given = row([{"text": "France", "answer_start": 31}])

    assert task.problem(given) is None
    assert task.gold(given) == ((31, "France"),)
    assert task.item(given) == ("Where is Paris?", CONTEXT)


@pytest.mark.parametrize(
    "answers",
    [
        {"text": ["Paris", "Lyon"], "answer_start": [0, 20]},
        [{"text": "Paris"}, {"text": "Lyon", "answer_start": 20}],
        '[{"text": "Paris", "answer_start": 0}, {"text": "Lyon", "answer_start": 20}]',
        ["Paris", "Lyon"],
    ],
)
def test_every_form_of_answers_says_the_same(answers: Any) -> None:
    assert task.problem(row(answers)) is None
    assert task.gold(row(answers)) == ((0, "Paris"), (20, "Lyon"))


def test_plain_text_that_stands_once_is_found() -> None:
    assert task.gold(row("Lyon")) == ((20, "Lyon"),)
    assert task.gold(row("[sic]", "so it is written [sic] there")) == ((17, "[sic]"),)


@pytest.mark.parametrize("none", [[], "[]", {"text": [], "answer_start": []}])
def test_no_answers_is_an_answer(none: Any) -> None:
    assert task.problem(row(none)) is None
    assert task.gold(row(none)) == ()


@pytest.mark.parametrize("start", [30, 32, 24, 38])
def test_offset_that_is_off_by_a_few_is_mended_to_the_nearest_place(start: int) -> None:
    # France stands at 12 and at 31.
    assert task.gold(row([{"text": "France", "answer_start": start}])) == ((31, "France"),)


def test_offset_that_is_far_off_is_mended_where_there_is_one_place_only() -> None:
    assert task.gold(row([{"text": "Lyon", "answer_start": 0}])) == ((20, "Lyon"),)


def test_space_around_an_answer_does_not_count() -> None:
    assert task.gold(row([{"text": " Lyon ", "answer_start": 19}])) == ((20, "Lyon"),)


def test_reference_without_a_place_is_kept_beside_one_that_has_a_place() -> None:
    given = row([{"text": "the Gallic capital", "answer_start": -1}, {"text": "Paris", "answer_start": 0}])

    assert task.problem(given) is None
    assert task.gold(given) == ((task.NOWHERE, "the Gallic capital"), (0, "Paris"))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (row("Rome"), "'Rome' does not occur in the context"),
        (row("France"), "occurs in the context 2 times; give its answer_start"),
        (
            row([{"text": "is", "answer_start": 41}], CONTEXT + " " * 60),
            "is not at answer_start 41 or near it, but occurs 3",
        ),
        (row([{"text": "x" * 99, "answer_start": 0}]), "x…' does not occur"),
        (row([{"text": " ", "answer_start": 0}]), "text of an answer is empty"),
        (row(["Lyon", "Lyo\ud800"]), "text of an answer holds half a character"),
        (row([{"answer_start": 0}]), r"answers cannot be read \('text'\)"),
        (row([{"text": 7, "answer_start": 0}]), "an answer is a int, not text"),
        (row([{"text": "Lyon", "answer_start": "soon"}]), "answers cannot be read"),
        (row({"text": ["Lyon"], "answer_start": [0, 1]}), "answers cannot be read"),
        (row(5), "answers cannot be read"),
        (row(None), r"answers is empty; write \[\] where the context holds no answer"),
        (row(""), "answers is empty"),
        (row("Lyon", question=" "), "question is empty"),
        (row("Lyon", context=None), "context is empty"),
        (row("Lyon", context=["Lyon"]), "context is a list, not text"),
    ],
)
def test_what_cannot_be_used_is_reported_in_words(given: dict[str, Any], words: str) -> None:
    result = task.problem(given)
    assert result is not None
    with pytest.raises(ValueError, match=words):
        raise ValueError(result)


def test_mixed_scripts_and_emoji_are_counted_in_characters() -> None:
    context = "🙂 她住在 Zürich 的 Altstadt。"
    assert task.gold(row([{"text": "Zürich", "answer_start": 6}], context)) == ((6, "Zürich"),)


@pytest.mark.parametrize(("name", "unusable"), [("squad_part/dev", 0), ("cmrc2018/trial", 2), ("cmrc2018/dev", 0)])
def test_real_rows_pass(name: str, unusable: int) -> None:
    path = Path(os.environ.get("GOLDILOCKS_DATA", "../shared/data")) / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path} is not there")
    columns = ["question", "context", "answers"]
    result = [task.problem(dict(zip(columns, cells, strict=True))) for _, cells in rows_of(path, columns)]
    assert [match for match in result if match is not None] == ["question is empty"] * unusable


def test_cells_of_a_table_of_text_may_hold_json() -> None:
    cell = json.dumps({"text": ["Lyon"], "answer_start": [20]})
    assert task.gold(row(cell)) == ((20, "Lyon"),)
