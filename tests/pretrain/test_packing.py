from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from goldilocks.errors import InputError, IntegrityError
from goldilocks.pretrain.packing import Packer, TokenFlag, Unit, places_in, read_rows, unit, units_in, write_rows

CLS, SEP = 1, 2


def document(*ids: int) -> Unit:
    return unit(np.array(ids, dtype=np.int32), np.ones(len(ids), dtype=bool), head=CLS, tail=SEP)


def packed(units: list[Unit], length: int, again: int | None = None) -> tuple[list[list[int]], int]:
    packer = Packer(length, again)
    return [ids.tolist() for entry in units for ids, _ in packer.put(entry)], packer.filled


def test_documents_stand_one_behind_the_other_and_no_slot_is_lost() -> None:
    rows, left = packed([document(10, 11), document(12), document(13, 14, 15)], 6)
    assert rows == [[CLS, 10, 11, SEP, CLS, 12], [SEP, CLS, 13, 14, 15, SEP]]
    assert left == 0


def test_a_document_that_is_cut_begins_its_next_row_anew_where_wanted() -> None:
    rows, left = packed([document(10, 11, 12, 13, 14)], 4, again=CLS)
    assert (rows, left) == ([[CLS, 10, 11, 12], [CLS, 13, 14, SEP]], 0)
    rows, left = packed([document(10, 11, 12, 13)], 4, again=CLS)
    assert (rows, left) == ([[CLS, 10, 11, 12]], 3)  # CLS 13 SEP


def test_a_row_shows_which_tokens_are_of_one_document_and_where_in_it_they_stand() -> None:
    packer = Packer(8)
    rows = [flags for entry in (document(10, 11), document(12, 13)) for _, flags in packer.put(entry)]
    numbers = units_in(np.stack(rows))
    assert numbers.tolist() == [[1, 1, 1, 1, 2, 2, 2, 2]]
    assert places_in(numbers).tolist() == [[0, 1, 2, 3, 0, 1, 2, 3]]
    assert ((rows[0] & TokenFlag.ADDED) != 0).tolist() == [True, False, False, True] * 2


@pytest.mark.parametrize(("vocabulary", "size"), [(60_000, 3), (70_000, 5)])
def test_packing_wastes_nothing(tmp_path: Path, vocabulary: int, size: int) -> None:
    lengths = [3, 50, 1, 17, 8, 120, 2]
    units = [document(*range(10, 10 + length)) for length in lengths]
    path = tmp_path / "rows.bin"

    count = write_rows(path, lambda: units, length=16, again=None, vocabulary=vocabulary)

    # 201 tokens and 2 around each of 7 documents are 215: 13 full rows, and one that is filled up from the beginning.
    assert count == 14
    assert path.stat().st_size == 14 * 16 * size
    rows = read_rows(path, count=count, length=16, vocabulary=vocabulary)
    everything = np.concatenate([ids for ids, _ in units])
    assert rows["ids"].ravel()[:215].tolist() == everything.tolist()
    assert rows["ids"].ravel()[215:].tolist() == everything[:9].tolist()


def test_a_corpus_shorter_than_a_row_is_repeated(tmp_path: Path) -> None:
    write_rows(tmp_path / "r", lambda: [document(10)], length=8, again=None, vocabulary=99)
    rows = read_rows(tmp_path / "r", count=1, length=8, vocabulary=99)
    assert rows["ids"].tolist() == [[CLS, 10, SEP, CLS, 10, SEP, CLS, 10]]


def test_no_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the corpus holds no text"):
        write_rows(tmp_path / "r", list, length=8, again=None, vocabulary=99)


def test_a_full_disk_is_said_and_leaves_nothing(tmp_path: Path) -> None:
    def full() -> Iterator[Unit]:
        yield document(10)
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"cannot be written .No space left"):
        write_rows(tmp_path / "r", full, length=2, again=None, vocabulary=99)
    assert list(tmp_path.iterdir()) == []


def test_rows_cut_short_are_said(tmp_path: Path) -> None:
    write_rows(tmp_path / "r", lambda: [document(10)], length=8, again=None, vocabulary=99)
    (tmp_path / "r").write_bytes((tmp_path / "r").read_bytes()[:-1])
    with pytest.raises(IntegrityError, match="23 bytes where 1 rows take 24"):
        read_rows(tmp_path / "r", count=1, length=8, vocabulary=99)
