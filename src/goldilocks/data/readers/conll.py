"""CoNLL columns: a word per line followed by its tags, an empty line between sentences.

A row is a sentence; sentences are numbered from 1. ``-DOCSTART-`` lines and comments are not counted, but show where a
document begins (in CoNLL-U ``# newdoc`` does). Columns are separated by tabs or blanks. They have numbers instead of
names: words are in the first and tags in the last, unless the task file names others (``fields: {tags: 2}``); of
CoNLL-U (.conllu, or ten columns of which the first counts the words) they are the second and the fourth; of other
columns of which the first counts the words they are the second and the last.

A line that begins with ``#`` above a sentence is a comment (``# id 12``, ``#<tab>address``) unless it looks like a word
with its tag: as many cells as other lines, the last of them a tag that other lines have. Other lines of another width
than most are comments where they begin with ``#``, ``//``, ``%`` or ``;``, or are a tag of a markup (``<s>``).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from pathlib import Path

from goldilocks.data.readers.columns import Rows
from goldilocks.errors import InputError

SUFFIXES = (".conll", ".bio", ".iob", ".conllu")
DOCUMENT = "-DOCSTART-"
SNIFFED_LINES = 1_000
"""Lines by which a file without a suffix of ours is recognised as columns, and by which comments are."""
_NEW_DOCUMENT = re.compile(r"#\s*newdoc\b")
_MARGIN = re.compile(r"#|//|%|;|</?[A-Za-z][^<>]*>$")
"""How lines begin that are no words, if they have another number of cells than words have."""
_DOCUMENT_EDGE = re.compile(r"#\s*(?:begin|end) document\b|<[A-Za-z]\w*( [\w:-]+=(?:\"[^\"]*\"|'[^']*'))+ ?/?>$")
"""What is above or below a document, whatever the number of its cells."""
_HEADER = frozenset(
    [
        "word",
        "words",
        "token",
        "tokens",
        "form",
        "text",
        "lemma",
        "pos",
        "upos",
        "xpos",
        "tag",
        "tags",
        "label",
        "labels",
        "ner",
        "ner_tag",
        "ner_tags",
        "chunk",
        "id",
        "iob",
    ]
)
"""Names that columns have where a file has a header, in lower case."""
_COUNT = re.compile(r"(\d+)(?:-\d+|\.\d+)?")
"""The first column of CoNLL-U: a word, a multiword token or an empty node."""
_UNIVERSAL_WIDTH = 10
_USUAL = {"tokens": 0, "tags": -1}
_UNIVERSAL = {"tokens": 1, "tags": 3}


@dataclass(frozen=True, slots=True)
class _Layout:
    """Distinguishes comments from words."""

    universal: bool
    width: int = 0
    """Cells of most lines."""
    last_cells: frozenset[str] = frozenset()
    """Last cells of the lines that are words."""

    def is_comment(self, bare: str, cells: Sequence[str], above: bool) -> bool:
        """Whether a line is one; ``above``: no word of its sentence came before."""
        if self.universal:
            return bare.startswith("#") or not cells[0].isdecimal()
        if len(cells) != self.width and _MARGIN.match(bare):
            return True
        if _DOCUMENT_EDGE.match(bare):
            return True
        if not (above and bare.startswith("#")):
            return False
        return cells[-1] not in self.last_cells and cells[-1] != "#"


def holds_columns(lines: Iterable[str]) -> bool:
    """Whether all lines (of the first ``SNIFFED_LINES``) that are not empty have as many cells, two at least.

    Example:
        >>> holds_columns(["EU B-ORG", "", "in O"]), holds_columns(["EU rejects the call", "in Rome"])
        (True, False)
    """
    sniffed = list(islice(lines, SNIFFED_LINES))
    widths = {len(words) for _, _, sentence in _sentences(sniffed, _layout(sniffed, False), []) for words in sentence}
    return len(widths) == 1 and min(widths) >= 2


def holds_words(lines: Iterable[str]) -> bool:
    """Whether the first cell of all lines (of the first ``SNIFFED_LINES``) is a word: no list, and without blanks."""
    words = [line.split("\t" if "\t" in line else ",")[0].strip() for line in islice(lines, SNIFFED_LINES)]
    return all(len(word.split()) < 2 and not (word[:1] in "[({" and word[-1:] in "])}") for word in words if word)


def rows_of(
    path: Path,
    lines: Callable[[], Iterator[str]],
    columns: Sequence[str],
    optional: Collection[str],
    remarks: list[str],
) -> Rows:
    """``(sentence number, a list of cells for each column)``, or in place of the cells what is wrong with the sentence.

    Args:
        path: The file; its name (with or without .gz) says whether it is CoNLL-U.
        lines: Starts its lines again.
        columns: ``tokens``, ``tags``, numbers of columns from 1, or ``document`` for the number of it.
        optional: Columns that may be missing; their cells are then ``None``.
        remarks: Receives the number of comment lines that were skipped.

    Raises:
        InputError: a column is none of these, the first sentence has fewer, or lines end in a carriage return alone.
    """
    sniffed = list(islice(lines(), SNIFFED_LINES))
    counted = _counted_width(sniffed)
    universal = path.name.lower().removesuffix(".gz").endswith(".conllu") or counted == _UNIVERSAL_WIDTH
    named = [column for column in columns if column != "document" and (column not in optional or column in _USUAL)]
    places = {column: _place(path, column, universal) for column in named}
    if counted and not universal and "tokens" in places:
        places["tokens"] = 1
        remarks.append("the first column counts the words; they are read from the second, their tags from the last")
    wanted = max([2, *(place + 1 if place >= 0 else -place for place in places.values())])
    layout = _layout(sniffed, universal)
    comments: list[int] = []
    width = 0
    above = _header(sniffed)
    if above:
        remarks.append(f"line {above} names the columns, and is no word")
    for number, (begins, document, words) in enumerate(
        _sentences(_whole(path, lines()), layout, comments, above), start=1
    ):
        width = width or len(words[0])
        if width < wanted:
            raise InputError(
                f"{path.name}: line {begins} has {width} columns, {wanted} are wanted; "
                "separate the word and its tags by a tab or a blank, or name the columns by number under data.fields."
            )
        odd = next((cells for cells in words if len(cells) != width), None)
        none = (
            universal and "tags" in places and any(line[places["tags"]] == "_" for line in words if len(line) == width)
        )
        if odd is not None:
            yield number, f"{len(odd)} columns where the first line of the file has {width}"
        elif none:
            yield number, "a word without a tag (_ in CoNLL-U)"
        else:
            cells = {column: [line[place] for line in words] for column, place in places.items()}
            yield number, [cells.get(column, document or None if column == "document" else None) for column in columns]
    if comments and not universal:
        remarks.append(f"{len(comments):,} lines are comments, not words (line {comments[0]})")


def _counted_width(sniffed: Iterable[str]) -> int:
    """Columns of a file whose first column counts the words of each sentence from 1; 0 of any other."""
    width, last = 0, 0
    for line in sniffed:
        bare, cells = _cells(line)
        if not bare:
            last = 0
        elif not (bare.startswith("#") and not last) and cells[0] != DOCUMENT:
            count = _COUNT.fullmatch(cells[0])
            if count is None or len(cells) < 3 or int(count[1]) > last + 1:
                return 0
            last, width = int(count[1]), max(width, len(cells))
    return width


def _header(sniffed: Sequence[str]) -> int:
    """The number of the first line where it names the columns, two at least; else 0."""
    for number, line in enumerate(sniffed, start=1):
        cells = _cells(line)[1]
        if cells and not line.startswith("#"):
            names = len(cells) > 1 and all(cell.lower() in _HEADER for cell in cells)
            return number if names and len({cell.lower() for cell in cells}) == len(cells) else 0
    return 0


def _layout(sniffed: Sequence[str], universal: bool) -> _Layout:
    lines = [(line, _cells(line)[1]) for line in sniffed]
    words = [cells for line, cells in lines if cells and not line.lstrip().startswith(("#", DOCUMENT))]
    widths = Counter(map(len, words))
    width = widths.most_common(1)[0][0] if widths else 0
    # Behind another word of its sentence a line with # is a word too, such as a hashtag.
    words += [cells for (_, before), (_, cells) in pairwise(lines) if len(before) == len(cells) == width]
    return _Layout(universal, width, frozenset(cells[-1] for cells in words))


def _whole(path: Path, lines: Iterator[str]) -> Iterator[str]:
    for number, line in enumerate(lines, start=1):
        if "\r" in line.rstrip("\r\n"):
            raise InputError(
                f"{path.name}: line {number} holds a carriage return, so words and sentences are not separated there; "
                "save the file with the line ends of Unix or Windows."
            )
        yield line


def _place(path: Path, column: str, universal: bool) -> int:
    named = _UNIVERSAL if universal else _USUAL
    if column in named:
        return named[column]
    if column.isdecimal() and int(column) > 0:
        return int(column) - 1
    raise InputError(
        f"{path.name}: there is no column {column!r}; columns here are tokens, tags, or numbers from 1. "
        "Name them under data.fields, such as {tags: 2}."
    )


def _cells(line: str) -> tuple[str, list[str]]:
    """A line without its end, and its cells.

    Columns separated by tabs may hold blanks, and a blank alone is a word (texts that are tagged by character have
    such); a tab after the last column is a typing error.
    """
    bare = line.rstrip("\r\n")
    if bare[:1].isspace() and bare[:1] != "\t" and bare[1:2] == "\t" and bare.strip():
        return bare, [bare[0], *bare[2:].rstrip("\t ").split("\t")]
    if "\t" in bare.strip():
        bare = bare.rstrip("\t ")
        return bare.strip(), [cell.strip() or cell[:1] for cell in bare.split("\t")]
    return bare.strip(), bare.split()


def _sentences(
    lines: Iterable[str], layout: _Layout, comments: list[int], above: int = 0
) -> Iterator[tuple[int, int, list[list[str]]]]:
    """The number of the first line of each sentence, that of its document, and the cells of its words.

    ``above`` is the number of a line that names the columns; 0: none does.
    """
    begins, document, words = 0, 0, list[list[str]]()  # before the first mark of a document its number is 0
    for number, line in enumerate(lines, start=1):
        bare, cells = _cells(line)
        if not bare or not cells or number == above:
            if words:
                yield begins, document, words
            words = []
        elif cells[0] == DOCUMENT or (layout.universal and _NEW_DOCUMENT.match(bare)):
            if words:
                yield begins, document, words
            document, words = document + 1, []
        elif layout.is_comment(bare, cells, not words):
            comments.append(number)
        else:
            begins = begins if words else number
            words.append(cells)
    if words:
        yield begins, document, words
