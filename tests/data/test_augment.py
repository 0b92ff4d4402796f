from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from goldilocks.data.augment import BoundAugmenter, copies_of, problem
from goldilocks.errors import InputError
from goldilocks.records import Output, Part

NOTHING = Part()
SENTENCES = Part(
    (("We", "saw", "Rome", "again"), ("They", "met", "Anna")),
    (("O", "O", "B-LOC", "O"), ("O", "O", "B-PER")),
    (1, 2),
)


def backwards(texts: Sequence[str], seed: int) -> list[str]:
    return [text[::-1] for text in texts]


def copies(
    part: Part, output: Output = Output.LABEL, vary: Any = backwards, *, paraphrases: bool = False, **options: Any
) -> Any:
    given: dict[str, Any] = {"copies": 1, "seed": 0, "held_out": NOTHING}
    return copies_of(part, output, BoundAugmenter("loud", vary, paraphrases), **{**given, **options})


def test_tagged_words_stay_and_other_words_vary_in_place() -> None:
    got = copies(SENTENCES, Output.TAGS).part
    assert got.gold == SENTENCES.gold
    assert [copy[2] for copy in got.texts] == ["Rome", "Anna"]
    assert all(len(copy) == len(item) for copy, item in zip(got.texts, SENTENCES.texts, strict=True))
    assert got.texts != SENTENCES.texts


def test_an_augmenter_that_splits_words_leaves_tagged_sentences_alone() -> None:
    got = copies(SENTENCES, Output.TAGS, lambda texts, seed: [f"{text} {text}" for text in texts])
    assert (len(got.part), got.unchanged) == (0, 2)


def test_context_of_a_span_stays_and_the_question_varies() -> None:
    part = Part((("where is it", "It is in Rome."),), (((9, "Rome"),),), (1,))
    assert copies(part, Output.SPAN, paraphrases=True).part.texts == (("ti si erehw", "It is in Rome."),)


def test_marked_entities_stay() -> None:
    part = Part(("the [E1] author [/E1] of a [E2] keygen [/E2] here",), ("made",), (1,))
    (copy,) = copies(part, paraphrases=True).part.texts
    assert copy == "eht [E1] author [/E1] a fo [E2] keygen [/E2] ereh"


def test_no_copy_equals_a_training_row_a_validation_row_or_another_copy() -> None:
    part = Part(("a b", "c d", "e f"), ("x", "y", "z"), (4, 5, 6))
    fixed = {"a b": "c d", "c d": "new new", "e f": "new new"}
    vary = lambda texts, seed: [fixed[text] for text in texts]  # noqa: E731
    got = copies(part, vary=vary, paraphrases=True)
    assert (got.part.texts, got.part.gold, got.part.rows, got.unchanged) == (("new new",), ("y",), (5,), 2)
    held_out = Part(("New  new",), ("y",), (1,))
    assert len(copies(part, vary=vary, paraphrases=True, held_out=held_out).part) == 0


def test_several_copies_of_a_row_differ() -> None:
    part = Part(("a b c", "d e f"), ("x", "y"), (1, 2))
    got = copies(part, vary=lambda texts, seed: [f"{text} {seed}" for text in texts], copies=3)
    assert sorted(map(str, got.part.texts)) == ["a b c 0", "a b c 1", "a b c 2", "d e f 0", "d e f 1", "d e f 2"]


def test_an_augmenter_that_removes_the_evidence_is_refused() -> None:
    part = Part(("a b c d", "e f g h", "i j k l"), ("x", "y", "z"), (1, 2, 3))
    with pytest.raises(InputError, match=r"loud loses what .* in 3 of 3 copies \(row 1: less than half of the words"):
        copies(part, vary=lambda texts, seed: ["something else entirely"] * len(texts))


def test_a_few_bad_copies_are_only_left_out() -> None:
    part = Part(("a b c d", "e f g h", "i j k l"), ("x", "y", "z"), (1, 2, 3))
    got = copies(part, vary=lambda texts, seed: ["zzz", "e f g", "i j k"])
    assert (got.part.texts, got.rejected) == (("e f g", "i j k"), 1)


@pytest.mark.parametrize(
    ("item", "gold", "copy", "output", "message"),
    [
        (("a", "b"), ("O", "O"), ("a",), Output.TAGS, "2 texts became 1"),
        (("a", "b"), ("O", "B-X"), ("a", "c"), Output.TAGS, "the tagged word 'b' became 'c'"),
        (("a", "b"), ("O", "B-X"), ("a c", "b"), Output.TAGS, "which is not one word"),
        (("q", "in Rome"), ((3, "Rome"),), ("q", "to Rome!"), Output.SPAN, None),
        (("q", "in Rome"), ((3, "Rome"),), ("q", "into Rome"), Output.SPAN, "'Rome' is no longer in its place"),
        ("one", "x", " ", Output.LABEL, "a text became empty"),
        ("[E1] a [/E1] [E2] b [/E2]", "x", "[E1] c [/E1] [E2] b [/E2]", Output.LABEL, "entity 'a' is gone"),
    ],
)
def test_what_is_lost_is_said(item: Any, gold: Any, copy: Any, output: Output, message: str | None) -> None:
    got = problem(item, gold, copy, output, paraphrases=False)
    assert (got is None) if message is None else (got is not None and message in got)
