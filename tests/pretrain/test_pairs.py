from __future__ import annotations

import numpy as np

from goldilocks.pretrain.packing import TokenFlag, Unit
from goldilocks.pretrain.pairs import pairs

CLS, SEP, STOP = 1, 2, 3


def made(documents: list[list[int]], *, length: int = 40, seed: int = 0) -> list[Unit]:
    given = [(np.array(ids, dtype=np.int32), np.ones(len(ids), dtype=bool)) for ids in documents]
    return list(pairs(given, cls=CLS, sep=SEP, ends=[STOP], length=length, seed=seed))


def halves(unit: Unit) -> tuple[list[int], list[int]]:
    ids, flags = unit
    second = (flags & TokenFlag.SECOND) != 0
    return ids[~second].tolist(), ids[second].tolist()


def test_labels_are_right_by_hand() -> None:
    # Document d is d0, d1, a full stop, d2: it can only be cut behind the stop.
    documents = [[10 * d, 10 * d + 1, STOP, 10 * d + 2] for d in range(1, 9)]

    units = made(documents)

    strange = 0
    for document, unit in zip(documents, units, strict=True):
        first, second = halves(unit)
        assert first == [CLS, document[0], document[1], STOP, SEP]
        assert unit[1][0] & TokenFlag.PAIR
        if unit[1][0] & TokenFlag.NEGATIVE:
            strange += 1
            assert second[0] % 10 == 2
            assert second[0] // 10 != document[0] // 10
            assert second[1:] == [SEP]
        else:
            assert second == [document[3], SEP]
    assert strange == 4


def test_no_text_is_lost_or_read_twice() -> None:
    documents = [list(range(100 * d, 100 * d + 5 + d)) for d in range(1, 30)]
    text = sorted(token for entry in made(documents) for token in entry[0] if token not in (CLS, SEP))
    assert text == sorted(token for document in documents for token in document)


def test_a_long_document_gives_pairs_that_fit_a_row() -> None:
    units = made([list(range(10, 110))], length=23)
    assert len(units) == 5  # 100 tokens in pieces of at most 20
    assert all(len(ids) == 23 for ids, _ in units)
    # All are of one document: nothing strange can be had.
    assert not any(flags[0] & TokenFlag.NEGATIVE for _, flags in units)


def test_a_document_of_one_token_asks_nothing() -> None:
    ((ids, flags),) = made([[10]])
    assert ids.tolist() == [CLS, 10, SEP]
    assert not flags[0] & TokenFlag.PAIR


def test_pieces_begin_units_once() -> None:
    for _, flags in made([[10, 11, 12], [20, 21, 22], [30, 31], [40, 41]]):
        assert ((flags & TokenFlag.UNIT) != 0).tolist() == [True] + [False] * (len(flags) - 1)
