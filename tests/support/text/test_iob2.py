from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldilocks.errors import InputError
from goldilocks.support.text.iob2 import (
    entities,
    entity_tag_problem,
    flat_tags,
    iob2,
    spells_entities,
    tags_of,
    tags_problem,
    words_of,
    words_problem,
)

seqeval = pytest.importorskip("seqeval.metrics.sequence_labeling")

TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-MISC"])


@given(st.lists(TAGS, max_size=12))
def test_entities_are_those_of_seqeval_however_ill_formed_the_tags(tags: list[str]) -> None:
    theirs = [(kind, start, end + 1) for kind, start, end in seqeval.get_entities(tags)]
    assert entities(tags) == theirs


@given(st.lists(TAGS, max_size=12))
def test_iob2_keeps_the_entities_and_is_well_formed(tags: list[str]) -> None:
    repaired = iob2(tags)
    assert entities(repaired) == entities(tags)
    assert iob2(repaired) == repaired
    for before, tag in zip(("O", *repaired), repaired, strict=False):
        assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_iob1_is_read_as_it_is_meant() -> None:
    # Two names side by side: IOB1 writes B- only there.
    assert iob2(["I-PER", "B-PER", "I-PER", "O", "I-LOC"]) == ("B-PER", "B-PER", "I-PER", "O", "B-LOC")


@pytest.mark.parametrize(
    "tags", [["B-X", "M-X", "E-X", "S-X", "O"], ["B-X", "I-X", "L-X", "U-X", "O"], ["B-X", "I-X", "E-X", "S-X", "O"]]
)
def test_other_schemes_become_iob2(tags: list[str]) -> None:
    assert iob2(tags) == ("B-X", "I-X", "I-X", "B-X", "O")


def test_parts_of_speech_are_no_entities_and_stay_as_they_are() -> None:
    assert not spells_entities(("NN", "VB"))
    assert iob2(["NN", "VB", "-LRB-"]) == ("NN", "VB", "-LRB-")


def test_text_is_parted_at_blanks_and_chinese_without_any_by_character() -> None:
    assert words_of("EU rejects  call .") == ("EU", "rejects", "call", ".")
    assert words_of("用iPhone打") == tuple("用iPhone打")
    assert words_of("今天 天气") == ("今天", "天气")
    assert words_of(["New York", "."]) == ("New York", ".")
    assert tags_of("B-LOC O") == ("B-LOC", "O")


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (None, "tokens is empty"),
        ([], "tokens is empty"),
        (["a", ""], "word 2 of tokens is empty"),
        (["a", None], "word 2 of tokens is empty"),
        (["a", 3], "word 2 of tokens is a int, not text"),
        (7, "tokens is a int, not text"),
        (["a", "b"], None),
        ("a b", None),
    ],
)
def test_problem_of_words_is_named(cell: object, problem: str | None) -> None:
    assert words_problem("tokens", cell) == problem


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        (["O"], "1 tag for 2 words; there must be one for each"),
        ("O O O", "3 tags for 2 words; there must be one for each"),
        (["O", ""], "tag 2 is empty"),
        (["O", ["B-X"]], "tag 2 is a list, not a single value"),
        ([], "tags is empty"),
        (None, "tags is empty"),
        (5, "tags is a int, not a list of tags"),
        (["O", "B-X"], None),
    ],
)
def test_problem_of_tags_is_named(cell: object, problem: str | None) -> None:
    assert tags_problem("tags", cell, ("to", "Rome")) == problem


@pytest.mark.parametrize("tag", ["PER", "B-", "B", "-PER", "X-PER", "BB-PER"])
def test_what_is_no_tag_of_an_entity_is_named_by_its_place(tag: str) -> None:
    assert entity_tag_problem(["O", tag]) == f"tag 2 is {tag!r}; tags of entities are O, B-TYPE and I-TYPE"


def test_number_of_a_tag_is_named_as_such() -> None:
    assert str(entity_tag_problem(["O", "3"])).startswith("tag 2 is the number 3; write the names of tags")


def test_answers_of_another_length_are_refused_by_number() -> None:
    with pytest.raises(InputError, match="item 2 has 2 right and 1 given tags"):
        flat_tags([["O"], ["O", "O"]], [["O"], ["O"]])
    with pytest.raises(InputError, match="2 gold and 1 predicted sentences"):
        flat_tags([["O"], ["O"]], [["O"]])
