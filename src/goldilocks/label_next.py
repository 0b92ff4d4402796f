"""Which rows of an unlabelled pool a person should label next: ``goldilocks label-next``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from goldilocks import plugins
from goldilocks.answers import Answers, Floats
from goldilocks.bundle.layout import INFO
from goldilocks.bundle.read import Bundle, load
from goldilocks.data.splitting.duplicates import normalise
from goldilocks.data.unlabelled import arriving
from goldilocks.errors import InputError, MissingError
from goldilocks.protocols import SupportsEmbeddings
from goldilocks.records import Answer, Objective, Output, Text, as_text
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import Strategy
from goldilocks.support.scoring import acquisition

_FEATURES = 1_024
"""Width of the hashed n-gram vectors of models that give none."""


@dataclass(frozen=True, slots=True)
class NextRow:
    """A row to label."""

    number: int
    """Number of the row in the pool, from 1."""
    item: Text
    suggestion: Answer
    """The model's answer."""
    score: float
    """Value of the strategy's criterion; 0 where it ranks sets and not rows."""


@dataclass(frozen=True, slots=True)
class NextRows:
    """The rows to label, best first."""

    rows: tuple[NextRow, ...]
    output: Output
    labels: tuple[str, ...]
    columns: tuple[str, ...]
    """Names of the texts of a row, in order."""
    pool: int
    """Usable rows of the pool that are not labelled yet."""
    skipped: int
    """Rows that cannot be used, occur twice or are labelled already."""
    worth: float | None = None
    """``value``: expected error cost per month that the rows bear on; ``None``: not known."""
    currency: str = ""


def label_next(
    source: Path, pool: Path, *, count: int, strategy: Strategy, labelled: Path | None = None, seed: int = 0
) -> NextRows:
    """Choose rows of a pool for labelling.

    Args:
        source: A bundle, or the folder of a run; with a run, ``value`` is in its money.
        pool: Lines of text, .jsonl or a table, such as an export of Label Studio or doccano; labels are ignored.
        count: Rows wanted; fewer where the pool has fewer.
        strategy: How.
        labelled: Rows that are labelled already, e.g. the training file; they are left out, and ``core-set`` starts
            from them.
        seed: Seed of the random strategies.

    Raises:
        MissingError: there is no bundle.
        InputError: the strategy does not fit the kind of answer, or no row of the pool is usable.
    """
    bundle, objective = _opened(source)
    columns = _columns(bundle)
    known = [item for _, item in _read(bundle, labelled) if item is not None] if labelled is not None else []
    numbered, skipped = _distinct(_read(bundle, pool), {normalise(as_text(item)) for item in known})
    if not numbered:
        raise InputError(f"{pool}: has no usable row that is not labelled already.")
    numbers, items = [number for number, _ in numbered], [item for _, item in numbered]
    answers = bundle.answers(items)
    order, scores, worth = _ranked(bundle, strategy, items, answers, known, min(count, len(items)), seed)
    rows = tuple(
        NextRow(numbers[at], items[at], answers.values[at], float(score))
        for at, score in zip(order.tolist(), scores.tolist(), strict=True)
    )
    # Where costs by label are known, the expected cost is in money already.
    unit = 1.0 if bundle.info.answer_rule.error_costs else objective.error_cost if objective else None
    money = None if worth is None or objective is None or unit is None else worth * unit * objective.requests_per_month
    return NextRows(
        rows,
        bundle.info.output,
        bundle.labels,
        columns,
        len(items),
        skipped,
        money,
        objective.currency if objective else "",
    )


def _opened(source: Path) -> tuple[Bundle, Objective | None]:
    if (source / INFO).is_file():
        return load(source), None
    workspace = Workspace(source)
    if not (workspace.bundle / INFO).is_file():
        raise MissingError(f"{source}: is neither a bundle nor a finished run; pass RUN/bundle or the folder of a run.")
    return load(workspace.bundle), workspace.read_task().objective


def _columns(bundle: Bundle) -> tuple[str, ...]:
    reads: tuple[str, ...] = plugins.load("tasks", bundle.info.task).READS
    return tuple(bundle.info.columns.get(role, role) for role in reads)


def _read(bundle: Bundle, path: Path) -> list[tuple[int, Text | None]]:
    """Number and item of each row; ``None`` where it cannot be used."""
    task = plugins.load("tasks", bundle.info.task)
    rows = [row for batch in arriving(path, task, bundle.columns) for row in batch]
    return [(number, None if isinstance(item, InputError) else item) for number, item in rows]


def _distinct(rows: Sequence[tuple[int, Text | None]], known: set[str]) -> tuple[list[tuple[int, Text]], int]:
    """Usable rows that are not known, each once, and how many were left out."""
    seen, kept = set(known), []
    for number, item in rows:
        key = "" if item is None else normalise(as_text(item))
        if item is not None and key not in seen:
            seen.add(key)
            kept.append((number, item))
    return kept, len(rows) - len(kept)


# ---------------------------------------------------------------------------------------------------------- ranking


def _ranked(
    bundle: Bundle,
    strategy: Strategy,
    items: Sequence[Text],
    answers: Answers,
    known: Sequence[Text],
    count: int,
    seed: int,
) -> tuple[acquisition.Ints, Floats, float | None]:
    """Positions, best first, the criterion of each, and of ``value`` the mean cost per item that they bear on."""
    several = bundle.info.several
    probabilities = answers.probabilities if answers.probabilities.size else None
    if strategy is Strategy.RANDOM:
        return np.random.default_rng(seed).permutation(len(items))[:count], np.zeros(count), None
    if strategy is Strategy.CORE_SET:
        vectors = _vectors(bundle, [*items, *known])
        order = acquisition.core_set(vectors[: len(items)], count, covered=vectors[len(items) :])
        return order, np.zeros(count), None
    if strategy is Strategy.BADGE:
        if probabilities is None:
            raise InputError(f"--strategy badge is for labels, not {bundle.info.output}; use entropy or core-set.")
        vectors = _vectors(bundle, items)
        return acquisition.badge(probabilities, vectors, count, several=several, seed=seed), np.zeros(count), None
    if strategy is Strategy.VALUE:
        risks = _risks(bundle, answers, probabilities)
        order, values = acquisition.value_of_labels(risks, _vectors(bundle, items), count)
        return order, values, float(values.sum())
    uncertain = _uncertainty(bundle, strategy, answers, probabilities)
    order = np.argsort(-uncertain, kind="stable")[:count]
    return order, uncertain[order], None


def _uncertainty(bundle: Bundle, strategy: Strategy, answers: Answers, probabilities: Floats | None) -> Floats:
    if probabilities is None:
        unsure = _unsure(bundle, answers)
        if bundle.info.output is not Output.TAGS:
            return unsure
        lengths = np.array([len(tags) if isinstance(tags, tuple) else 1 for tags in answers.values], np.int64)
        return acquisition.unsure_per_word(1 - unsure, lengths)
    rank = acquisition.entropy if strategy is Strategy.ENTROPY else acquisition.margin
    return rank(probabilities, several=bundle.info.several)


def _risks(bundle: Bundle, answers: Answers, probabilities: Floats | None) -> Floats:
    if probabilities is None or bundle.info.several:
        return _unsure(bundle, answers)
    costs = bundle.info.answer_rule.error_costs
    return acquisition.expected_cost(probabilities, np.asarray(costs) if costs else None)


def _unsure(bundle: Bundle, answers: Answers) -> Floats:
    """1 minus the probability of each whole answer."""
    scores = np.asarray(answers.scores, dtype=np.float64)
    if np.isnan(scores).all():
        raise InputError(f"{bundle.folder}: its model does not say how sure it is; use --strategy core-set or random.")
    return np.asarray(1 - np.nan_to_num(scores, nan=0.0))


def _vectors(bundle: Bundle, items: Sequence[Text]) -> Floats:
    """The model's vectors of items, or hashed n-grams of their words."""
    normalised = bundle.normalised(items)
    if isinstance(bundle.model, SupportsEmbeddings):
        vectors = bundle.model.embed(normalised)
        if vectors is not None:
            return vectors
    from sklearn.feature_extraction.text import HashingVectorizer

    hashed = HashingVectorizer(n_features=_FEATURES, analyzer="char_wb", ngram_range=(2, 4), alternate_sign=False)
    return np.asarray(hashed.transform([as_text(item) for item in normalised]).toarray(), dtype=np.float32)
