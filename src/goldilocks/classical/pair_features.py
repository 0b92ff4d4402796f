"""Two texts as n-grams that a linear model can weigh: what they share, what only one has, and how much that is.

An n-gram of both texts is marked ``=``, one of the first only ``<`` and again ``-``, one of the second only ``>`` and
again ``-``: so the model can learn that a word missing on either side speaks against a paraphrase, and that a word new
in the second text speaks against entailment. How much is shared (of the words, of the pairs of words and of the runs
of characters; of both together and of each text) is told in steps: ``~w.7`` where at least 7 tenths are. So a pair
becomes one line of marked n-grams, and is counted as any text.

Source: after Ji & Eisenstein 2013, "Discriminative Improvements to Distributional Sentence Similarity" (what both have,
and what only one has, as separate features; without their factorisation).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import pairwise

from goldilocks.classical.ngram_features import WORD

STEPS = 20
LONGEST = 20_000
"""Characters of a text that are read."""


def marked(first: str, second: str, *, words: bool, characters: bool) -> str:
    """The marked n-grams of two texts, with blanks between them.

    Args:
        first: The first text.
        second: The second.
        words: Mark words and pairs of words.
        characters: Mark runs of 3 and 4 characters.

    Example:
        >>> [one for one in marked("a b", "b c", words=True, characters=False).split() if one[0] != "~"]
        ['=b', '<a', '-a', '<a_b', '-a_b', '>c', '-c', '>b_c', '-b_c']
    """
    texts = [one[:LONGEST].lower() for one in (first, second)]
    tokens = [WORD.findall(one) for one in texts]
    singles = [dict.fromkeys(one) for one in tokens]
    doubles = [dict.fromkeys(map("_".join, pairwise(one))) for one in tokens]
    runs = [dict.fromkeys(_runs(one)) for one in tokens]
    found: list[str] = []
    kinds = ([singles, doubles] if words else []) + ([runs] if characters else [])
    mine, other = ({gram for kind in kinds for gram in kind[side]} for side in (0, 1))
    in_order = [dict.fromkeys(gram for kind in kinds for gram in kind[side]) for side in (0, 1)]
    found += [f"={one}" for one in in_order[0] if one in other]
    for mark, side, elsewhere in (("<", 0, other), (">", 1, mine)):
        for one in in_order[side]:
            if one not in elsewhere:
                found += [f"{mark}{one}", f"-{one}"]
    for name, sides in (("w", singles), ("p", doubles), ("c", runs)):
        found += _shares(name, sides[0].keys(), sides[1].keys())
    found += _steps("~l", min(map(len, tokens)), max(map(len, tokens)))
    return " ".join(found)


def _runs(tokens: list[str]) -> Iterator[str]:
    """Runs of 3 and 4 characters, ``·`` between words."""
    text = f"·{'·'.join(tokens)}·"
    for length in (3, 4):
        yield from (text[start : start + length] for start in range(len(text) - length + 1))


def _shares(name: str, first: Collection[str], second: Collection[str]) -> list[str]:
    shared = len(set(first) & set(second))
    found = _steps(f"~{name}", shared, len(first) + len(second) - shared)
    found += _steps(f"~{name}<", shared, len(first))
    return found + _steps(f"~{name}>", shared, len(second))


def _steps(name: str, part: int, whole: int) -> list[str]:
    """One mark for each step that the share reaches, the lowest (always reached) among them."""
    return [f"{name}.{step}" for step in range((STEPS * part // whole if whole else 0) + 1)]
