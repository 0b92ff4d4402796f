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
    assert "2 lines are comments, not words (line 1)" in got.remarks


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


UNIVERSAL = (
    "# text = du pain\n1-2\tdu\t_\t_\t_\t_\t_\t_\t_\t_\n1\tde\tde\tADP\t_\t_\t3\tcase\t_\t_\n"
    "2\tle\tle\tDET\t_\t_\t3\tdet\t_\t_\n2.1\tx\tx\tX\t_\t_\t_\t_\t_\t_\n3\tpain\tpain\tNOUN\t_\t_\t0\troot\t_\t_\n\n"
)


@pytest.mark.parametrize("name", ["x.conllu", "x.conll", "x.txt", "x.tsv", "x"])
def test_conllu_is_read_as_such_under_any_name(tmp_path: Path, name: str) -> None:
    got = reading(tmp_path, name, (UNIVERSAL * 2).encode(), "pos_tagging")
    assert got.part.texts == (("de", "le", "pain"),) * 2
    assert got.part.gold == (("ADP", "DET", "NOUN"),) * 2


def test_word_without_a_tag_in_conllu_is_named(tmp_path: Path) -> None:
    content = UNIVERSAL + UNIVERSAL.replace("\tDET\t", "\t_\t")
    got = reading(tmp_path, "x.conllu", content.encode(), "pos_tagging")
    assert got.problems == {"a word without a tag (_ in CoNLL-U)": (2,)}


def test_numbers_of_words_are_not_taken_for_words(tmp_path: Path) -> None:
    content = b"#\thttp://x\n1\tBo\tB-PER\tO\n2\tist\tO\tO\n\n1\tIn\tO\tO\n2\tRom\tB-LOC\tO\n"
    got = reading(tmp_path, "y.conll", content, "ner")
    assert got.part.texts == (("Bo", "ist"), ("In", "Rom"))
    assert "the first column counts the words; they are read from the second, their tags from the last" in got.remarks
    for name in ("x.conll", "x.tsv"):
        got = reading(tmp_path, name, content, "ner", {"tokens": "2", "tags": "3"})
        assert got.part.texts == (("Bo", "ist"), ("In", "Rom"))
        assert got.part.gold == (("B-PER", "O"), ("O", "B-LOC"))


def test_columns_under_the_name_of_a_table_are_read(tmp_path: Path) -> None:
    content = "## id-1\t<서울:LC> 에\n서\tB-LC\n울\tI-LC\n \tO\n에\tO\n\n## id-2\t<부산:LC>\n부\tB-LC\n산\tI-LC\n\n"
    got = reading(tmp_path, "x.tsv", content.encode(), "ner")
    assert got.part.texts == (("서", "울", " ", "에"), ("부", "산"))
    assert "read as CoNLL columns, as in a .conll file" in got.remarks


def test_numbers_may_be_words(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.conll", b"1 O\nMay B-DATE\n\n2 O\n", "ner")
    assert got.part.texts == (("1", "May"), ("2",))


@pytest.mark.parametrize(
    "comment", ["// sentence one of two", "% a b c", "; a b c", "<s>", '<doc id="7">', "#begin document (x); part 000"]
)
def test_other_comments_are_no_words(tmp_path: Path, comment: str) -> None:
    got = reading(tmp_path, "x.conll", f"{comment}\n{WORDS}{comment}\n{WORDS}".encode(), "ner")
    assert got.part.texts == (("Bo", "saw", "Rome"),) * 2
    assert "2 lines are comments, not words (line 1)" in got.remarks


def test_end_of_a_document_is_no_word_without_an_empty_line(tmp_path: Path) -> None:
    got = reading(
        tmp_path, "x.conll", f"#begin document (x)\n{WORDS.rstrip()}\n#end document\n\n{WORDS}".encode(), "ner"
    )
    assert got.part.texts == (("Bo", "saw", "Rome"),) * 2


def test_hashtags_are_words_at_the_beginning_of_a_sentence_too(tmp_path: Path) -> None:
    content = b"#win\tHT\ngo\tVB\n\ngo\tVB\n#win\tHT\n\n"
    assert reading(tmp_path, "x.conll", content, "pos_tagging").part.texts == (("#win", "go"), ("go", "#win"))


@pytest.mark.parametrize(
    ("name", "header"), [("x.conll", "Word\tTag"), ("x.tsv", "tokens\ttags"), ("x", "token\tlabel")]
)
def test_line_that_names_the_columns_is_no_word(tmp_path: Path, name: str, header: str) -> None:
    got = reading(tmp_path, name, f"{header}\n{WORDS}{WORDS}".replace(" ", "\t").encode(), "ner")
    assert got.part.texts == (("Bo", "saw", "Rome"),) * 2
    assert "line 1 names the columns, and is no word" in got.remarks


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u3000"])
def test_any_blank_is_a_word_of_text_that_is_tagged_by_character(tmp_path: Path, blank: str) -> None:
    got = reading(tmp_path, "x.conll", f"나\tB-PER\n{blank}\tO\n가\tO\n\n".encode(), "ner")
    assert got.part.texts == (("나", " ", "가"),)


def test_table_with_a_word_per_row_is_named(tmp_path: Path) -> None:
    rows = "".join(f"Sentence: {number},Bo,B-PER\n,saw,O\n" for number in range(10))
    got = reading(tmp_path, "x.csv", f"Sentence,tokens,tags\n{rows}".encode(), "ner")
    assert any(remark.startswith("every row holds one word; a row is a sentence") for remark in got.remarks)


def test_numbers_of_tags_are_named(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", b'{"tokens": ["Bo"], "tags": [1]}\n', "ner")
    assert list(got.problems) == [
        "tag 1 is the number 1; write the names of tags (in datasets: features[...].feature.names)"
    ]
