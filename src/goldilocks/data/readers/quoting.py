"""Whether quotation marks quote: separated text where they are plain characters, or follow a blank.

Read as quoting, two quotation marks that happen to begin and end cells swallow all rows between them, without an error.
What tells such a file from one with line ends in quoted cells is how its lines look where quotes are plain: there each
is a row of its own, and one of its cells is what the same column has in other rows, such as a label.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

MAX_VALUES = 1_000
"""A column with more distinct values is not a column of labels."""


@dataclass(slots=True)
class Quoting:
    """How the quotes of a file are to be read."""

    plain: bool = False
    """Quotes are characters as others."""
    spaced: bool = False
    """There is a blank between the delimiter and an opening quote."""
    enclosed: bool = False
    """Quotes are plain, but those around a whole cell are none of it: the header is written so."""
    doubtful: list[int] = field(default_factory=list)
    """Numbers, from 1 after the header, of rows with line ends whose lines could be rows themselves."""


@dataclass(slots=True)
class _Evidence:
    """What is seen on the way through a file, read as quoted."""

    delimiter: str
    width: int = 0
    fits: bool = True
    """Whether every line alone has as many cells as the header."""
    spaced: bool = False
    odd: int = 0
    """Records of another width than the header."""
    failed: bool = False
    mixed: bool = False
    """Whether a cell holds both the delimiter and a line end."""
    quoted_header: bool = False
    """Whether every cell of the header is in quotes, as writers that quote all cells leave it."""
    broken: int = 0
    """Records over several lines of another width than the header, though each of their lines has that width."""
    joined: list[int] = field(default_factory=list)
    """Numbers of the records that hold line ends and whose lines could be rows themselves."""
    swallowed: list[list[str]] = field(default_factory=list)
    """Plain cells of the lines of these rows."""
    values: list[Counter[str]] = field(default_factory=list)
    """What each column has in rows of one line."""
    n_single: int = 0

    def note(self, number: int, cells: Sequence[str], lines: Sequence[str]) -> None:
        """Take a record (the header has the number 0) and its lines."""
        if not number:
            self.width = len(cells)
            header = "".join(lines).strip().lstrip("\ufeff").split(self.delimiter)
            self.quoted_header = all(len(cell) > 1 and cell[0] == cell[-1] == '"' for cell in header)
            self.values = [Counter[str]() for _ in cells]
            return
        self.odd += len(cells) != self.width
        self.spaced = self.spaced or any(cell[:1] == " " and cell.lstrip(" ")[:1] == '"' for cell in cells)
        rows = [line.rstrip("\r\n").split(self.delimiter) for line in lines if line.strip()]
        fits = all(len(row) == self.width for row in rows)
        self.fits = self.fits and fits
        if len(rows) > 1:
            self.mixed = self.mixed or any(self.delimiter in cell and "\n" in cell for cell in cells)
            self.joined += [number] if fits and self.width > 1 else []
            self.broken += fits and len(cells) != self.width
            self.swallowed += rows if self.fits else []
        elif len(cells) == self.width:
            self.n_single += 1
            for counted, cell in zip(self.values, cells, strict=True):
                if len(counted) <= MAX_VALUES:
                    counted[cell.strip()] += 1

    def shows_plain(self) -> bool:
        """Whether the lines of joined rows are rows themselves."""
        if self.failed or self.width < 2 or not self.fits or not self.joined:
            return False
        if self.broken:
            return True
        few = [place for place, counted in enumerate(self.values) if 0 < 2 * len(counted) <= self.n_single]
        return any(all(row[place].strip(' "') in self.values[place] for row in self.swallowed) for place in few)


def quoting_of(lines: Callable[[], Iterable[str]], delimiter: str) -> Quoting:
    r"""How quotation marks have to be read.

    Args:
        lines: Starts again with all lines, with their ends, from the header on.
        delimiter: Between cells.

    Example:
        >>> rows = [f"text {number};ab\n" for number in range(9)]
        >>> quoting_of(lambda: ["text;label\n", *rows, '"so;ab\n', 'there";ab\n'], ";").plain
        True
        >>> quoting_of(lambda: ["text;label\n", *rows, '"so; and\n', 'there";ab\n'], ";")
        Quoting(plain=False, spaced=False, enclosed=False, doubtful=[10])
    """
    if delimiter != "\t" and _is_usual(lines(), delimiter):
        return Quoting()
    evidence = _gather(lines(), delimiter)
    if delimiter == "\t":
        # A cell with a tab and a line end is hardly ever quoted; two quotation marks make it of the lines between them.
        whole = not (evidence.failed or evidence.odd)
        plain = not whole or (evidence.mixed and not evidence.quoted_header)
        return Quoting(plain=plain, doubtful=evidence.joined, enclosed=plain and evidence.quoted_header)
    if evidence.spaced:
        spaced = _gather(lines(), delimiter, spaced=True)
        if not spaced.failed and (evidence.failed or spaced.odd <= evidence.odd):
            return Quoting(spaced=True, doubtful=spaced.joined)
    return Quoting(evidence.shows_plain(), doubtful=evidence.joined)


def _is_usual(lines: Iterable[str], delimiter: str) -> bool:
    """Whether every row is a line and no quote follows a blank, so that nothing needs to be decided."""
    spaced = False

    def looked_through() -> Iterator[str]:
        nonlocal spaced
        for line in lines:
            spaced = spaced or f'{delimiter} "' in line or line.startswith(' "')
            yield line

    last = 0
    reader = csv.reader(looked_through(), delimiter=delimiter, strict=True)
    try:
        for _ in reader:
            if reader.line_num > last + 1 or spaced:
                return False
            last = reader.line_num
    except csv.Error:
        return not spaced  # refused when it is read
    return True


def _gather(lines: Iterable[str], delimiter: str, *, spaced: bool = False) -> _Evidence:
    evidence = _Evidence(delimiter)
    taken: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            taken.append(line)
            yield line

    number = 0
    try:
        for cells in csv.reader(noted(), delimiter=delimiter, strict=True, skipinitialspace=spaced):
            if cells:
                evidence.note(number, cells, taken)
                number += 1
            taken.clear()
    except csv.Error:
        evidence.failed = True
    return evidence
