"""Models of CRFsuite with offsets that lead astray are refused before the library follows them."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from goldilocks.errors import IntegrityError
from goldilocks.support.crfsuite_file import check_crfsuite

MODEL = Path(__file__).parents[1] / "fixtures" / "v0.1" / "ner-crf" / "model" / "model.crfsuite"
HEADER = ("magic", "size", "type", "version", "features", "labels", "attributes", "at features", "at labels")
FIELDS = (*HEADER, "at attributes", "at references of labels", "at references of attributes")


def test_model_that_the_library_wrote_passes() -> None:
    check_crfsuite(MODEL)


@pytest.mark.parametrize("value", [7, 2**31, 2**32 - 1])
@pytest.mark.parametrize("name", [name for name in FIELDS if name not in ("version", "features")])
def test_header_with_another_number_is_refused(tmp_path: Path, name: str, value: int) -> None:
    content = bytearray(MODEL.read_bytes())
    struct.pack_into("<I", content, 4 * FIELDS.index(name), value)
    (tmp_path / "model.crfsuite").write_bytes(content)
    with pytest.raises(IntegrityError, match="is not a whole CRFsuite model"):
        check_crfsuite(tmp_path / "model.crfsuite")


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.99])
def test_model_that_was_cut_is_refused(tmp_path: Path, share: float) -> None:
    content = MODEL.read_bytes()
    (tmp_path / "model.crfsuite").write_bytes(content[: int(share * len(content))])
    with pytest.raises(IntegrityError, match="is not a whole CRFsuite model"):
        check_crfsuite(tmp_path / "model.crfsuite")


@pytest.mark.parametrize("value", [2**31, 2**32 - 1])
@pytest.mark.parametrize(
    ("chunk", "behind"),
    [("at labels", 20), ("at attributes", 20), ("at references of labels", 12), ("at references of attributes", 12)],
)
def test_offset_within_a_chunk_that_leads_astray_is_refused(
    tmp_path: Path, chunk: str, behind: int, value: int
) -> None:
    content = bytearray(MODEL.read_bytes())
    (place,) = struct.unpack_from("<I", content, 4 * FIELDS.index(chunk))
    struct.pack_into("<I", content, place + behind, value)
    (tmp_path / "model.crfsuite").write_bytes(content)
    with pytest.raises(IntegrityError, match="an offset leads beyond its end"):
        check_crfsuite(tmp_path / "model.crfsuite")
