"""Copies of training rows, varied by an augmenter, each checked before it is used.

A copy that loses what its gold answer rests on is rejected: a tagged word that changed, a span that is no longer in
its context, a missing entity marker, or (unless the augmenter paraphrases) less than half of a text's words. Copies
that equal a training row, a validation row or each other are left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from goldilocks.data.splitting.duplicates import normalise
from goldilocks.errors import InputError
from goldilocks.records import Gold, Output, Part, Text, as_text
from goldilocks.support.text.entity_markers import ALL_MARKERS, cut
from goldilocks.support.text.sentences import SENTENCE_END
from goldilocks.support.text.units import units

Vary = Callable[[Sequence[str], int], list[str]]
"""Texts and a seed -> a varied copy of each."""

_REJECTED = 0.5
"""An augmenter that loses the evidence in a larger share of its copies is refused."""
_OUTSIDE = "O"


@dataclass(frozen=True, slots=True)
class Copies:
    """The copies of a training part."""

    part: Part
    """The copies alone; each has the row number of the row it was made from."""
    rejected: int
    """Copies that lost what their gold answer rests on."""
    unchanged: int
    """Copies that equal a row that is there, or another copy."""


@dataclass(frozen=True, slots=True)
class BoundAugmenter:
    """An augmenter with its options and resources."""

    name: str
    """File name in augmenters/, for errors."""
    vary: Vary
    paraphrases: bool
    """Whether a copy may have other words throughout."""


def copies_of(
    train: Part, output: Output, augmenter: BoundAugmenter, *, copies: int, seed: int, held_out: Part
) -> Copies:
    """Varied copies of the training rows.

    Args:
        train: The training rows.
        output: Kind of the gold answers.
        augmenter: What varies the texts.
        copies: Copies of each row.
        seed: The same seed gives the same copies.
        held_out: Rows that no copy may equal (the validation set).

    Raises:
        InputError: the augmenter loses the evidence in more than half of its copies.
    """
    known = {normalise(as_text(text)) for part in (train, held_out) for text in part.texts}
    texts: list[Text] = []
    sources: list[int] = []
    problems: Counter[str] = Counter()
    unchanged, example = 0, ""
    for number in range(copies):
        varied = _varied(train, output, augmenter.vary, seed + number)
        for row, copy in enumerate(varied):
            reason = problem(train.texts[row], train.gold[row], copy, output, paraphrases=augmenter.paraphrases)
            key = normalise(as_text(copy))
            if reason is not None:
                problems[reason] += 1
                example = example or f"row {train.rows[row]}: {reason}"
            elif key in known:
                unchanged += 1
            else:
                known.add(key)
                texts.append(copy)
                sources.append(row)
    rejected, name = sum(problems.values()), augmenter.name
    if rejected > _REJECTED * max(1, len(train) * copies):
        raise InputError(
            f"augment: {name} loses what the right answer rests on in {rejected} of {len(train) * copies} copies "
            f"({example}); lower its share of changed words, or choose another augmenter."
        )
    taken = train.take(sources)
    return Copies(Part(tuple(texts), taken.gold, taken.rows, taken.documents, taken.attributes), rejected, unchanged)


def problem(item: Text, gold: Gold, copy: Text, output: Output, *, paraphrases: bool) -> str | None:
    """What a copy lost of that on which the gold answer rests; ``None``: nothing.

    Example:
        >>> problem(("in", "Rome"), ("O", "B-LOC"), ("in", "Rmoe"), Output.TAGS, paraphrases=False)
        "the tagged word 'Rome' became 'Rmoe'"
    """
    before, after = _texts(item), _texts(copy)
    if len(before) != len(after):
        return f"{len(before)} texts became {len(after)}"
    if output is Output.TAGS:
        return _tag_problem(before, gold, after)
    if output is Output.SPAN:
        return _span_problem(gold, after[-1])
    for old, new in zip(before, after, strict=True):
        if old.strip() and not new.strip():
            return "a text became empty"
        marked = [piece for piece in _entities(old) if piece not in _entities(new)]
        if marked:
            return f"the marked entity {marked[0]!r} is gone"
        if not paraphrases and not _mostly_kept(old, new):
            return "less than half of the words stayed"
    return None


def _texts(item: Text) -> tuple[str, ...]:
    return (item,) if isinstance(item, str) else item


def _tag_problem(before: Sequence[str], gold: Gold, after: Sequence[str]) -> str | None:
    tags = gold if isinstance(gold, tuple) else ()
    words = [(old, new) for old, new in zip(before, after, strict=True) if old != SENTENCE_END]
    for (old, new), tag in zip(words, tags, strict=True):
        if tag != _OUTSIDE and old != new:
            return f"the tagged word {old!r} became {new!r}"
        if not new.strip() or len(new.split()) > 1:
            return f"the word {old!r} became {new!r}, which is not one word"
    return None


def _span_problem(gold: Gold, context: str) -> str | None:
    for span in gold if isinstance(gold, tuple) else ():
        if isinstance(span, tuple) and span[0] >= 0 and context[span[0] : span[0] + len(span[1])] != span[1]:
            return f"the answer {span[1]!r} is no longer in its place"
    return None


def _entities(text: str) -> list[str]:
    """Markers of a text, and the piece after each opening marker."""
    pieces = cut(text) if any(marker in text for marker in ALL_MARKERS) else []
    opened = [at > 0 and pieces[at - 1] in ALL_MARKERS and pieces[at - 1][1] != "/" for at in range(len(pieces))]
    return [piece for piece, follows in zip(pieces, opened, strict=True) if piece in ALL_MARKERS or follows]


def _mostly_kept(old: str, new: str) -> bool:
    words = Counter(units(old))
    return 2 * sum((words & Counter(units(new))).values()) >= sum(words.values())


# ------------------------------------------------------------------------------------------------- what is varied


def _varied(train: Part, output: Output, vary: Vary, seed: int) -> list[Text]:
    """A copy of each item; only texts that the gold answer does not quote are given to the augmenter."""
    if output is Output.TAGS:
        return _varied_words(train, vary, seed)
    items = [_texts(item) for item in train.texts]
    # Of a question and its context only the question is varied: the answer is a piece of the context.
    open_texts = [item[:-1] if output is Output.SPAN else item for item in items]
    pieces = [[_open_pieces(text) for text in texts] for texts in open_texts]
    flat = [piece for texts in pieces for text in texts for piece, is_open in text if is_open]
    copies = iter(vary(flat, seed))
    varied: list[Text] = []
    for item, texts in zip(train.texts, pieces, strict=True):
        new = tuple(" ".join(next(copies) if is_open else piece for piece, is_open in text) for text in texts)
        if output is Output.SPAN:
            new = (*new, _texts(item)[-1])
        varied.append(new[0] if isinstance(item, str) else new)
    return varied


def _open_pieces(text: str) -> list[tuple[str, bool]]:
    """Pieces of a text, and whether each may be varied: markers and what they enclose may not."""
    if not any(marker in text for marker in ALL_MARKERS):
        return [(text, True)]
    pieces, inside, marked = cut(text), False, []
    for piece in pieces:
        if piece in ALL_MARKERS:
            inside = not piece.startswith("[/")
        marked.append((piece, piece not in ALL_MARKERS and not inside))
    return marked


def _varied_words(train: Part, vary: Vary, seed: int) -> list[Text]:
    """Copies of tagged sentences: words without a tag are varied one by one, a tenth of them."""
    import numpy as np

    rng = np.random.default_rng(seed)
    places: list[tuple[int, int]] = []
    for row, (item, gold) in enumerate(zip(train.texts, train.gold, strict=True)):
        words = [at for at, word in enumerate(_texts(item)) if word != SENTENCE_END]
        tags = gold if isinstance(gold, tuple) else ()
        outside = [at for at, tag in zip(words, tags, strict=True) if tag == _OUTSIDE]
        count = min(len(outside), max(1, round(0.1 * len(words))))
        places += [(row, at) for at in (rng.choice(outside, count, replace=False).tolist() if outside else [])]
    varied = [list(_texts(item)) for item in train.texts]
    for (row, at), word in zip(places, vary([varied[row][at] for row, at in places], seed), strict=True):
        if word.strip() and len(word.split()) == 1:
            varied[row][at] = word
    return [tuple(words) for words in varied]
