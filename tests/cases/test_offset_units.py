"""Offsets that count UTF-16 code units, bytes, or line ends otherwise are taken as such where the entities then fit."""

from pathlib import Path
from typing import Any

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


def lined(rows: list[dict[str, Any]]) -> bytes:
    return as_jsonl(rows)


def names(got: Reading) -> list[str]:
    """The words of each row that are an entity's."""
    pairs: list[Any] = list(zip(got.part.texts, got.part.gold, strict=True))
    return [" ".join(word for word, tag in zip(*pair, strict=True) if tag != "O") for pair in pairs]


@pytest.mark.parametrize("unit", ["characters", "UTF-16"])
def test_korean_names_end_at_their_particle(tmp_path: Path, unit: str) -> None:
    shift = 1 if unit == "UTF-16" else 0
    rows = [
        {"text": f"🚀 우리는 {name}에 갔다 {number}", "entities": [[6 + shift, 6 + len(name) + shift, "LOC"]]}
        for number, name in enumerate(["서울", "부산시", "로마"] * 4)
    ]
    got = reading(tmp_path, "x.jsonl", lined(rows), "ner")
    assert got.problems == {}
    assert names(got)[:3] == ["서울", "부산시", "로마"]


def test_offsets_that_count_what_is_seen_as_one_character_are_recognised(tmp_path: Path) -> None:
    rows = [{"text": f"👨\u200d👩\u200d👧 to Rome {number}", "entities": [[5, 9, "LOC"]]} for number in range(6)]
    got = reading(tmp_path, "x.jsonl", lined(rows), "ner")
    assert names(got) == ["Rome"] * 6
    assert any("what is seen as one character" in why for why in got.repaired)


def test_names_that_come_back_show_the_unit(tmp_path: Path) -> None:
    places = ["我们去北京玩", "他在北京住", "坐车到北京了", "离开北京回家", "爱北京的人", "来北京看看"]
    rows = [
        {"text": f"🚀{text}", "entities": [[text.index("北京") + 2, text.index("北京") + 4, "LOC"]]} for text in places
    ]
    got = reading(tmp_path, "x.jsonl", lined(rows), "ner")
    assert names(got) == ["北 京"] * 6


def test_blanks_at_the_edges_of_an_entity_are_none_of_it(tmp_path: Path) -> None:
    got = reading(tmp_path, "x.jsonl", lined([{"text": "to New York now", "entities": [[2, 12, "LOC"]]}]), "ner")
    assert got.part.gold == (("O", "B-LOC", "I-LOC", "O"),)
    assert got.repaired == {"an entity that begins or ends with a blank (taken without it)": (1,)}
    off = reading(tmp_path, "y.jsonl", lined([{"text": "to Rome now", "entities": [[2, 6, "LOC"]]}]), "ner")
    assert len(off.part) == 0


@pytest.mark.parametrize(
    "entity",
    [
        {"start_char": 3, "end_char": 7, "label": "LOC"},
        {"startOffset": 3, "endOffset": 7, "type": "LOC"},
        {"start": 3, "end": 7, "entity_group": "LOC"},
        {"start": "3", "end": "7", "entity": "LOC"},
        {"offset": 3, "length": 4, "category": "LOC"},
    ],
)
def test_entities_under_the_keys_of_other_tools_are_read(tmp_path: Path, entity: dict[str, Any]) -> None:
    got = reading(tmp_path, "x.jsonl", lined([{"text": "to Rome", "entities": [entity]}]), "ner")
    assert got.part.gold == (("O", "B-LOC"),)


def test_each_brat_document_may_count_its_own_way(tmp_path: Path) -> None:
    text = "Hello there\r\nAnna Lee went\r\n🚀 to Rome\r\n"
    folder = tmp_path / "brat"
    folder.mkdir()
    one, two = text.replace("\r\n", "\n"), text
    utf16 = len(one[: one.index("Rome")].encode("utf-16-le")) // 2
    for name, counted, place in (("a", one, utf16), ("b", two, two.index("Rome")), ("c", one, one.index("Rome"))):
        (folder / f"{name}.txt").write_bytes(text.encode())
        at = counted.index("Anna Lee")
        (folder / f"{name}.ann").write_text(f"T1\tPER {at} {at + 8}\tAnna Lee\nT2\tLOC {place} {place + 4}\tRome\n")
    got = read("brat", {}, plugins.load("tasks", "ner"), tmp_path)
    assert (got.problems, len(got.part)) == ({}, 9)
    assert names(got) == ["", "Anna Lee", "Rome"] * 3


def test_row_without_its_text_is_unusable_where_edges_lie_inside_words(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": "he went to Rome", "entities": [[12, 15, "LOC"]]},  # off by one, in both rows with a text
        {"content": "in Rome", "entities": [[3, 7, "LOC"]]},
        {"text": "he saw Bonn", "entities": [[8, 11, "LOC"]]},
    ]
    got = ner(tmp_path, rows)
    assert got.total == 3
    assert 2 in {number for numbers in got.problems.values() for number in numbers}
