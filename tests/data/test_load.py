from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from data_tables import TASK, Row, labelled, sentences, spec

from goldilocks import plugins
from goldilocks.data.load import load
from goldilocks.data.splitting.duplicates import normalise
from goldilocks.errors import InputError
from goldilocks.events import DataStep, Event
from goldilocks.protocols import Task
from goldilocks.records import Dataset, DataSpec, Finding, Output, Severity, TaskSpec, as_text, labels_of

PARCEL = "the parcel that you sent to me last week has not come and nobody answers when I call"


def finding_of(dataset: Dataset, code: str, part: str | None = None) -> Finding:
    (finding,) = [each for each in dataset.findings if each.code == code and part in (None, each.part)]
    assert finding.meaning
    return finding


def codes(dataset: Dataset) -> set[str]:
    return {finding.code for finding in dataset.findings}


def texts(dataset: Dataset) -> list[set[str]]:
    return [
        {normalise(as_text(text)) for text in part.texts} for part in (dataset.train, dataset.validation, dataset.test)
    ]


# ------------------------------------------------------------------------------------------------------- splitting


def test_parts_that_are_not_given_are_split_from_train(tmp_path: Path) -> None:
    got = load(spec(tmp_path, train=labelled(1000)), TASK)

    # 15 % of 1,000; then 15 % of the 850 left is 127.5, half of it for each label.
    assert (len(got.test), len(got.validation), len(got.train)) == (150, 128, 722)
    assert got.labels == ("bad", "good")
    assert sorted(got.train.rows + got.validation.rows + got.test.rows) == list(range(1, 1001))
    assert {finding.part for finding in got.findings if finding.code == "split"} == {"validation", "test"}


def test_only_what_is_missing_is_split_off(tmp_path: Path) -> None:
    test, validation = labelled(40, start=1000), labelled(40, start=2000)

    no_validation = load(spec(tmp_path, train=labelled(200), test=test), TASK)
    assert no_validation.test.texts == tuple(text for text, _ in test)
    assert (len(no_validation.validation), len(no_validation.train)) == (30, 170)

    no_test = load(spec(tmp_path, train=labelled(200), validation=validation), TASK)
    assert no_test.validation.texts == tuple(text for text, _ in validation)
    assert (len(no_test.test), len(no_test.train)) == (30, 170)


def test_near_duplicates_stay_in_one_part(tmp_path: Path) -> None:
    rows = [(f"{text} and so on, as ever, for all of you{mark}", label)
            for text, label in labelled(100) for mark in ("", "!", "?")]  # fmt: skip
    got = load(spec(tmp_path, train=rows), TASK)

    parts = [{(row - 1) // 3 for row in part.rows} for part in (got.train, got.validation, got.test)]
    assert all(parts)
    assert not parts[0] & parts[1]
    assert not parts[0] & parts[2]
    assert not parts[1] & parts[2]
    assert "near_duplicates_across_parts" not in codes(got)


def test_the_same_seed_gives_the_same_dataset(tmp_path: Path) -> None:
    first, again = (load(spec(tmp_path, train=labelled(300)), TASK) for _ in range(2))
    other = load(spec(tmp_path, train=labelled(300), seed=1), TASK)
    assert first == again
    assert first.fingerprint != other.fingerprint


def test_too_few_rows_to_split_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="4 rows are too few to set some aside for test"):
        load(spec(tmp_path, train=labelled(4)), TASK)


def test_near_duplicates_that_leave_too_few_groups_are_said_to_be_the_reason(tmp_path: Path) -> None:
    rows = [(f"{PARCEL}, number {k}", "good" if k % 2 else "bad") for k in range(58)] + labelled(2)
    words = "60 rows in 3 groups of near duplicates, which stay together, are too few to set some aside for valid"
    with pytest.raises(InputError, match=words):
        load(spec(tmp_path, train=rows), TASK)


def test_one_sentence_alone_is_answered_with_what_ends_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "a.conll").write_text("Rome B-LOC\nis O\n" * 60)
    given = TaskSpec("x", DataSpec(train="a.conll"), task="ner", folder=tmp_path)
    with pytest.raises(InputError, match=r"1 row is too few .* an empty line ends one"):
        load(given, plugins.load("tasks", "ner"))


def test_tokenizers_are_not_loaded_for_data_that_are_refused(tmp_path: Path) -> None:
    def counters() -> Mapping[str, Any]:
        asked.append(1)
        return {}

    asked: list[int] = []
    with pytest.raises(InputError):
        load(spec(tmp_path, train=labelled(4)), TASK, tokenizers=counters)
    assert not asked
    load(spec(tmp_path, train=labelled(100)), TASK, tokenizers=counters)
    assert asked


# ----------------------------------------------------------------------------------------------------------- leaks


def test_rows_of_train_that_stand_in_another_part_are_left_out(tmp_path: Path) -> None:
    train, validation, test = labelled(100), labelled(50, start=1000), labelled(50, start=2000)
    leaked: list[Row] = [(validation[0][0].upper(), "good"), (test[1][0] + " ", "bad")]

    got = load(spec(tmp_path, train=train + leaked, validation=[*validation, test[0]], test=test), TASK)

    assert got.train.rows == tuple(range(1, 101))
    assert got.validation.rows == tuple(range(1, 51))
    assert len(got.test) == 50
    assert finding_of(got, "duplicates_across_parts", "train").rows == (101, 102)
    assert finding_of(got, "duplicates_across_parts", "validation").rows == (51,)
    assert finding_of(got, "duplicates_across_parts", "train").severity == Severity.WARNING
    train_texts, validation_texts, test_texts = texts(got)
    assert train_texts.isdisjoint(validation_texts | test_texts)
    assert validation_texts.isdisjoint(test_texts)


def test_near_duplicates_between_given_parts_are_named_and_kept(tmp_path: Path) -> None:
    test: list[Row] = [*labelled(50, start=2000), (PARCEL + "!", "bad")]
    got = load(spec(tmp_path, train=[*labelled(100), (PARCEL, "bad")], test=test), TASK)

    finding = finding_of(got, "near_duplicates_across_parts")
    assert finding.rows == (51,)
    assert "too high" in finding.meaning
    assert len(got.test) == 51


def test_the_same_file_for_two_parts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="every row also occurs in test; name different files"):
        load(spec(tmp_path, train=labelled(50), test=labelled(50)), TASK)


def test_repeats_and_contradictions_are_named(tmp_path: Path) -> None:
    rows: list[Row] = [*labelled(100), (PARCEL, "bad"), (PARCEL + " ", "good"), (PARCEL + "!", "bad")]
    got = load(spec(tmp_path, train=rows), TASK)

    assert finding_of(got, "contradictory_duplicates").rows == (101, 102)
    assert finding_of(got, "contradictory_duplicates").severity == Severity.WARNING
    assert finding_of(got, "duplicates").rows == (102,)
    assert finding_of(got, "near_duplicates").rows == (101, 102, 103)


# ---------------------------------------------------------------------------------------------------------- labels


def test_one_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all 20 rows have the label 'good'"):
        load(spec(tmp_path, train=labelled(20, names=["good"])), TASK)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_a_label_that_is_only_tested_is_refused(tmp_path: Path, part: str) -> None:
    strange: list[Row] = [*labelled(30, start=500), ("never seen before", "goood"), ("nor this one", "ugly")]
    tried = spec(tmp_path, parts={"train": labelled(50), part: strange})
    with pytest.raises(InputError, match=rf"'goood' and 1 more is only in {part} \(rows 31, 32\).*Did you mean 'good'"):
        load(tried, TASK)


def test_a_label_that_only_leaked_rows_have_is_refused(tmp_path: Path) -> None:
    rare: Row = ("the only one of its kind", "rare")
    with pytest.raises(InputError, match=r"'rare' is only in test .* once the rows that also occur in another part"):
        load(spec(tmp_path, train=[*labelled(50), rare], test=[*labelled(30, start=500), rare]), TASK)


def test_labels_seen_once_or_rarely_are_named(tmp_path: Path) -> None:
    rows: list[Row] = [*labelled(100), ("the only one of its kind", "rare")]
    got = load(spec(tmp_path, train=rows), TASK)

    assert finding_of(got, "label_seen_once").rows == (101,)
    assert "'rare'" in finding_of(got, "label_seen_once").message
    assert "times as many" in finding_of(got, "class_imbalance").message
    assert finding_of(got, "label_untested", "test").count == 1
    assert finding_of(got, "few_rows", "test").count == len(got.test)


def test_accuracy_is_called_misleading_only_where_one_label_has_most_rows(tmp_path: Path) -> None:
    def uneven(counts: dict[str, int]) -> Finding:
        rows: list[Row] = [(f"text {name} {i}", name) for name, count in counts.items() for i in range(count)]
        return finding_of(load(spec(tmp_path, train=rows), TASK), "class_imbalance")

    common = {f"topic{i}": 40 for i in range(8)}
    many = uneven({**common, "rare": 5})
    assert "misleading" not in many.meaning  # always predicting topic0 is right 12 % of the time
    assert "macro F1" in many.meaning
    assert "the score is noisy" in many.meaning
    assert "is right 9" in uneven({"good": 200, "bad": 10}).meaning


# -------------------------------------------------------------------------------------------------- rows, by number


def test_less_than_one_percent_of_unusable_rows_is_left_out(tmp_path: Path) -> None:
    rows = labelled(300)
    rows[6], rows[8] = ("", "good"), ("no label", "")

    got = load(spec(tmp_path, train=rows), TASK)

    errors = [finding for finding in got.findings if finding.severity == Severity.ERROR]
    assert [(error.message, error.rows) for error in errors] == [
        ("train.jsonl: text is empty in row 7", (7,)),
        ("train.jsonl: label is empty in row 9", (9,)),
    ]
    assert finding_of(got, "rows_left_out").rows == (7, 9)
    assert got.findings[0].severity == Severity.ERROR
    assert sum(got.profile.rows.values()) == 298


def test_more_unusable_rows_are_refused_in_one_line(tmp_path: Path) -> None:
    train, test = labelled(100), labelled(50, start=500)
    train[2] = ("", "good")
    for place in range(7):
        test[place] = (test[place][0], "nan")

    with pytest.raises(InputError) as raised:
        load(spec(tmp_path, train=train, test=test), TASK)

    assert "\n" not in str(raised.value)
    assert "train.jsonl: 1 of 100 rows cannot be used (text is empty: row 3)" in str(raised.value)
    assert "test.jsonl: 7 of 50 rows cannot be used (label is NaN: rows 1, 2, 3, 4, 5 and 2 more)" in str(raised.value)


def test_a_row_of_a_megabyte_is_warned_of(tmp_path: Path) -> None:
    rows = labelled(100)
    rows[3] = ("word " * 200_000, "good")
    got = load(spec(tmp_path, train=rows), TASK)
    assert finding_of(got, "very_long_text").rows == (4,)
    assert finding_of(got, "very_long_text").severity == Severity.WARNING


# ------------------------------------------------------------------------------------- language, personal data, more


def test_a_language_that_is_not_the_one_given_is_named(tmp_path: Path) -> None:
    rows = [(f"{text} 这家酒店的服务态度非常好", label) for text, label in labelled(60)]
    assert "zh 100%" in finding_of(load(spec(tmp_path, train=rows, language="en"), TASK), "other_language").message
    assert "other_language" not in codes(load(spec(tmp_path, train=rows, language="zh-Hans"), TASK))


def test_several_languages_are_named(tmp_path: Path) -> None:
    mixed = [(f"{'das ist nicht gut und' if place % 3 else 'this is not the'} {text}", "ab"[place % 2])
             for place, text in enumerate(sentences(90))]  # fmt: skip
    got = load(spec(tmp_path, train=mixed), TASK)
    assert got.profile.language == "de"
    assert finding_of(got, "several_languages").count == 2


def test_personal_data_are_counted_and_never_shown(tmp_path: Path) -> None:
    rows = labelled(100)
    rows[0] = ("write to ann@example.org about it", "good")
    got = load(spec(tmp_path, train=rows, test=labelled(30, start=500)), TASK)

    finding = finding_of(got, "personal_data")
    assert (finding.count, finding.rows) == (1, (1,))
    assert "e-mail" in finding.message
    assert not any("ann@example.org" in entry.message + entry.meaning for entry in got.findings)


def test_long_texts_are_named(tmp_path: Path) -> None:
    rows = [(" ".join([text] * 80), label) for text, label in labelled(60)]
    assert "more than 480 words" in finding_of(load(spec(tmp_path, train=rows), TASK), "long_texts").message


def test_each_step_is_reported(tmp_path: Path) -> None:
    events: list[Event] = []
    load(spec(tmp_path, train=labelled(60)), TASK, progress=events.append)
    assert events[0] == DataStep("reading train.jsonl")
    assert len(events) == 3


def test_clean_data_have_nothing_to_say_but_how_they_were_split(tmp_path: Path) -> None:
    got = load(spec(tmp_path, train=labelled(3000)), TASK)
    assert codes(got) == {"split"}


# -------------------------------------------------------------------------------------------------- several labels


def several(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(sorted(piece for piece in str(row["label"]).split("+") if piece != "none"))


MANY = cast(
    Task,
    SimpleNamespace(
        **{name: getattr(TASK, name) for name in dir(TASK) if not name.startswith("_")}
        | {"SEVERAL": True, "gold": several}
    ),
)
SETS = ("a", "b", "a+b", "none")


def test_items_with_several_labels_are_counted_label_by_label(tmp_path: Path) -> None:
    rows = labelled(40, names=SETS)

    got = load(spec(tmp_path, train=rows, validation=rows_of(20, 1000), test=rows_of(20, 2000)), MANY)

    assert (got.goal.output, got.goal.labels, got.goal.several) == (Output.LABEL, ("a", "b"), True)
    assert got.train.gold[:4] == (("a",), ("b",), ("a", "b"), ())
    assert got.profile.label_counts["train"] == {"a": 20, "b": 20}


def test_items_with_several_labels_are_split_by_their_first_one(tmp_path: Path) -> None:
    got = load(spec(tmp_path, train=labelled(400, names=SETS)), MANY)

    # 15 % of 400; half of the rows begin with a, a quarter with b, a quarter has none
    assert len(got.test) == 60
    first = Counter(labels_of(gold, Output.LABEL)[:1] for gold in got.test.gold)
    assert first == {("a",): 30, ("b",): 15, (): 15}


def test_label_of_a_set_that_train_never_has_is_refused(tmp_path: Path) -> None:
    strange = [(text, "a+typo") for text, _ in rows_of(1, 1000)]
    with pytest.raises(InputError, match=r"the label 'typo' is only in validation \(row 21\)"):
        load(spec(tmp_path, train=labelled(200, names=SETS), validation=rows_of(20, 2000) + strange), MANY)


def test_items_without_any_label_leave_nothing_to_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="all 40 rows have no label; there is nothing to learn"):
        load(spec(tmp_path, train=labelled(40, names=("none",))), MANY)
    with pytest.raises(InputError, match="all 40 rows have the labels 'a', 'b'; there is nothing to learn"):
        load(spec(tmp_path, train=labelled(40, names=("a+b",))), MANY)


def test_one_label_that_some_items_have_and_others_not_tells_them_apart(tmp_path: Path) -> None:
    assert load(spec(tmp_path, train=labelled(120, names=("a", "none"))), MANY).labels == ("a",)


def test_same_text_with_another_set_of_labels_is_a_contradiction(tmp_path: Path) -> None:
    rows = [*labelled(200, names=SETS), (sentences(1)[0], "a+b")]

    assert finding_of(load(spec(tmp_path, train=rows), MANY), "contradictory_duplicates").rows == (1, 201)


def rows_of(n_rows: int, start: int) -> list[Row]:
    return labelled(n_rows, start=start, names=SETS)


def test_pairs_cut_in_different_places_are_no_leak(tmp_path: Path) -> None:
    def write(name: str, pairs: list[tuple[str, str]]) -> str:
        rows = [{"text1": first, "text2": second, "label": str(i % 2)} for i, (first, second) in enumerate(pairs)]
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(tmp_path / name)

    entries = sentences(40)
    train = [(entry, f"{entry[::-1]} and more") for entry in entries]
    moved = [(f"{entry} {other.split()[0]}", " ".join(other.split()[1:])) for entry, other in train[:4]]
    files = DataSpec(
        train=write("train.jsonl", train),
        validation=write("validation.jsonl", moved),
        test=write("test.jsonl", [(sentence, sentence) for sentence in sentences(4, start=90)]),
    )
    dataset = load(TaskSpec("pairs", files, task="pair_classification"), plugins.load("tasks", "pair_classification"))
    assert len(dataset.train) == len(train)
