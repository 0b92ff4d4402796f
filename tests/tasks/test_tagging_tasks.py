from __future__ import annotations

from goldilocks.tasks import ner, pos_tagging


def test_ner_reads_lists_and_texts_alike() -> None:
    listed = {"tokens": ["in", "Rome"], "tags": ["O", "B-LOC"]}
    spelled = {"tokens": "in Rome", "tags": "O B-LOC"}
    for row in (listed, spelled):
        assert ner.problem(row) is None
        assert (ner.item(row), ner.gold(row)) == (("in", "Rome"), ("O", "B-LOC"))


def test_ner_takes_an_i_that_continues_nothing_as_a_beginning() -> None:
    row = {"tokens": ["in", "New", "York"], "tags": ["O", "I-LOC", "I-LOC"]}
    assert ner.problem(row) is None
    assert ner.gold(row) == ("O", "B-LOC", "I-LOC")


def test_ner_refuses_tags_that_are_no_entities() -> None:
    row = {"tokens": ["in", "Rome"], "tags": ["IN", "NNP"]}
    assert ner.problem(row) == "tag 1 is 'IN'; tags of entities are O, B-TYPE and I-TYPE"


def test_rows_of_different_length_are_refused_by_both_tasks() -> None:
    row = {"tokens": ["in", "Rome"], "tags": ["O"]}
    for task in (ner, pos_tagging):
        assert task.problem(row) == "1 tag for 2 words; there must be one for each"


def test_half_a_character_in_tags_is_refused_however_they_are_written() -> None:
    for tags, role in ((["O", "B-\ud800"], "tag 2"), ("O B-\ud800", "tags")):
        for task in (ner, pos_tagging):
            row = {"tokens": ["in", "Rome"], "tags": tags}
            assert task.problem(row) == f"{role} holds half a character (a lone surrogate)"


def test_sign_that_is_drawn_as_nothing_is_a_word() -> None:
    row = {"tokens": ["❤", "\ufe0f"], "tags": ["O", "O"]}  # an emoji and its variation selector, cut apart
    assert ner.problem(row) is None


def test_parts_of_speech_are_taken_as_they_are() -> None:
    row = {"tokens": ["in", "Rome"], "tags": ["I-x", "NNP"]}
    assert pos_tagging.problem(row) is None
    assert pos_tagging.gold(row) == ("I-x", "NNP")


def test_item_needs_the_words_alone() -> None:
    assert ner.item({"tokens": "去罗马"}) == ("去", "罗", "马")
