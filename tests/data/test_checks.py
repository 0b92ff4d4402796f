"""What ``check`` says of rows, in the words of each task, and which rows it names."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from data_tables import sentences

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.errors import InputError
from goldilocks.records import Dataset, DataSpec, Finding, Part, TaskSpec
from goldilocks.tasks import similarity

Rows = Sequence[Mapping[str, Any]]
SAID = sentences(200)


def checked(folder: Path, task: str, rows: Rows) -> Dataset:
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return load(TaskSpec("tried", DataSpec("rows.jsonl"), task=task, folder=folder), plugins.load("tasks", task))


def finding_of(dataset: Dataset, code: str) -> Finding:
    finding = next(entry for entry in dataset.findings if entry.code == code)
    assert "\n" not in finding.message + finding.meaning
    return finding


def rows_found(dataset: Dataset, code: str) -> list[int]:
    """Of all parts: where a row comes to stand is the split's business."""
    return sorted(row for finding in dataset.findings if finding.code == code for row in finding.rows)


def tagged(n: int = 40) -> list[dict[str, Any]]:
    return [{"tokens": text.split(), "tags": ["B-X", *["O"] * (len(text.split()) - 1)]} for text in SAID[:n]]


def asked(n: int = 40) -> list[dict[str, Any]]:
    """Questions, each about a context of its own."""
    return [
        {
            "question": f"what comes {k}",
            "context": text,
            "answers": [{"text": "goes", "answer_start": text.index("goes")}],
        }
        for k, text in enumerate(SAID[:n])
    ]


def translated(n: int = 40) -> list[dict[str, Any]]:
    return [{"source": text, "target": text[::-1]} for text in SAID[:n]]


def listed(n: int = 40) -> list[dict[str, Any]]:
    return [{"query": text, "candidates": ["a", "b", "c"], "relevance": [1, 0, 0]} for text in SAID[:n]]


# ------------------------------------------------------------------------------------------- rows that cannot be used


@pytest.mark.parametrize(
    ("task", "rows", "change", "line"),
    [
        ("ner", tagged(), {"tags": ["O"]}, r"1 tag for 6 words; there must be one for each: row 3\)"),
        ("pos_tagging", tagged(), {"tags": ["O"] * 7}, r"7 tags for 6 words; there must be one for each: row 3\)"),
        (
            "ner",
            [{"text": text, "entities": []} for text in SAID[:40]],
            {"entities": [[0, len(SAID[2].split()[0]), "A"], [0, len(SAID[2].split()[0]), "B"]]},
            r"overlaps another; a word has one tag, so keep one of the two: row 3\)",
        ),
        (
            "ner",
            [{"text": text, "entities": []} for text in SAID[:40]],
            {"entities": [[1, len(SAID[2].split()[0]), "A"]]},
            r"begins inside a word .*: row 3\)",
        ),
        ("extractive_qa", asked(), {"answers": ["Rome"]}, r"the answer 'Rome' does not occur in the context: row 3\)"),
        ("translation", translated(), {"target": " "}, r"target is empty: row 3\)"),
        ("summarisation", translated(), {"target": None}, r"target is empty: row 3\)"),
        ("matching", listed(), {"relevance": [1]}, r"relevance has 1 number for 3 candidates: row 3\)"),
    ],
)
def test_row_that_cannot_be_used_is_named_in_one_line(
    tmp_path: Path, task: str, rows: Rows, change: Mapping[str, Any], line: str
) -> None:
    broken = [*rows[:2], {**rows[2], **change}, *rows[3:]]
    with pytest.raises(InputError, match=line) as raised:
        checked(tmp_path, task, broken)
    assert "\n" not in str(raised.value)


# ---------------------------------------------------------------------------------------- rows that are taken otherwise


def test_i_without_b_and_other_schemes_are_reported_with_their_rows(tmp_path: Path) -> None:
    rows = tagged()
    rows[4]["tags"][0] = "I-X"
    rows[6]["tags"][0] = "S-X"
    got = checked(tmp_path, "ner", rows)
    lone, scheme = (finding for finding in got.findings if finding.code == "mended_row")
    assert "an I- tag that continues no entity" in lone.message
    assert (lone.rows, scheme.rows) == ((5,), (7,))
    assert lone.message.endswith("in row 5")


def test_answer_beside_its_offset_and_reference_without_a_place_are_reported_with_their_rows(tmp_path: Path) -> None:
    rows = asked()
    rows[4]["answers"][0]["answer_start"] += 1
    rows[6]["answers"].append({"text": "nowhere at all", "answer_start": 0})
    got = checked(tmp_path, "extractive_qa", rows)
    beside, nowhere = (finding for finding in got.findings if finding.code == "mended_row")
    assert "is not at its answer_start" in beside.message
    assert "does not occur in the context" in nowhere.message
    assert (beside.rows, nowhere.rows) == ((5,), (7,))


# --------------------------------------------------------------------------------------------------------- issues


def test_letters_that_look_alike_and_rows_in_another_script_are_named(tmp_path: Path) -> None:
    rows = translated(60)
    rows[8]["source"] = "your p\u0430yp\u0430l account is closed"
    rows[9]["source"] = "\u6211\u4f4f\u5728\u5317\u4eac\u7684\u897f\u8fb9"
    got = checked(tmp_path, "translation", rows)
    assert rows_found(got, "mixed_scripts") == [9]
    assert rows_found(got, "other_script") == [10]
    # Greek and Cyrillic words beside Latin ones are not a mistake.
    plain = translated(60)
    plain[8]["source"] = "the angle \u03b1 and the word \u043c\u0438\u0440 mean something"
    assert rows_found(checked(tmp_path, "translation", plain), "mixed_scripts") == []


def test_untranslated_and_slipped_lines_are_named(tmp_path: Path) -> None:
    rows = translated()
    rows[3]["target"] = rows[3]["source"]
    rows[5]["target"] = "short"
    got = checked(tmp_path, "translation", rows)
    assert rows_found(got, "untranslated") == [4]
    assert rows_found(got, "odd_length") == [6]
    assert got.profile.facts["train"]["characters of a translation / of its source, median"] == 1


def test_summary_that_is_no_shorter_is_named(tmp_path: Path) -> None:
    rows = [{"source": text, "target": text[:9]} for text in SAID[:40]]
    rows[3]["target"] = rows[3]["source"] + " and more"
    assert rows_found(checked(tmp_path, "summarisation", rows), "long_summary") == [4]


def test_questions_are_counted_with_and_without_answers(tmp_path: Path) -> None:
    rows = asked()
    for row in rows:
        row["answers"] = []
    got = checked(tmp_path, "extractive_qa", rows)
    assert sum(fact["without an answer"] for fact in got.profile.facts.values()) == 40
    assert got.profile.facts["train"]["words of a context, median"] == 6  # as ``sentences`` makes them
    assert "no question has an answer" in finding_of(got, "no_answers").message


def test_questions_on_one_context_are_said_to_stay_together_and_not_to_be_alike(tmp_path: Path) -> None:
    rows = [{**entry, "question": f"{k}: {entry['question']}"} for entry in asked(60) for k in range(3)]
    got = checked(tmp_path, "extractive_qa", rows)
    assert not [finding for finding in got.findings if finding.code == "near_duplicates"]
    assert (
        finding_of(got, "split").meaning
        == "Rows with one context stay in one part, so the score is about new contexts."
    )


def test_turns_of_a_dialogue_stay_in_one_part_and_its_row_is_named_once(tmp_path: Path) -> None:
    rows = [
        {"turns": [f"{text} {turn}" for turn in ("hello", "hi", "call me: +49 170 1234567", "bye")]}
        for text in SAID[:60]
    ]
    got = checked(tmp_path, "dialogue", rows)
    parts = [set(part.rows) for part in (got.train, got.validation, got.test)]
    assert sum(map(len, parts)) == 60
    assert got.profile.facts["train"]["dialogues"] == len(parts[0])
    named = next(finding for finding in got.findings if finding.code == "personal_data" and finding.part == "train")
    assert named.count == len(parts[0])
    assert len(set(named.rows)) == len(named.rows)
    assert (
        finding_of(got, "split").meaning
        == "Rows with one dialogue stay in one part, so the score is about new dialogues."
    )


def test_entities_are_counted_by_type(tmp_path: Path) -> None:
    rows = tagged()
    rows[0]["tags"][0] = "O"
    facts = checked(tmp_path, "ner", rows).profile.facts.values()
    assert sum(fact["X entities"] for fact in facts) == 39
    assert sum(fact["without an entity"] for fact in facts) == 1
    assert sum(fact["words"] for fact in facts) == 40 * 6


def test_lists_with_nothing_to_tell_apart_are_named(tmp_path: Path) -> None:
    rows = listed()
    rows[3]["relevance"] = [0, 0, 0]
    rows[5]["candidates"] = ["a", "b", "b"]
    got = checked(tmp_path, "matching", rows)
    assert rows_found(got, "equal_relevance") == [4]
    assert rows_found(got, "candidate_twice") == [6]
    assert got.profile.facts["train"]["candidates of a list, mean"] == 3


def test_scores_that_are_all_the_same_are_refused(tmp_path: Path) -> None:
    rows = [{"text1": text, "text2": text[::-1], "score": 3} for text in SAID[:40]]
    with pytest.raises(InputError, match=r"all 40 rows have the score 3; there is nothing to learn"):
        checked(tmp_path, "similarity", rows)


def test_scores_of_a_part_to_score_on_that_are_all_the_same_are_named() -> None:
    part = Part((("a", "b"), ("c", "d")), (3.0, 3.0), (1, 2))
    assert [issue.code for issue in similarity.issues(part)] == ["one_score"]


def test_pairs_of_one_text_twice_are_named(tmp_path: Path) -> None:
    rows = [{"text1": text, "text2": text, "label": str(k % 2)} for k, text in enumerate(SAID[:40])]
    assert (
        "both texts are the same" in finding_of(checked(tmp_path, "pair_classification", rows), "equal_texts").message
    )


def test_one_target_for_everything_is_named(tmp_path: Path) -> None:
    rows = [{"source": text, "target": "the same"} for text in SAID[:40]]
    got = checked(tmp_path, "translation", rows)
    assert [finding.part for finding in got.findings if finding.code == "one_target"] == ["train", "validation", "test"]


def test_entry_point_that_nothing_defines_is_named(tmp_path: Path) -> None:
    rows = [
        {
            "prompt": f"# {text}\ndef inc(x):\n",
            "solution": "    return x + 1\n",
            "tests": "def check(candidate):\n    assert candidate(1) == 2",
            "entry_point": "inc",
        }
        for text in SAID[:40]
    ]
    rows[3]["entry_point"] = "dec"
    assert rows_found(checked(tmp_path, "code_generation", rows), "undefined_entry_point") == [4]


def test_programs_say_how_they_are_kept_in(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"prompt": text, "solution": "x = 1", "tests": "assert x == 1"} for text in SAID[:40]]
    del rows[3]["tests"]
    rows[3]["tests"] = None
    got = checked(tmp_path, "code_generation", rows)
    (kept,) = [finding for finding in got.findings if finding.code == "sandbox"]
    assert (kept.part, "sandbox (" in kept.message) == ("all", True)
    assert rows_found(got, "without_tests") == [4]
