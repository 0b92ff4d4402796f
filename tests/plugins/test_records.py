from __future__ import annotations

import pytest

from goldilocks.records import (
    DataProfile,
    Dataset,
    Goal,
    Gold,
    Output,
    Part,
    Prediction,
    Text,
    as_text,
    in_words,
    labels_of,
)


@pytest.mark.parametrize(
    ("item", "text"), [("one text", "one text"), (("a", "pair"), "a pair"), (("one",), "one"), ((), ""), ("", "")]
)
def test_an_item_is_read_as_one_text(item: Text, text: str) -> None:
    assert as_text(item) == text


@pytest.mark.parametrize(
    ("gold", "output", "labels"),
    [
        ("sport", Output.LABEL, ("sport",)),
        (("food", "sport"), Output.LABEL, ("food", "sport")),
        ((), Output.LABEL, ()),
        (("B-x", "O", "O"), Output.TAGS, ("B-x", "O", "O")),
        (0.5, Output.SCORE, ()),
        ((0.5, 1.0), Output.SCORE, ()),
        (((4, "Rome"),), Output.SPAN, ()),
        ("a text", Output.TEXT, ()),
        (("two", "references"), Output.TEXT, ()),
    ],
)
def test_only_labels_and_tags_are_labels(gold: Gold, output: Output, labels: tuple[str, ...]) -> None:
    assert labels_of(gold, output) == labels


@pytest.mark.parametrize("output", Output)
def test_one_label_is_asked_for_where_an_item_has_not_several(output: Output) -> None:
    assert Goal(output, ("a", "b")).one_label == (output is Output.LABEL)
    assert not Goal(output, ("a", "b"), several=True).one_label


def test_outputs_are_labelled_or_need_a_language_model_or_neither() -> None:
    assert {output for output in Output if output.is_labelled} == {Output.LABEL, Output.TAGS}
    assert {output for output in Output if output.needs_language_model} == {Output.TEXT, Output.LIKELIHOOD}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("sport", "sport"),
        (("food", "sport"), "food, sport"),
        ((), ""),
        (0.123456, "0.1235"),
        ((1.0, 0.25), "1, 0.25"),
        (((4, "Rome"), (20, "Rome, Italy")), "Rome | Rome, Italy"),
        ("", ""),
    ],
)
def test_answers_are_reported_in_words(answer: Gold, words: str) -> None:
    assert in_words(answer) == words


@pytest.mark.parametrize(
    ("answer", "label"), [("sport", "sport"), (("food", "sport"), "food sport"), ((), ""), (0.5, "0.5")]
)
def test_a_prediction_has_a_label_of_every_kind_of_answer(answer: str | float, label: str) -> None:
    assert Prediction(answer, 1.0).label == label


def test_the_data_say_what_a_model_is_asked_for() -> None:
    profile = DataProfile({}, {}, {}, {}, "en", {})
    dataset = Dataset(Part(), Part(), Part(), ("a", "b"), "f", profile, several=True)

    assert (dataset.goal.output, dataset.goal.labels, dataset.goal.several) == (Output.LABEL, ("a", "b"), True)
    assert dataset.sealed().goal == dataset.goal
