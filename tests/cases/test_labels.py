"""Labels that are written alike are a finding; to evaluate with labels that the bundle does not know is an error."""

from pathlib import Path

import pytest
from case_files import as_csv, as_jsonl, dataset, topic_rows

from goldilocks import plugins
from goldilocks.data.alike import alike, suggest_label
from goldilocks.data.checks.unknown import refuse_unknown
from goldilocks.errors import InputError
from goldilocks.fine_tune import tune_one
from goldilocks.judge import evaluate_bundle
from goldilocks.records import Output, Part
from goldilocks.settings import RunSettings, task_from


def test_labels_that_differ_in_writing_only_are_found(tmp_path: Path) -> None:
    spelled = {"sport": ["sport", "Sport"], "money": ["big_money", "big-money", "Big Money"]}
    rows = [
        (text, spelled[label][place // 2 % len(spelled[label])]) for place, (text, label) in enumerate(topic_rows(240))
    ]
    (tmp_path / "x.csv").write_bytes(as_csv(rows))
    got = dataset(tmp_path, train="x.csv")
    (finding,) = [finding for finding in got.findings if finding.code == "labels_alike"]
    assert "'Big Money', 'big-money', 'big_money'; 'Sport', 'sport'" in finding.message
    assert finding.count == 2


def test_entity_types_that_differ_in_writing_only_are_found(tmp_path: Path) -> None:
    rows = [
        {"tokens": [f"a{place}", "went", f"in{place * 7}"], "tags": [f"B-{'PER' if place % 2 else 'Per'}", "O", "O"]}
        for place in range(60)
    ]
    (tmp_path / "x.jsonl").write_bytes(as_jsonl(rows))
    got = dataset(tmp_path, "ner", train="x.jsonl")
    (finding,) = [finding for finding in got.findings if finding.code == "labels_alike"]
    assert finding.message == "entity types that are written alike: 'PER', 'Per'"


def test_different_labels_are_not_alike() -> None:
    assert alike(["card_arrival", "card_arriving", "1", "10", "-", "_"]) == []
    assert alike(["1", "1.0", "Ｓport", "sport"]) == [["1", "1.0"], ["sport", "Ｓport"]]


def test_label_written_alike_is_suggested_before_a_similar_one() -> None:
    assert suggest_label("1.0", ["0", "1"]) == " Did you mean '1'?"
    assert suggest_label("Card-Arrival", ["card_arrival", "Card-Arrivals"]) == " Did you mean 'card_arrival'?"
    assert suggest_label("sprot", ["sport"]) == " Did you mean 'sport'?"
    assert suggest_label("x", ["sport"]) == ""


def bundle(folder: Path, other: str, sport: str) -> Path:
    rows = [(text, sport if label == "sport" else other) for text, label in topic_rows(80)]
    (folder / "train.csv").write_bytes(as_csv(rows))
    spec = task_from({"name": "t", "data": {"train": "train.csv"}}, folder=folder)
    tune_one(spec, "naive_bayes/word12/scratch", RunSettings(out=folder / "bundle"), {})
    return folder / "bundle"


def test_evaluate_refuses_labels_of_another_spelling(tmp_path: Path) -> None:
    made = bundle(tmp_path, "0", "1")
    fresh = [(text, "1.0" if label == "sport" else "0.0") for text, label in topic_rows(20)]
    (tmp_path / "fresh.csv").write_bytes(as_csv(fresh))
    with pytest.raises(
        InputError,
        match=r"20 rows with a label that the bundle does not know: '0\.0', '1\.0' .* mean '0'\? It knows: '0', '1'",
    ):
        evaluate_bundle(made, str(tmp_path / "fresh.csv"), {})
    right = [(text, "1" if label == "sport" else "0") for text, label in topic_rows(20)]
    (tmp_path / "fresh.csv").write_bytes(as_csv(right))
    assert evaluate_bundle(made, str(tmp_path / "fresh.csv"), {}).score.value > 0.9


def tagged(*gold: tuple[str, ...]) -> Part:
    return Part(tuple(("w",) * len(tags) for tags in gold), gold, tuple(range(1, len(gold) + 1)))


def test_unknown_entity_types_are_refused_and_parts_of_known_ones_are_not() -> None:
    known = ("B-LOC", "B-PER", "O")
    refuse_unknown(tagged(("B-PER", "I-PER"), ("O", "B-LOC")), known, Output.TAGS, "x")
    with pytest.raises(
        InputError, match=r"x: 1 row with an entity type that the bundle does not know: 'PERSON' \(row 2\)"
    ):
        refuse_unknown(tagged(("B-PER",), ("B-PERSON",)), known, Output.TAGS, "x")


def test_rare_tag_of_test_data_alone_is_no_reason_to_refuse() -> None:
    rows = [("DET", "NOUN")] * 199 + [("X",)]
    refuse_unknown(tagged(*rows), ("DET", "NOUN"), Output.TAGS, "x")  # 1 of 200
    with pytest.raises(InputError, match="1 row with a tag that the bundle does not know: 'X'"):
        refuse_unknown(tagged(*rows[101:]), ("DET", "NOUN"), Output.TAGS, "x")  # 1 of 99


def test_any_unknown_one_of_several_labels_is_refused() -> None:
    part = Part(("a", "b"), (("x", "y"), ("X",)), (1, 2))
    with pytest.raises(
        InputError, match=r"1 row with a label .*: 'X' \(row 2\)\. Did you mean 'x'\? It knows: 'x', 'y'"
    ):
        refuse_unknown(part, ("x", "y"), Output.LABEL, "x")


def test_other_kinds_of_answers_have_no_labels() -> None:
    refuse_unknown(Part(("a",), ("anything",), (1,)), (), Output.TEXT, "x")
    assert plugins.load("tasks", "translation").OUTPUT is Output.TEXT


@pytest.mark.parametrize("unseen", ["\u200b", "\ufeff", "\u00ad", "\u200e", "\u2060"])
def test_labels_that_differ_by_a_character_nobody_sees_are_alike(unseen: str) -> None:
    assert alike(["spam", f"spam{unseen}", "ham"]) == [["spam", f"spam{unseen}"]]
