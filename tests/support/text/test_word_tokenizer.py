from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from goldilocks.support.text.word_tokenizer import WordTokenization, cutter, learnt

UNITS = WordTokenization()


def words(text: str, cuts: WordTokenization = UNITS) -> list[str]:
    return [text[start:end] for start, end in cutter(cuts)(text)]


NEWS = [
    ["West-Indian", "U.S.", "troops", "left", "Rome", "."],
    ["Anna", "'s", "3.5", "dollars", "did", "n't", "last", "."],
    ["Bob", "'s", "2,000", "fans", "saw", "Oslo", ",", "Bonn", "."],
]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("1976年 我在北京", ["1976", "年", "我", "在", "北", "京"]),
        ("用iPhone15打", ["用", "iPhone15", "打"]),
        ("in Rome.", ["in", "Rome", "."]),
        ("(a_b)", ["(", "a", "_", "b", ")"]),
        # Devanagari vowel signs and a combining acute accent are part of the letter they stand on.
        ("हिन्दी cafe\u0301!", ["हिन्दी", "cafe\u0301", "!"]),
        ("", []),
        ("  ", []),
    ],
)
def test_without_anything_learnt_the_words_are_units(text: str, cut: list[str]) -> None:
    assert words(text) == cut


def test_signs_stay_where_they_stayed_in_the_words_learnt_from() -> None:
    cut = words("North-American U.S. firms paid Eve's 9.75 or 5,000 in Rome.", learnt(NEWS))
    assert " ".join(cut) == "North-American U.S. firms paid Eve 's 9.75 or 5,000 in Rome ."


def test_penn_treebank_parts_not_from_its_verb_as_the_words_learnt_from_do() -> None:
    assert words("I don't.", learnt(NEWS)) == ["I", "do", "n't", "."]
    assert words("I don't.", learnt([["I", "do", "."]])) == ["I", "don", "'", "t", "."]


def test_points_stay_with_their_words_where_they_were_never_parted() -> None:
    blanks = learnt([["To", "Rome."], ["To", "Oslo."], ["(near", "Bonn)"]])
    assert words("Go (to Paris) or Rome.", blanks) == ["Go", "(to", "Paris)", "or", "Rome."]


def test_letters_are_single_where_every_one_was() -> None:
    assert words("E粉 3G", learnt([list("用E粉"), list("3个")])) == ["E", "粉", "3", "G"]


def test_the_longest_known_word_of_segmented_chinese_is_taken() -> None:
    assert words("我在北京大学", learnt([["我", "在", "北京"], ["北京大学", "好"]])) == ["我", "在", "北京大学"]


def test_a_slip_that_is_mostly_parted_is_no_word() -> None:
    assert learnt([["北京"], ["北", "京"], ["在", "北", "京"]]).known == ()


@given(
    st.lists(st.lists(st.text(min_size=1, max_size=5).filter(str.strip), min_size=1, max_size=6), max_size=5), st.text()
)
def test_words_cover_all_but_blanks_in_order(sentences: list[list[str]], text: str) -> None:
    spans = cutter(learnt(sentences))(text)
    edges = [edge for span in spans for edge in span]
    assert edges == sorted(edges)
    assert all(start < end for start, end in spans)
    covered = {place for start, end in spans for place in range(start, end)}
    assert all(place in covered or text[place].isspace() for place in range(len(text)))
