"""Wrong answers as passages: what a person needs to judge them."""

from __future__ import annotations

import pytest

from goldilocks import plugins
from goldilocks.answers import of_values
from goldilocks.evaluation.classes import entity_rows, worst_errors
from goldilocks.evaluation.passages import LONGEST, ErrorContext, passages_of
from goldilocks.records import Goal, Mark, Output, Part

TAGS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")


def context(output: Output, metric: str, *roles: str, labels: tuple[str, ...] = (), **more: object) -> ErrorContext:
    return ErrorContext(Goal(output, labels), plugins.load("metrics", metric), roles, **more)  # type: ignore[arg-type]


def test_entities_are_marked_as_found_missed_and_spurious() -> None:
    words = ("Ann", "Lee", "left", "New", "York")
    gold, given = ("B-PER", "I-PER", "O", "B-LOC", "I-LOC"), ("B-PER", "I-PER", "O", "B-PER", "O")

    (sentence,) = passages_of(words, gold, given, context(Output.TAGS, "entity_f1", "tokens", labels=TAGS))

    assert sentence.text == "Ann Lee left New York"
    assert set(sentence.marks) == {
        Mark(0, 7, "found", "PER"),
        Mark(13, 21, "gold", "LOC"),
        Mark(13, 16, "predicted", "PER"),
    }


def test_chinese_entities_are_marked_by_character_without_blanks() -> None:
    gold, given = ("B-LOC", "I-LOC", "O", "O"), ("O",) * 4

    (sentence,) = passages_of(("北", "京", "很", "大"), gold, given, context(Output.TAGS, "entity_f1", labels=TAGS))

    assert (sentence.text, sentence.marks) == ("北京很大", (Mark(0, 2, "gold", "LOC"),))


def test_entities_are_counted_by_type() -> None:
    gold = [("B-PER", "I-PER", "O", "B-LOC"), ("B-LOC", "O", "O", "O")]
    given = [("B-PER", "O", "O", "B-LOC"), ("B-LOC", "O", "B-PER", "O")]

    location, person = entity_rows(gold, given)

    # LOC: both found. PER: one of one missed (another end), two claimed that are none.
    assert (location.type, location.gold, location.predicted, location.found) == ("LOC", 2, 2, 2)
    assert (person.type, person.gold, person.predicted, person.found, person.f1) == ("PER", 1, 2, 0, 0.0)


def test_wrong_part_of_speech_is_marked_with_both_tags() -> None:
    shown = context(Output.TAGS, "token_micro_f1", "tokens", labels=("NOUN", "VERB"))

    (sentence,) = passages_of(("fish", "swim"), ("NOUN", "VERB"), ("VERB", "VERB"), shown)

    assert sentence.marks == (Mark(0, 4, "wrong", "NOUN → VERB"),)


def test_span_is_marked_where_it_is_nearest_to_the_right_one() -> None:
    text = "Rome. Paris is far; Paris has a tower in Rome."
    question, passage = passages_of(
        ("Where?", text), ((20, "Paris"),), "Rome", context(Output.SPAN, "span_f1", "question", "context")
    )

    assert question.text == "Where?"
    # "Rome" stands at 0 and 41: 41 - 20 is more than 20 - 0.
    assert passage.marks == (Mark(0, 4, "predicted"), Mark(20, 25, "gold"))


def test_span_of_a_long_context_is_shown_with_what_is_around_it() -> None:
    text = "x" * 5_000 + "Paris" + "y" * 5_000
    _, passage = passages_of(("Where?", text), ((5_000, "Paris"),), "", context(Output.SPAN, "span_f1"))

    (mark,) = passage.marks
    assert passage.text[mark.start : mark.end] == "Paris"
    assert len(passage.text) == LONGEST + 2
    assert passage.text[0] == passage.text[-1] == "…"


def test_unanswerable_question_says_so() -> None:
    _, passage = passages_of(("Who?", "Nobody knows."), (), "Nobody", context(Output.SPAN, "span_f1"))

    assert passage.note == "the context holds no answer"
    assert passage.marks == (Mark(0, 6, "predicted"),)


def test_ranking_shows_the_relevant_title_with_its_rank_and_the_first_one() -> None:
    item = ("films like Alien", "Heidi", "Aliens", "Bambi", "Solaris")

    shown = passages_of(item, (0.0, 2.0, 0.0, 1.0), (0.9, 0.3, 0.4, 0.2), context(Output.SCORE, "ndcg", "query"))

    assert [(passage.role, passage.text, passage.note) for passage in shown] == [
        ("Query", "films like Alien", ""),
        ("Gold candidate", "Aliens", "rank 3 of 4"),
        ("Ranked first", "Heidi", "relevance 0"),
    ]


def test_turns_of_a_dialogue_have_speakers_for_replies_and_for_candidates() -> None:
    reply = passages_of(
        ("Hi!", "Hello?", "Tea?"), "Yes, please.", "No.", context(Output.TEXT, "bleu", "context", "turns")
    )
    chosen = passages_of(
        ("Hi!\nHello?", "Tea?", "No."), (1.0, 0.0), (0.1, 0.2), context(Output.SCORE, "mrr", "context", "candidates")
    )

    assert [(passage.role, passage.note) for passage in reply] == [
        ("Speaker A", ""), ("Speaker B", ""), ("Speaker A", ""),
        ("Gold reply", "Speaker B"), ("Predicted reply", "Speaker B"),
    ]  # fmt: skip
    assert [(passage.role, passage.text) for passage in chosen[:2]] == [("Speaker A", "Hi!"), ("Speaker B", "Hello?")]


def test_worst_tokens_of_a_text_are_marked_with_their_log_likelihood() -> None:
    tokens = [("the", -1.0), (" cat", -7.5), (" sat", -2.0), ("", -0.5)]
    shown = context(Output.LIKELIHOOD, "bits_per_byte", "text", token_likelihoods=lambda item: tokens)

    (passage,) = passages_of("the cat sat", "the cat sat", -11.0, shown)

    # -11 nats over 4 tokens, the end among them.
    assert passage.note == "-2.75 nats per token (4 tokens, log-likelihood -11.0)"
    assert passage.marks == (Mark(0, 3, "wrong", "-1.0"), Mark(3, 7, "wrong", "-7.5"), Mark(7, 11, "wrong", "-2.0"))


def test_pair_shows_both_texts_and_single_text_needs_no_passage() -> None:
    shown = context(Output.LABEL, "accuracy", "text1", "text2", labels=("no", "yes"))

    assert [passage.text for passage in passages_of(("a b", "c d"), "no", "yes", shown)] == ["a b", "c d"]
    assert passages_of("a b", "no", "yes", shown) == ()


def test_program_keeps_its_lines_and_shows_the_first_test_that_fails() -> None:
    task = plugins.load("tasks", "code_generation")
    row = {
        "prompt": "Add two numbers.",
        "solution": "def add(a, b):\n    return a + b",
        "tests": ["assert add(0, 0) == 0", "assert add(1, 2) == 3"],
    }
    item, gold = task.item(row), task.gold(row)
    answer = "def add(a, b):\n    return 0"

    shown = passages_of(item, gold, answer, context(Output.TEXT, "pass_at_k", *task.READS))

    program, failing = shown[2], shown[3]
    assert (program.text, program.code) == (answer, True)
    assert failing.text == "assert add(1, 2) == 3"
    assert "AssertionError" in failing.note


def test_worst_errors_carry_their_passages() -> None:
    part = Part((("Who?", "Ann ran."),), (((0, "Ann"),),))
    metric = plugins.load("metrics", "span_f1")

    (error,) = worst_errors(part, of_values(["ran"]), metric, 5, ErrorContext(Goal(Output.SPAN), metric))

    assert [mark.kind for mark in error.passages[1].marks] == ["gold", "predicted"]
    (bare,) = worst_errors(part, of_values(["ran"]), metric, 5)
    assert bare.passages == ()


@pytest.mark.parametrize("scores", [(0.5, 0.5, 0.5)])
def test_equal_scores_are_said_to_be_equal(scores: tuple[float, ...]) -> None:
    shown = passages_of(("q", "a", "b", "c"), (0.0, 1.0, 0.0), scores, context(Output.SCORE, "mrr", "query"))

    assert shown[1].note == "rank 1 of 3, 2 others with the same score"
