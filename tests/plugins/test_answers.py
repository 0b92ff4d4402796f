from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from goldilocks.answers import NO_LABEL, as_fields, by_rule, certainty, decoded, encoded, of_labels, of_values
from goldilocks.records import Answer, AnswerRule, Goal, Output, Prediction

LABELS = ("a", "b", "c")


def test_one_label_is_the_most_probable_and_its_probability_the_score() -> None:
    got = of_labels(np.array([[0.2, 0.5, 0.3], [0.7, 0.1, 0.2]]), LABELS)

    assert got.values == ("b", "a")
    assert got.scores.tolist() == pytest.approx([0.5, 0.7])
    assert got.labels == LABELS
    assert got.probabilities.dtype == np.float32


def test_several_labels_are_those_from_one_half_on_and_as_sure_as_the_least_sure_decision() -> None:
    got = of_labels(np.array([[0.9, 0.5, 0.1], [0.2, 0.1, 0.4], [0.6, 0.8, 0.7]]), LABELS, several=True)

    assert got.values == (("a", "b"), (), ("a", "b", "c"))
    # a .9 in, b .5 in, c .1 out (.9 sure): .5; then .8, .9, .6 out: .6; then .6, .8, .7 in: .6
    assert got.scores.tolist() == pytest.approx([0.5, 0.6, 0.6])


def test_row_of_nan_is_an_item_without_an_answer() -> None:
    table = np.array([[0.2, 0.5, 0.3], [np.nan] * 3])

    single = replace(of_labels(table, LABELS), problems=("", "the endpoint's answer is empty"))
    several = of_labels(table, LABELS, several=True)

    assert single.values == ("b", NO_LABEL)
    assert np.isnan(single.scores[1])
    assert several.values == (("b",), (NO_LABEL,))
    answered, unanswered = single.predictions()
    assert as_fields(answered, Goal(labels=LABELS)) == {"label": "b", "score": 0.5}
    assert as_fields(unanswered, Goal(labels=LABELS), scores=True) == {"error": "the endpoint's answer is empty"}


@pytest.mark.parametrize("several", [False, True])
def test_no_items_give_no_answers(several: bool) -> None:
    got = of_labels(np.zeros((0, 3)), LABELS, several=several)

    assert (len(got), got.values, got.scores.shape, got.probabilities.shape) == (0, (), (0,), (0, 3))
    assert got.predictions() == []


def test_predictions_of_labels_name_every_probability() -> None:
    (prediction,) = of_labels(np.array([[0.25, 0.75]]), ("a", "b")).predictions()

    assert (prediction.answer, prediction.label, prediction.score) == ("b", "b", 0.75)
    assert prediction.scores == {"a": 0.25, "b": 0.75}


def test_predictions_of_several_labels_are_one_word_with_blanks() -> None:
    both, none = of_labels(np.array([[0.75, 0.75], [0.25, 0.25]]), ("a", "b"), several=True).predictions()

    assert (both.answer, both.label) == (("a", "b"), "a b")
    assert (none.answer, none.label, none.score) == ((), "", 0.75)


def test_predictions_of_other_kinds_have_no_probabilities() -> None:
    sure, silent = of_values(["Rome", ""], np.array([0.5, np.nan])).predictions()

    assert (sure.answer, sure.score, sure.scores) == ("Rome", 0.5, {})
    assert np.isnan(silent.score)


def test_without_scores_nothing_is_known_of_how_sure_they_are() -> None:
    got = of_values([0.5, 1.0])

    assert np.isnan(got.scores).all()
    assert got.probabilities.size == 0


@pytest.mark.parametrize(
    ("output", "values"),
    [
        (Output.TAGS, (("B-x", "O"), (), ("O",))),
        (Output.SCORE, (0.1, 3.0, -2.5e-7)),
        (Output.SCORE, ((1.0, 0.5), (), (0.0,))),
        (Output.SPAN, ("", "a piece", '"quoted"\n')),
        (Output.TEXT, ("ein Satz", "又一句", "🙂")),
    ],
)
def test_what_is_encoded_is_decoded(output: Output, values: tuple[Answer, ...]) -> None:
    again = decoded(encoded(of_values(values, np.array([0.25, np.nan, 1.0]))), Goal(output))

    assert again.values == values
    assert [type(value) for value in again.values] == [type(value) for value in values]
    np.testing.assert_array_equal(again.scores, np.array([0.25, np.nan, 1.0], np.float32))


def test_encoded_answers_are_plain_json_whatever_the_model_does_not_say() -> None:
    content = encoded(of_values(["x"], np.array([np.nan])))

    assert json.loads(content, parse_constant=pytest.fail) == {"values": ["x"], "scores": [None]}


def test_whole_numbers_come_back_as_scores() -> None:
    again = decoded('{"values": [1, [2, 3]], "scores": [null, null]}', Goal(Output.SCORE))

    assert again.values == (1.0, (2.0, 3.0))
    assert isinstance(again.values[0], float)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"values": ["x"]}',
        '{"scores": [1]}',
        '{"values": ["x"], "scores": []}',
        '{"values": "x", "scores": "y"}',
        '{"values": ["x"], "scores": ["y"]}',
    ],
)
def test_damaged_answers_are_refused(content: str) -> None:
    with pytest.raises(ValueError, match=r"not a table of answers|Expecting value|could not convert"):
        decoded(content, Goal(Output.TEXT))


NAMES = Goal(Output.TAGS, ("B-LOC", "I-LOC", "O"))


def test_tags_of_a_text_come_with_offsets_and_entities_in_characters() -> None:
    # in=0:2 New=3:6 York=7:11 .=11:12
    spans = ((0, 2), (3, 6), (7, 11), (11, 12))
    answer = Prediction(("O", "B-LOC", "I-LOC", "O"), 0.5, {}, "in New York.", spans)

    assert as_fields(answer, NAMES) == {
        "tokens": ["in", "New", "York", "."],
        "offsets": [[0, 2], [3, 6], [7, 11], [11, 12]],
        "tags": ["O", "B-LOC", "I-LOC", "O"],
        "entities": [{"type": "LOC", "start": 3, "end": 11, "text": "New York"}],
        "score": 0.5,
    }


@pytest.mark.parametrize(
    ("words", "text"),
    [(("in", "New", "York"), "New York"), (("在", "北", "京"), "北京"), (("见", "南", "Bund"), "南Bund")],
)
def test_entities_of_given_words_count_words(words: tuple[str, ...], text: str) -> None:
    answer = Prediction(("O", "B-LOC", "I-LOC"), float("nan"), {}, words)

    assert as_fields(answer, NAMES) == {
        "tokens": list(words),
        "tags": ["O", "B-LOC", "I-LOC"],
        "entities": [{"type": "LOC", "start": 1, "end": 3, "text": text}],
    }


def test_tags_that_are_none_of_entities_come_without_any() -> None:
    answer = Prediction(("IN", "NNP"), 0.5, {}, "in Rome", ((0, 2), (3, 7)))

    assert "entities" not in as_fields(answer, Goal(Output.TAGS, ("IN", "NNP")))


COSTS = AnswerRule(error_costs=((0.0, 1.0), (9.0, 0.0)))


def test_rule_leaves_items_without_an_answer_without_one() -> None:
    given = of_labels(np.array([[0.8, 0.2], [np.nan, np.nan]]), ("fine", "fraud"))
    assert by_rule(given, COSTS).values == ("fraud", "(no label)")


def test_unsure_answers_are_marked_and_only_these_say_so_in_json() -> None:
    given = of_labels(np.array([[0.6, 0.4], [0.95, 0.05]]), ("a", "b"))
    goal = Goal(Output.LABEL, ("a", "b"))
    unsure, sure = by_rule(given, AnswerRule(review_below=0.7)).predictions()
    assert (unsure.review, sure.review) == (True, False)
    assert as_fields(unsure, goal)["review"] is True
    assert "review" not in as_fields(sure, goal)


def test_certainty_is_the_expected_cost_where_errors_have_prices() -> None:
    given = by_rule(of_labels(np.array([[0.8, 0.2], [0.99, 0.01]]), ("fine", "fraud")), COSTS)
    # "fraud" at .8 · 1 of at most 9, "fine" at .01 · 9 of 9.
    assert certainty(given, COSTS).tolist() == pytest.approx([1 - 0.8 / 9, 1 - 0.01])


def test_model_that_never_says_how_sure_it_is_is_never_reviewed() -> None:
    assert not any(by_rule(of_values(["x", "y"]), AnswerRule(review_below=0.7)).reviews)
