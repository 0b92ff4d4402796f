"""Damage to the files of a run or bundle, one kind after the other, for tests and ``benchmarks/fuzz_runs.py``.

Each damage has a name and a function that is done to one path. Where randomness is needed, it is seeded by the name.
"""

from __future__ import annotations

import io
import json
import os
import random
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Damage = Callable[[Path], None]
"""What is done to a file or folder."""

_PLACES = 4
"""Places at which a kind of damage that needs a place is tried."""
_ODD: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    2.5,
    10**30,
    "",
    "x",
    [],
    {},
    [1],
    {"a": 1},
    float("nan"),
    float("inf"),
    "../../etc/passwd",
)
"""Values that take the place of others in JSON."""


def damages(path: Path, seed: int = 0) -> Iterator[tuple[str, Damage]]:
    """All kinds of damage that fit a file or folder: (name, damage)."""
    if path.is_dir():
        yield from _OF_FOLDERS.items()
        return
    yield from _OF_FILES.items()
    for place in range(_PLACES):
        yield f"bit flipped {place}", _seeded(_flip, path, seed, place)
    if path.suffix in (".json", ".jsonl", ".yaml"):
        for place in range(_PLACES):
            yield f"digit changed {place}", _seeded(_change_digit, path, seed, place)
    if path.suffix in (".json", ".jsonl"):
        yield from _OF_JSON.items()
        for place in range(2 * _PLACES):
            yield f"value replaced {place}", _seeded(_replace_value, path, seed, place)
        for place in range(_PLACES):
            yield f"key removed {place}", _seeded(_remove_key, path, seed, place)
    if path.suffix == ".jsonl":
        yield from _OF_LINES.items()
    if path.suffix == ".npy":
        yield from _OF_ARRAYS.items()


def _seeded(damage: Callable[[Path, random.Random], None], path: Path, seed: int, place: int) -> Damage:
    return lambda target: damage(target, random.Random(f"{path.name} {seed} {place}"))


def _put(content: bytes) -> Damage:
    def damage(path: Path) -> None:
        path.unlink()
        path.write_bytes(content)

    return damage


def _changed(change: Callable[[bytes], bytes]) -> Damage:
    return lambda path: _put(change(path.read_bytes()))(path)


def _instead(make: Callable[[Path], Any]) -> Damage:
    def damage(path: Path) -> None:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        make(path)

    return damage


def _copy_outside(path: Path) -> None:
    outside = path.with_name(f"{path.name}.elsewhere")
    path.rename(outside)
    path.symlink_to(outside.name)


_OF_FILES: dict[str, Damage] = {
    "deleted": Path.unlink,
    "empty": _put(b""),
    "cut in half": _changed(lambda content: content[: len(content) // 2]),
    "last byte lost": _changed(lambda content: content[:-1]),
    "zeros": _changed(lambda content: bytes(len(content))),
    "garbage behind": _changed(lambda content: content + b"\xff\x00{"),
    "line end behind": _changed(lambda content: content + b"\n"),
    "mark in front": _changed(lambda content: b"\xef\xbb\xbf" + content),
    "not UTF-8": _put(b"\xff\xfe{\0}\0"),
    "a folder": _instead(Path.mkdir),
    "a FIFO": _instead(os.mkfifo),
    "a link to nothing": _instead(lambda path: path.symlink_to("gone")),
    "a link to itself": _instead(lambda path: path.symlink_to(path.name)),
    "a link to a device": _instead(lambda path: path.symlink_to("/dev/zero")),
    "a link to the same": _copy_outside,
}
_OF_JSON: dict[str, Damage] = {
    name: _put(content)
    for name, content in {
        "a list": b"[]",
        "an object": b"{}",
        "null": b"null",
        "a number": b"5",
        "a text": b'"x"',
        "not a number": b"NaN",
        "nested deeply": b"[" * 5_000,
        "nested and closed": b"[" * 2_000 + b"]" * 2_000,
        "many digits": b"9" * 6_000,
    }.items()
}
_OF_LINES: dict[str, Damage] = {
    "first line lost": _changed(lambda content: b"".join(content.splitlines(keepends=True)[1:])),
    "last line lost": _changed(lambda content: b"".join(content.splitlines(keepends=True)[:-1])),
    "first line twice": _changed(lambda content: b"".join(content.splitlines(keepends=True)[:1]) + content),
    "lines reversed": _changed(lambda content: b"".join(content.splitlines(keepends=True)[::-1])),
    "lines joined": _changed(lambda content: content.replace(b"\n", b"")),
}


def _array(change: Callable[[Any], Any]) -> Damage:
    def damage(path: Path) -> None:
        buffer = io.BytesIO()
        np.save(buffer, change(np.load(path)))
        _put(buffer.getvalue())(path)

    return damage


def _with(table: Any, value: float) -> Any:
    table = np.array(table)
    table.flat[0] = value
    return table


_OF_ARRAYS: dict[str, Damage] = {
    "NaN": _array(lambda table: _with(table, np.nan)),
    "infinite": _array(lambda table: _with(table, np.inf)),
    "negative": _array(lambda table: _with(table, -0.5)),
    "above one": _array(lambda table: _with(table, 7)),
    "a row lost": _array(lambda table: table[1:]),
    "a column lost": _array(lambda table: table[:, 1:]),
    "transposed": _array(lambda table: table.T),
    "rows reversed": _array(lambda table: table[::-1]),
    "flat": _array(np.ravel),
    "doubles": _array(lambda table: table.astype(np.float64)),
    "texts": _array(lambda table: table.astype(str)),
    "a pickle": _array(lambda table: table.astype(object)),
    "complex": _array(lambda table: table.astype(complex)),
}


def _with_more(make: Callable[[Path], Any]) -> Damage:
    def damage(path: Path) -> None:
        make(path)

    return damage


_OF_FOLDERS: dict[str, Damage] = {
    "deleted": _instead(lambda _: None),
    "emptied": _instead(Path.mkdir),
    "a file": _instead(lambda path: path.write_bytes(b"x")),
    "a FIFO": _instead(os.mkfifo),
    "a link to nothing": _instead(lambda path: path.symlink_to("gone")),
    "with a FIFO": _with_more(lambda path: os.mkfifo(path / "fifo.json")),
    "with a file": _with_more(lambda path: (path / "more.json").write_text("{}")),
    "with a link": _with_more(lambda path: (path / "link.json").symlink_to("/etc/hostname")),
}


def _flip(path: Path, drawn: random.Random) -> None:
    content = bytearray(path.read_bytes() or b"\0")
    content[drawn.randrange(len(content))] ^= 1 << drawn.randrange(8)
    _put(bytes(content))(path)


def _change_digit(path: Path, drawn: random.Random) -> None:
    text = path.read_text(encoding="utf-8")
    places = [match.start() for match in re.finditer(r"\d", text)]
    if places:
        place = drawn.choice(places)
        text = f"{text[:place]}{(int(text[place]) + drawn.randint(1, 9)) % 10}{text[place + 1 :]}"
    _put(text.encode())(path)


def _objects(path: Path) -> list[Any]:
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()] if path.suffix == ".jsonl" else [json.loads(text)]


def _write(path: Path, objects: list[Any]) -> None:
    lines = path.suffix == ".jsonl"
    _put("".join(json.dumps(content) + ("\n" if lines else "") for content in objects).encode())(path)


def _spots(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every (container, key) within a JSON value."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield value, key
        yield from _spots(inner)


def _replace_value(path: Path, drawn: random.Random) -> None:
    objects = _objects(path)
    spots = list(_spots(objects))
    container, key = drawn.choice(spots)
    container[key] = drawn.choice(_ODD)
    _write(path, objects)


def _remove_key(path: Path, drawn: random.Random) -> None:
    objects = _objects(path)
    spots = [(container, key) for container, key in _spots(objects) if isinstance(container, dict)]
    if spots:
        container, key = drawn.choice(spots)
        del container[key]
    _write(path, objects)
