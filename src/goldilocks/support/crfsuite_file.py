"""A model of CRFsuite checked from its bytes before the library maps it, which follows whatever offset is in the file.

Format (https://github.com/chokkan/crfsuite, ``crf1d_model.c`` and ``cqdb/src/cqdb.c``): a header of 48 bytes with the
places of five chunks. Features: type, source, target (uint32 each) and weight (float64). Labels and attributes:
constant databases (CQDB) of 256 hash tables with closed hashing. References from labels and from attributes to
features: an offset for each, where the number of features and their numbers are.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import IntegrityError

Content = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
_CHUNK, _TABLES, _DATABASE = 12, 256, 24
_BYTE_ORDER = 0x62445371
_TRANSITION = 1


def check_crfsuite(path: Path) -> None:
    """See that every offset and number in a model leads to a place in it.

    Raises:
        IntegrityError: one does not.
    """
    content = np.fromfile(path, np.uint8)
    try:
        _check(content)
    except (ValueError, struct.error) as error:
        raise IntegrityError(f"{path}: is not a whole CRFsuite model ({error}); copy the bundle again.") from error


def _check(content: Content) -> None:
    magic, size, kind, _, _, n_labels, n_attributes, *places = _unpacked(content, "<4sI4sIIIIIIIII", 0)
    _require(magic == b"lCRF" and kind == b"FOMC" and size == len(content), "its header is another")
    _require(max(n_labels, n_attributes) <= len(content), "it has not room for its labels and attributes")
    features, labels, attributes, label_references, attribute_references = places
    n_features = _entries(content, features, b"FEAT")
    _require(features + _CHUNK + 20 * n_features <= len(content), "it ends within its features")
    fields = [("kind", "<u4"), ("source", "<u4"), ("target", "<u4"), ("weight", "<f8")]
    table = np.frombuffer(content, fields, n_features, features + _CHUNK)
    _require(np.isfinite(table["weight"]), "a weight is not a finite number")
    _require(table["target"] < n_labels, "a feature is of no label")
    _require(table["source"][table["kind"] == _TRANSITION] < n_labels, "a transition is from no label")
    for place, n_strings in ((labels, n_labels), (attributes, n_attributes)):
        _require(place <= len(content), "a database lies beyond its end")
        _check_database(content[place:], n_strings)
    _check_references(content, (label_references, b"LFRF"), n_labels, n_features)
    _check_references(content, (attribute_references, b"AFRF"), n_attributes, n_features)


def _check_references(content: Content, chunk: tuple[int, bytes], n_wanted: int, n_features: int) -> None:
    place, name = chunk
    _require(_entries(content, place, name) >= n_wanted, f"{name.decode()} has too few entries")
    begins = _words(content, place + _CHUNK + 4 * np.arange(n_wanted)) + 4
    counts = _words(content, begins - 4)
    total = int(counts.sum())
    _require(4 * total <= len(content), "references overlap")
    within = np.arange(total) - np.repeat(np.cumsum(counts) - counts, counts)
    _require(_words(content, np.repeat(begins, counts) + 4 * within) < n_features, "a reference is to no feature")


def _check_database(content: Content, n_strings: int) -> None:
    """Every table has an empty bucket, where a search ends; a record is a number, a length and a string, then 0."""
    name, size, _, order, n_back, back = _unpacked(content, "<4sIIIII", 0)
    _require(name == b"CQDB" and order == _BYTE_ORDER and n_back >= n_strings, "a database begins otherwise")
    tables = _words(content, _DATABASE + 4 * np.arange(2 * _TABLES)).reshape(_TABLES, 2)
    _require(_DATABASE + 8 * _TABLES <= size <= len(content), "a database has another length")
    _require((tables[:, 0] > 0) == (tables[:, 1] > 0), "a table is nowhere, or has no buckets")
    records = [_words(content, back + 4 * np.arange(n_strings))]
    for place, n_buckets in tables[tables[:, 0] > 0].tolist():
        _require(8 * n_buckets <= len(content), "a table is longer than the file")
        buckets = _words(content, place + 4 + 8 * np.arange(n_buckets))
        _require(not n_buckets or (buckets == 0).any(), "a table has no end to a search")
        records.append(buckets[buckets > 0])
    at = np.concatenate(records)
    _require(_words(content, at) < n_strings, "a string has a number beyond the last")
    last = at + 8 + _words(content, at + 4) - 1
    _require((last >= at + 8) & (last < len(content)), "a string has no end")
    _require(content[last] == 0, "a string has no end")


def _require(holds: Any, problem: str) -> None:
    if not np.all(holds):
        raise ValueError(problem)


def _unpacked(content: Content, form: str, place: int) -> tuple[Any, ...]:
    return struct.unpack_from(form, content.data, place)


def _entries(content: Content, place: int, name: bytes) -> int:
    """How many entries a chunk says it has."""
    tag, _, number = _unpacked(content, "<4sII", place)
    _require(tag == name, f"there is no {name.decode()} where it should be")
    return int(number)


def _words(content: Content, places: Numbers) -> Numbers:
    """The unsigned 32-bit numbers at some places, which need not be aligned."""
    _require((places >= 0) & (places + 4 <= len(content)), "an offset leads beyond its end")
    parts = [content[places + byte].astype(np.int64) << 8 * byte for byte in range(4)]
    return np.asarray(parts[0] | parts[1] | parts[2] | parts[3])
