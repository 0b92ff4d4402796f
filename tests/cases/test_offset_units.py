"""Offsets that count UTF-16 code units, bytes, or line ends otherwise are taken as such where the entities then fit."""

from pathlib import Path

import pytest
from case_files import as_jsonl, reading

from goldilocks import plugins
from goldilocks.data.read import Reading, read

UTF16 = "offsets that count UTF-16 code units (taken so, since the entities fit then)"


def ner(folder: Path, rows: list[dict[str, object]]) -> Reading:
    return reading(folder, "x.jsonl", as_jsonl(rows), "ner")


def entities(got: Reading) -> list[str]:
    """Words of all entities of each row."""
    return [
        "".join(word for word, tag in zip(text, tags, strict=True) if tag != "O")
        for text, tags in zip(got.part.texts, got.part.gold, strict=True)
        if isinstance(tags, tuple)
    ]


def test_chinese_names_of_other_rows_show_that_an_emoji_counts_as_two(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "他去北京出差", "entities": [[2, 4, "LOC"]]},
        {"text": "😀他去北京出差", "entities": [[4, 6, "LOC"]]},  # the emoji is one character: 北京 is 3 to 5
    ]
    got = ner(tmp_path, rows)
    assert entities(got) == ["北京", "北京"]
    assert got.repaired == {UTF16: (2,)}


def test_text_of_the_entity_shows_it_too(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "😀😀 in Rome", "entities": [{"start": 8, "end": 12, "label": "LOC", "text": "Rome"}]},
    ]
    got = ner(tmp_path, rows)  # 2 + 2 + 4 units before Rome, 6 characters
    assert entities(got) == ["Rome"]
    assert got.repaired == {UTF16: (1,)}


def test_offsets_in_characters_stay_as_they_are(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "他去北京出差", "entities": [[2, 4, "LOC"]]},
        {"text": "😀他去北京出差", "entities": [[3, 5, "LOC"]]},
        {"text": "😀 in Rome", "entities": [[5, 9, "LOC"]]},
    ]
    got = ner(tmp_path, rows)
    assert entities(got) == ["北京", "北京", "Rome"]
    assert got.repaired == {}


def test_where_nothing_decides_the_rows_are_named(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": "😀他去北京出差", "entities": [[4, 6, "LOC"]]}]
    got = ner(tmp_path, rows)
    assert entities(got) == ["京出"]
    ((how, numbers),) = got.repaired.items()
    assert "before an entity: offsets are taken to count it as one, tools written in JavaScript count it as two" in how
    assert numbers == (1,)


def test_offsets_in_bytes_are_recognised(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "schön in Rome", "entities": [{"start": 10, "end": 14, "label": "LOC", "text": "Rome"}]},
    ]
    got = ner(tmp_path, rows)
    assert entities(got) == ["Rome"]
    assert list(got.repaired) == ["offsets that count bytes of UTF-8 (taken so, since the entities fit then)"]


@pytest.mark.parametrize(
    ("text", "start", "unit"),
    [
        (b"First line.\r\nAnna is here.\r\n", 12, "characters with CR LF as one"),
        (b"First line.\nAnna is here.\n", 13, "characters with a line end as two"),
        (b"First line.\r\nAnna is here.\r\n", 13, ""),
        (b"First line.\nAnna is here.\n", 12, ""),
    ],
)
def test_brat_offsets_count_line_ends_once_or_twice(tmp_path: Path, text: bytes, start: int, unit: str) -> None:
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_bytes(text)
    (tmp_path / "brat" / "a.ann").write_text(f"T1\tPER {start} {start + 4}\tAnna\n")
    got = read("brat", {}, plugins.load("tasks", "ner"), tmp_path)
    assert got.part.texts == (("First", "line", "."), ("Anna", "is", "here", "."))
    assert got.part.gold[1] == ("B-PER", "O", "O", "O")
    assert got.repaired == (
        {f"offsets that count {unit} (taken so, since the entities fit then)": (2,)} if unit else {}
    )


def test_brat_entity_in_an_empty_line_is_reported(tmp_path: Path) -> None:
    (tmp_path / "brat").mkdir()
    (tmp_path / "brat" / "a.txt").write_text("One.\n\nTwo.\n")
    (tmp_path / "brat" / "a.ann").write_text("T1\tPER 5 6\t?\n")
    got = read("brat", {}, plugins.load("tasks", "ner"), tmp_path)
    assert got.total == 3
    assert list(got.problems.values()) == [(2,)]
