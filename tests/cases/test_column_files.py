"""Comment lines in column files, and blanks as words."""

from pathlib import Path

import pytest
from case_files import as_jsonl, reading

from goldilocks.data.readers.conll import holds_columns
from goldilocks.errors import InputError

WORDS = "Bo\tO\nsaw\tO\nRome\tB-LOC\n\n"


@pytest.mark.parametrize("comment", ["# 7", "# id 12", "# text = Bo saw Rome", "#\thttp://example.org/7", "#1"])
@pytest.mark.parametrize("name", ["x.conll", "x"])
def test_comment_above_a_sentence_is_no_word(tmp_path: Path, comment: str, name: str) -> None:
    got = reading(tmp_path, name, f"{comment}\n{WORDS}{comment}\n{WORDS}".encode(), "ner")
    assert got.part.texts == (("Bo", "saw", "Rome"),) * 2
    assert "2 lines that begin with # above a sentence are comments (line 1)" in got.remarks


def test_hashtag_with_a_tag_of_other_lines_is_a_word(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.conll", f"#win\tO\n{WORDS}# O\n{WORDS}# #\n{WORDS}".encode(), "pos_tagging")
    assert [text[0] for text in got.part.texts] == ["#win", "#", "#"]
    assert got.remarks == ()


def test_hash_inside_a_sentence_is_a_word(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.conll", b"Rome\tB-LOC\n# 1\nis\tO\n\nso\tO\n", "ner")
    assert got.part.texts == (("so",),)
    got = reading(tmp_path, "y.conll", b"Rome\tB-LOC\n#\tO\nis\tO\n", "ner")
    assert got.part.texts == (("Rome", "#", "is"),)


def test_file_of_comments_alone_holds_no_rows(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.conll: holds no rows"):
        reading(tmp_path, "x.conll", b"#\n# id 1\n", "ner")


def test_file_of_comments_and_columns_is_recognised_by_any_name() -> None:
    assert holds_columns(["# sentence 1 of 2", "EU B-ORG", "", "# sentence 2 of 2", "in O"])


@pytest.mark.parametrize("blank", [" ", "\u3000"])
def test_blank_is_a_word_of_texts_that_are_tagged_by_character(tmp_path: Path, blank: str) -> None:
    got = reading(
        tmp_path,
        "x.jsonl",
        as_jsonl([{"tokens": ["부", "산", blank, "에"], "tags": ["B-LC", "I-LC", "O", "O"]}]),
        "ner",
    )
    assert got.part.texts == (("부", "산", " ", "에"),)
    got = reading(tmp_path, "x.conll", f"부\tB-LC\n산\tI-LC\n{blank}\tO\n에\tO\n".encode(), "ner")
    assert got.part.texts == (("부", "산", blank if blank == " " else " ", "에"),)
    assert got.part.gold == (("B-LC", "I-LC", "O", "O"),)


@pytest.mark.parametrize("tokens", [["a", ""], ["a", "\n"], [" "], [" ", " "]])
def test_nothing_is_still_no_word(tmp_path: Path, tokens: list[str]) -> None:
    got = reading(tmp_path, "x.jsonl", as_jsonl([{"tokens": tokens, "tags": ["O"] * len(tokens)}]), "ner")
    assert got.total == 1
    assert next(iter(got.problems)).endswith("is empty")
