"""Words and their tags: what a cell with either means, and the entities that IOB2 tags spell.

In IOB2 an entity of type X is B-X followed by I-X, and O is outside. What others write is read by the rule of conlleval
(seqeval's default): an I-X that does not continue an entity of type X begins one. That reads IOB1 as it is meant, where
B-X is written only between two neighbours of one type, and repairs an I-X without its B-X. BIOES, BMES and BILOU
are read too: their single and last words become B-X and I-X.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError
from goldilocks.support.text.cells import label_of, label_problem, list_of, shortened, text_problem, word_problem
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of, tagged_sentences, without_ends

OUTSIDE = "O"
_BEGINS, _GOES_ON, _ENDS = "BSU", "IMEL", "SUEL"
_BEGINS_LIST = re.compile(r"""\s*\[\s*(?:\[\s*)*['"]""")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003134f]")


def words_of(cell: Any) -> tuple[str, ...]:
    r"""The words in a cell: of a list as they are; of a text what blanks part, and of Chinese without any, characters.

    Of a list of sentences, each a list, the words of all with ``SENTENCE_END`` between two sentences.

    Example:
        >>> words_of("to Rome"), words_of("去罗马"), words_of(["New York", "."])
        (('to', 'Rome'), ('去', '罗', '马'), ('New York', '.'))
        >>> words_of([["Why", "?"], ["So", "!"]])
        ('Why', '?', '\n', 'So', '!')
    """
    cell = listed(cell)
    if has_sentences(cell):
        return tuple(
            word
            for place, element in enumerate(cell)
            for word in ([SENTENCE_END] if place else []) + list(map(_word, element))
        )
    if not isinstance(cell, str):
        return tuple(map(_word, cell))
    parts = cell.split()
    return tuple(parts[0]) if len(parts) == 1 and _CJK.search(parts[0]) else tuple(parts)


def _word(cell: Any) -> str:
    """A word of a list; white space, which texts that are tagged by character have, is one blank."""
    word = str(cell)
    return " " if word.isspace() and word != SENTENCE_END else word


def without_blanks(words: Sequence[str]) -> bool:
    """Whether words come of a text that has no blanks between them: one with Chinese or Japanese in it.

    Example:
        >>> without_blanks(["去", "I", "K", "E", "A"]), without_blanks(["to", "IKEA"])
        (True, False)
    """
    return _CJK.search("".join(words)) is not None


def in_one(words: str | Sequence[str]) -> str:
    """Words as one text, with a blank between two unless one of them is Chinese or Japanese where they meet.

    Example:
        >>> in_one(["New", "York"]), in_one(["北", "京"]), in_one("New York")
        ('New York', '北京', 'New York')
    """
    return words if isinstance(words, str) else spaced(words)[0]


def spaced(words: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """Words as one text (see ``in_one``), and where each begins and ends in it.

    Example:
        >>> spaced(["去", "New", "York"])
        ('去New York', [(0, 1), (1, 4), (5, 9)])
    """
    text, places = "", list[tuple[int, int]]()
    for word in words:
        apart = bool(text) and not (_CJK.match(text[-1]) or _CJK.match(word))
        text += " " if apart else ""
        places.append((len(text), len(text) + len(word)))
        text += word
    return text, places


def tags_of(cell: Any) -> tuple[str, ...]:
    """The tags in a cell: a list of them or of those of each sentence, or a text in which blanks separate them."""
    cell = listed(cell)
    if has_sentences(cell):
        return tuple(tag for element in cell for tag in tags_of(element))
    return tuple(cell.split()) if isinstance(cell, str) else tuple(map(label_of, cell))


def listed(cell: Any) -> Any:
    """A cell that spells a list of texts (in a .csv, see ``cells.list_of``) as that list; any other as it is.

    Example:
        >>> listed("['to' 'Rome']"), listed("[sic] to Rome"), listed("[1]")
        (['to', 'Rome'], '[sic] to Rome', '[1]')
    """
    parsed = list_of(cell) if isinstance(cell, str) else None
    return parsed if parsed and all(isinstance(match, str | list) for match in parsed) else cell


def has_sentences(cell: Any) -> bool:
    """Whether a cell lists sentences, each a list, and not words or tags."""
    return isinstance(cell, list | tuple) and bool(cell) and isinstance(cell[0], list | tuple)


def iob2_of(tags: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """The tags of an item's words in IOB2; no entity crosses the end of a sentence.

    Example:
        >>> iob2_of(["B-LOC", "I-LOC"], words_of([["Rome"], ["Oslo"]]))
        ('B-LOC', 'B-LOC')
    """
    return tuple(tag for _, own in tagged_sentences(words, tags) for tag in iob2(own))


def words_problem(role: str, cell: Any) -> str | None:
    """Why ``cell`` cannot be used as the words of a sentence; ``None`` if it can.

    Example:
        >>> words_problem("tokens", ["to", "", "Rome"]), words_problem("tokens", ["로", " ", "마"])
        ('word 2 of tokens is empty', None)
    """
    cell = listed(cell)
    if has_sentences(cell):
        problems = (_sentence_problem(f"sentence {number} of {role}", part) for number, part in enumerate(cell, 1))
        return next((problem for problem in problems if problem), None)
    if isinstance(cell, str) or not isinstance(cell, list | tuple):
        return text_problem(role, cell) or _list_problem(role, cell)
    if not cell or all(isinstance(word, str) and not word.strip() for word in cell):
        return f"{role} is empty" if len(cell) != 1 or not cell else f"word 1 of {role} is empty"
    return next(
        (
            problem
            for place, word in enumerate(cell, 1)
            if not _is_blank(word) and (problem := word_problem(f"word {place} of {role}", word))
        ),
        None,
    )


def _is_blank(word: Any) -> bool:
    """Whether it is white space, which is a word of texts that are tagged by character (Korean, for example)."""
    return isinstance(word, str) and word.isspace() and SENTENCE_END not in word


def _sentence_problem(role: str, part: Any) -> str | None:
    if not isinstance(part, list | tuple) or has_sentences(part):
        return f"{role} is not a list of words, as the first one is"
    return words_problem(role, part)


def _list_problem(role: str, cell: str) -> str | None:
    """That a text begins as a list of texts and is none."""
    return f"{role} is {shortened(cell)!r}, which is not a list" if _BEGINS_LIST.match(cell) else None


def tags_problem(role: str, cell: Any, words: Sequence[str]) -> str | None:
    """Why ``cell`` cannot be the tags of an item's words; ``None`` if it can.

    Example:
        >>> tags_problem("tags", ["O"], ["to", "Rome"])
        '1 tag for 2 words; there must be one for each'
    """
    cell = listed(cell)
    if not has_sentences(cell):
        return _flat_tags_problem(role, cell, len(without_ends(words)))
    sentences = sentences_of(words)
    if len(sentences) != len(cell):
        return f"{role} holds those of {len(cell)} sentences for {len(sentences)}; there must be a list for each"
    for number, (sentence, tags) in enumerate(zip(sentences, cell, strict=True), 1):
        if problem := _flat_tags_problem(f"sentence {number} of {role}", tags, len(sentence)):
            return problem if "sentence" in problem else f"sentence {number}: {problem}"
    return None


def _flat_tags_problem(role: str, cell: Any, n_words: int) -> str | None:
    if not isinstance(cell, str | list | tuple):
        return label_problem(role, cell) or f"{role} is a {type(cell).__name__}, not a list of tags"
    if not cell:
        return f"{role} is empty"
    if isinstance(cell, str) and (problem := _list_problem(role, cell)):
        return problem
    tags = [(role, cell)] if isinstance(cell, str) else [(f"tag {place}", tag) for place, tag in enumerate(cell, 1)]
    for name, tag in tags:
        if problem := label_problem(name, tag):
            return problem
    n_tags = len(tags_of(cell))
    plural = "" if n_tags == 1 else "s"
    return None if n_tags == n_words else f"{n_tags} tag{plural} for {n_words} words; there must be one for each"


def entity_tag_problem(tags: Sequence[str]) -> str | None:
    """Why tags cannot be read as entities; ``None`` if they can.

    Example:
        >>> entity_tag_problem(["B-PER", "PER"])
        "tag 2 is 'PER'; tags of entities are O, B-TYPE and I-TYPE"
    """
    for place, tag in enumerate(tags, 1):
        prefix, dash, kind = tag.partition("-")
        if tag != OUTSIDE and not (dash and kind and len(prefix) == 1 and prefix in _BEGINS + _GOES_ON):
            if tag.isdecimal():
                return (
                    f"tag {place} is the number {tag}; write the names of tags (in datasets: "
                    "features[...].feature.names)"
                )
            return f"tag {place} is {tag!r}; tags of entities are O, B-TYPE and I-TYPE"
    return None


def spells_entities(tags: Sequence[str]) -> bool:
    """Whether a set of tags is one of entities (O, B-..., I-...) rather than, say, one of parts of speech."""
    return any(tag.startswith("B-") for tag in tags) and entity_tag_problem(tags) is None


def iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """The same entities in IOB2; what is not a tag of an entity is left as it is.

    Example:
        >>> iob2(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-PER"])
        ('B-PER', 'I-PER', 'B-PER', 'O', 'B-LOC', 'B-PER')
        >>> iob2(["S-LOC", "B-PER", "M-PER", "E-PER", "I-PER"])
        ('B-LOC', 'B-PER', 'I-PER', 'I-PER', 'B-PER')
    """
    repaired = []
    open_type = ""  # of the entity that the previous word belongs to and that may continue
    for tag in tags:
        prefix, dash, kind = tag.partition("-")
        if not dash or prefix not in _BEGINS + _GOES_ON or not prefix:
            repaired.append(tag)
            open_type = ""
            continue
        goes_on = prefix in _GOES_ON and kind == open_type
        repaired.append(f"I-{kind}" if goes_on else f"B-{kind}")
        open_type = "" if prefix in _ENDS else kind
    return tuple(repaired)


def entities(tags: Sequence[str]) -> list[tuple[str, int, int]]:
    """``(type, first word, word after the last)`` of each entity, in order.

    Example:
        >>> entities(["B-PER", "I-PER", "O", "I-LOC"])
        [('PER', 0, 2), ('LOC', 3, 4)]
    """
    entities: list[tuple[str, int, int]] = []
    for place, tag in enumerate(iob2(tags)):
        if tag.startswith("B-"):
            entities.append((tag[2:], place, place + 1))
        elif tag.startswith("I-"):
            kind, start, _ = entities[-1]
            entities[-1] = (kind, start, place + 1)
    return entities


# ------------------------------------------------------------------------------------------------------------ counting


def entity_counts(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> npt.NDArray[np.float32]:
    """True positives, predicted and gold entities of each sentence, shape ``(n_items, 3)``.

    Raises:
        InputError: there is not one tag for each word.
    """
    _check(gold, predicted)
    counts = np.zeros((len(gold), 3), dtype=np.float32)
    for row, right, given in zip(counts, gold, predicted, strict=True):
        if all(tag == OUTSIDE for tag in right) and all(tag == OUTSIDE for tag in given):
            continue
        gold_entities, predicted_entities = set(entities(right)), set(entities(given))
        row[:] = len(gold_entities & predicted_entities), len(predicted_entities), len(gold_entities)
    return counts


def flat_tags(
    gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]
) -> tuple[list[str], list[str], npt.NDArray[np.int64]]:
    """Right and given tags of all words one after another, and the number of the sentence each word is in.

    Raises:
        InputError: there is not one tag for each word.
    """
    _check(gold, predicted)
    lengths = [len(answer) for answer in gold]
    right = [tag for answer in gold for tag in answer]
    given = [tag for answer in predicted for tag in answer]
    return right, given, np.repeat(np.arange(len(gold)), lengths)


def _check(gold: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> None:
    if len(gold) != len(predicted):
        raise InputError(f"{len(gold)} gold and {len(predicted)} predicted sentences; both need one entry per item.")
    for number, (right, given) in enumerate(zip(gold, predicted, strict=True), 1):
        if len(right) != len(given):
            raise InputError(
                f"item {number} has {len(right)} right and {len(given)} given tags; pass one for each word."
            )
