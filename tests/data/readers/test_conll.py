from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError

IOB1 = """-DOCSTART- -X- -X- O

EU NNP I-NP I-ORG
rejects VBZ I-VP O
German JJ I-NP I-MISC
call NN I-NP O

Peter NNP I-NP I-PER
Blackburn NNP I-NP I-PER
Anna NNP I-NP B-PER
"""


def _read(folder: Path, content: str, *, name: str = "x.conll", task: str = "ner", **fields: str) -> Reading:
    (folder / name).write_text(content, encoding="utf-8")
    return read(name, fields, plugins.load("tasks", task), folder)


def test_iob1_becomes_iob2_with_a_remark_and_documents_are_dropped(tmp_path: Path) -> None:
    result = _read(tmp_path, IOB1)
    assert result.part.texts == (("EU", "rejects", "German", "call"), ("Peter", "Blackburn", "Anna"))
    assert result.part.gold == (("B-ORG", "O", "B-MISC", "O"), ("B-PER", "I-PER", "B-PER"))
    assert result.part.rows == (1, 2)
    assert [(how[:34], rows) for how, rows in result.repaired.items()] == [
        ("an I- tag that continues no entity", (1, 2))
    ]


@pytest.mark.parametrize("name", ["x.txt", "eng.train", "train"])
def test_columns_are_read_by_any_name_and_that_is_remarked(tmp_path: Path, name: str) -> None:
    result = _read(tmp_path, IOB1, name=name)
    assert result.part.rows == (1, 2)
    assert result.remarks == ("read as CoNLL columns, as in a .conll file",)


def test_text_that_holds_no_columns_says_what_is_wanted(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.txt: rows for tags are read from .*\.conll.*rename the file"):
        _read(tmp_path, "EU rejects the call\nin Rome\n", name="x.txt")


def test_iob2_is_read_without_a_remark(tmp_path: Path) -> None:
    assert _read(tmp_path, "Rome B-LOC\n. O\n").repaired == {}


@pytest.mark.parametrize("name", ["x.conll", "x.bio", "x.iob"])
@pytest.mark.parametrize("between", [" ", "\t", "  ", " \t"])
def test_tabs_and_blanks_part_columns(tmp_path: Path, name: str, between: str) -> None:
    result = _read(tmp_path, f"Rome{between}B-LOC\r\n.{between}O \r\n \r\nParis{between}B-LOC", name=name)
    assert result.part.texts == (("Rome", "."), ("Paris",))
    assert result.part.gold == (("B-LOC", "O"), ("B-LOC",))


def test_column_is_named_by_its_number(tmp_path: Path) -> None:
    result = _read(tmp_path, IOB1, task="pos_tagging", tags="2")
    assert result.part.gold[0] == ("NNP", "VBZ", "JJ", "NN")


def test_sentence_with_odd_lines_is_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    result = _read(tmp_path, "a X O\n\nb O\nc X O\n\nd X O\n")
    assert result.part.rows == (1, 3)
    assert result.problems == {"2 columns where the first line of the file has 3": (2,)}


def test_file_of_words_alone_is_refused_by_its_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.conll: line 2 has 1 columns, 2 are wanted"):
        _read(tmp_path, "\nEU\nrejects\n")


def test_carriage_returns_alone_end_lines_if_all_lines_do(tmp_path: Path) -> None:
    assert _read(tmp_path, "Rome B-LOC\rtoo O\r\rParis B-LOC\r").part.texts == (("Rome", "too"), ("Paris",))
    assert _read(tmp_path, "Rome B-LOC\r\n\r\nParis B-LOC\r\n").part.texts == (("Rome",), ("Paris",))
    with pytest.raises(InputError, match=r"x\.conll: line 1 holds a carriage return, so words and sentences are not"):
        _read(tmp_path, "Rome B-LOC\rtoo O\n\nParis B-LOC\n")


def test_unknown_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no column 'pos'; columns here are tokens, tags, or numbers from 1"):
        _read(tmp_path, IOB1, tags="pos")


def test_conllu_gives_words_and_universal_parts_of_speech(tmp_path: Path) -> None:
    lines = [
        "# text = du vin",
        "1-2\tdu\t_\t_\t_",
        "1\tde\tde\tADP\t_",
        "2\tle\tle\tDET\t_",
        "2.1\tx\tx\tVERB\t_",
        "3\tvin\tvin\tNOUN\t_",
    ]
    result = _read(tmp_path, "\n".join(lines) + "\n", name="x.conllu", task="pos_tagging")
    assert result.part.texts == (("de", "le", "vin"),)
    assert result.part.gold == (("ADP", "DET", "NOUN"),)


def test_packed_file_and_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "x.conll.gz").write_bytes(gzip.compress("\ufeffRome B-LOC\n".encode()))
    result = read("x.conll.gz", {}, plugins.load("tasks", "ner"), tmp_path)
    assert result.part.texts == (("Rome",),)


def test_tab_keeps_blanks_inside_a_word(tmp_path: Path) -> None:
    assert _read(tmp_path, "New York\tB-LOC\n").part.texts == (("New York",),)
