"""BRAT and label folders: byte order marks, pieces of entities, files without a partner, links, odd files."""

from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError

TEXT = "Anna went to Rome\nBo saw Paris\n"
MARKED = "T1\tPER 0 4\tAnna\nT2\tLOC 13 17\tRome\n"
TAGS = (("B-PER", "O", "O", "B-LOC"), ("O", "O", "O"))


def folder(root: Path, task: str, **files: str | bytes) -> Reading:
    """A folder written and read; ``__`` in a name is a slash, ``_`` a dot."""
    for name, content in files.items():
        path = root / "data" / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read("data", {}, plugins.load("tasks", task), root)


def test_first_entity_behind_a_byte_order_mark_is_an_entity(tmp_path: Path) -> None:
    assert folder(tmp_path, "ner", a_txt=TEXT, a_ann="\ufeff" + MARKED).part.gold == TAGS


@pytest.mark.parametrize("shift", [0, 1])
def test_byte_order_mark_of_a_text_is_counted_or_not(tmp_path: Path, shift: int) -> None:
    marked = f"T1\tPER {shift} {4 + shift}\tAnna\nT2\tLOC {13 + shift} {17 + shift}\tRome\n"
    got = folder(tmp_path, "ner", a_txt="\ufeff" + TEXT, a_ann=marked)
    assert got.part.texts[0] == ("Anna", "went", "to", "Rome")
    assert got.part.gold == TAGS


def test_discontinuous_entity_spoils_its_own_row_only(tmp_path: Path) -> None:
    marked = "T1\tPER 0 4;13 17\tAnna Rome\nT2\tPER 18 20\tBo\n"
    got = folder(tmp_path, "ner", a_txt=TEXT, a_ann=marked)
    assert got.problems == {"T1 is in several pieces, which tags cannot say (a.txt)": (1,)}
    assert got.part.gold == (("B-PER", "O", "O"),)


def test_entity_over_two_lines_is_named(tmp_path: Path) -> None:
    got = folder(tmp_path, "ner", a_txt=TEXT, a_ann="T1\tX 13 20\tRome Bo\n")
    assert list(got.problems) == [
        "the entity 13 to 20 continues in the next line; a row is a line, so keep entities within one (a.txt)"
    ]


def test_files_without_a_partner_are_named(tmp_path: Path) -> None:
    got = folder(tmp_path, "ner", a_txt=TEXT, a_ann=MARKED, b_txt=TEXT, c_ann=MARKED, d_TXT=TEXT, d_ann=MARKED)
    assert got.total == 4  # those of a and d
    assert got.remarks == ("2 files are passed over, since a .txt or an .ann lacks its partner (b.txt, c.ann)",)


def test_files_of_other_names_are_counted(tmp_path: Path) -> None:
    got = folder(
        tmp_path,
        "text_classification",
        pos__1_txt="good",
        pos__2_TXT="fine",
        neg__1_txt="bad",
        neg__3="x",
        neg__in__4_txt="y",
    )
    assert got.part.texts == ("bad", "good", "fine")
    assert got.remarks == ("2 files are passed over, since they are not LABEL/NAME.txt (neg/3, neg/in/4.txt)",)


def test_links_that_lead_nowhere_are_rows_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "data" / "pos").mkdir(parents=True)
    (tmp_path / "data" / "pos" / "8.txt").symlink_to("gone.txt")
    (tmp_path / "data" / "pos" / "9.txt").symlink_to("9.txt")
    (tmp_path / "data" / "pos" / "folder.txt").mkdir()
    got = folder(tmp_path, "text_classification", pos__1_txt="good", neg__1_txt="bad")
    assert got.part.texts == ("bad", "good")
    assert sorted(row for rows in got.problems.values() for row in rows) == [3, 4]
    assert all(problem.startswith("a file that is a symbolic link that leads nowhere") for problem in got.problems)


def test_bytes_without_an_encoding_are_no_text(tmp_path: Path) -> None:
    image = b"\xff\xd8\xff\xe0" + bytes(range(256))
    got = folder(
        tmp_path, "text_classification", pos__1_txt="schön".encode("cp1252"), neg__1_txt="bad", neg__2_txt=image
    )
    assert got.part.texts == ("bad", "schön")
    assert got.problems == {"a file that is not UTF-8, and whose encoding cannot be detected": (2,)}


def test_annotations_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.ann").mkdir()
    with pytest.raises(InputError, match=r"a\.ann: cannot be read \(Is a directory\)"):
        folder(tmp_path, "ner", a_txt=TEXT)
