"""Trivial baselines: answers without a model, which a useful winner has to outperform.

constant   the most frequent training answer (tags: the most frequent tag; scores: the mean; rankings: no order)
copy       the input, or its last turn
nearest    the answer of the training row with the largest n-gram overlap (cosine of tf-idf over words and word pairs,
           or characters where a language has no blanks)
random     answers drawn in the training proportions: the mean of ``DRAWS`` draws

A task names those that apply (``protocols.HasTrivialBaselines``); else they follow from its output. Random tags or
orders are left out: they are worse than the constant tag, and no better than no order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from goldilocks.protocols import HasTrivialBaselines, Task
from goldilocks.records import Answer, Dataset, Gold, Output, Part, Text, as_text
from goldilocks.support.text.units import references, units

CONSTANT, COPY, NEAREST, RANDOM, INCUMBENT = "constant", "copy", "nearest", "random", "incumbent"
DRAWS = 200
_BY_OUTPUT: Mapping[Output, tuple[str, ...]] = {
    Output.LABEL: (CONSTANT, NEAREST, RANDOM),
    Output.TAGS: (CONSTANT,),
    Output.SCORE: (CONSTANT, NEAREST),
    Output.SPAN: (CONSTANT, NEAREST),
    Output.TEXT: (CONSTANT, COPY, NEAREST),
    Output.LIKELIHOOD: (),
}
_MAX_ROWS, _MAX_UNITS, _MAX_VALUES = 20_000, 400, 500
"""Training rows and units of a text that overlap is looked for in; different training answers that are drawn from."""


@dataclass(frozen=True, slots=True)
class BaselineAnswers:
    """Answers of the baselines to the validation items."""

    answers: Mapping[str, tuple[Answer, ...]]
    """Baseline -> its answer to each item."""
    values: tuple[Answer, ...] = ()
    """Labels: the different training answers, most frequent first. ``random`` draws from them, and the constant answer
    is the one among them that costs least."""
    shares: tuple[float, ...] = ()
    """How frequent each of ``values`` is."""
    random: bool = False
    """Whether random answers are a baseline of the task."""
    notes: Mapping[str, str] = field(default_factory=dict)
    """Baseline -> what it answers, for the user."""


def trivial_answers(task: Task, dataset: Dataset) -> BaselineAnswers:
    """What the baselines of a task answer on the validation part; only train is learnt from."""
    names = task.TRIVIAL_BASELINES if isinstance(task, HasTrivialBaselines) else _BY_OUTPUT[dataset.output]
    train, items = dataset.train, dataset.validation
    answers: dict[str, tuple[Answer, ...]] = {}
    notes: dict[str, str] = {}
    if not len(train) or not len(items):
        return BaselineAnswers({})
    ranking = dataset.output is Output.SCORE and isinstance(items.gold[0], tuple)
    if CONSTANT in names:
        answers[CONSTANT], notes[CONSTANT] = _constant(train, items, dataset.output)
    if COPY in names:
        answers[COPY] = tuple(text if isinstance(text, str) else text[-1] for text in items.texts)
        several = any(not isinstance(text, str) for text in items.texts)
        notes[COPY] = f"copying the {'last turn' if several else 'input'}"
    if NEAREST in names and not ranking:
        nearest = _nearest(_compared(train.texts, dataset.output), _compared(items.texts, dataset.output))
        answers[NEAREST] = tuple(answer_in(train.gold[place], dataset.output) for place in nearest)
        notes[NEAREST] = "the answer of the most similar training row"
    if dataset.output is not Output.LABEL:
        return BaselineAnswers(answers, notes=notes)
    counts = Counter(answer_in(gold, dataset.output) for gold in train.gold).most_common(_MAX_VALUES)
    total = sum(count for _, count in counts)
    return BaselineAnswers(
        answers,
        values=tuple(value for value, _ in counts),
        shares=tuple(count / total for _, count in counts),
        random=RANDOM in names,
        notes=notes | {RANDOM: "random answers in the training proportions"},
    )


def answer_in(gold: Gold, output: Output) -> Answer:
    """The answer for a gold answer; the first of several references."""
    if output is Output.SPAN:
        spans = cast(tuple[tuple[int, str], ...], gold)
        return spans[0][1] if spans else ""
    return references(gold)[0] if output is Output.TEXT else cast(Answer, gold)


def random_losses(by_value: npt.NDArray[np.float64], shares: Sequence[float], *, seed: int) -> npt.NDArray[np.float64]:
    """Mean loss of each item over ``DRAWS`` draws of random answers, ``(n_items,)``.

    Args:
        by_value: Loss of each item where the answer is each value, ``(n_items, n_values)``.
        shares: Probability of each value.
        seed: Seed of the draws.
    """
    n_items = len(by_value)
    total = np.zeros(n_items)
    rng = np.random.default_rng(seed)
    for _ in range(DRAWS):
        total += by_value[np.arange(n_items), rng.choice(len(shares), size=n_items, p=np.asarray(shares))]
    return total / DRAWS


def _constant(train: Part, items: Part, output: Output) -> tuple[tuple[Answer, ...], str]:
    n = len(items)
    match output:
        case Output.TAGS:
            tags = Counter(tag for gold in train.gold for tag in cast(tuple[str, ...], gold))
            tag = tags.most_common(1)[0][0]
            lengths = [len(cast(tuple[str, ...], gold)) for gold in items.gold]
            return tuple((tag,) * length for length in lengths), f"always the tag {tag!r}"
        case Output.SCORE if isinstance(items.gold[0], tuple):
            lengths = [len(cast(tuple[float, ...], gold)) for gold in items.gold]
            return tuple((0.0,) * length for length in lengths), "no order at all"
        case Output.SCORE:
            mean = float(np.mean(cast(tuple[float, ...], train.gold)))
            return (mean,) * n, f"always the score {mean:.4g}"
        case _:
            counts = Counter(answer_in(gold, output) for gold in train.gold)
            value = counts.most_common(1)[0][0]
            shown = ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)
            shown = shown if len(shown) <= 40 else shown[:39] + "…"
            return (value,) * n, f"always answering {shown!r}" if shown else "always answering nothing"


def _compared(texts: Sequence[Text], output: Output) -> list[str]:
    """What is compared of the items: of a question and its context the question."""
    return [text[0] if output is Output.SPAN and not isinstance(text, str) else as_text(text) for text in texts]


def _nearest(known: Sequence[str], queries: Sequence[str]) -> list[int]:
    """Position in ``known`` of the text that each of ``queries`` overlaps most with; the first of equals."""
    from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer

    step = max(1, -(-len(known) // _MAX_ROWS))
    places = list(range(0, len(known), step))
    hashed = HashingVectorizer(analyzer=_grams, n_features=2**18, alternate_sign=False, norm=None)
    weights = TfidfTransformer(sublinear_tf=True)
    table = weights.fit_transform(hashed.transform([known[place] for place in places]))
    nearest: list[int] = []
    for start in range(0, len(queries), 256):
        overlap = weights.transform(hashed.transform(queries[start : start + 256])) @ table.T
        nearest += np.asarray(overlap.toarray().argmax(axis=1)).tolist()
    return [places[place] for place in nearest]


def _grams(text: str) -> list[str]:
    words = units(text.lower())[:_MAX_UNITS]
    return [*words, *(f"{first} {second}" for first, second in pairwise(words))]
