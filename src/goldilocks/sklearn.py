"""scikit-learn estimators: ``GoldilocksClassifier``, ``GoldilocksRegressor`` and ``GoldilocksTagger``.

``fit`` runs the whole selection on the training rows (which it splits again, with a seed) and keeps the bundle of the
winner. The estimators work in pipelines, ``clone`` and ``cross_val_score``, on sequences of texts instead of feature
matrices.

Example::

    from sklearn.model_selection import cross_val_score
    from goldilocks import GoldilocksClassifier

    cross_val_score(GoldilocksClassifier(budget="2m"), texts, labels, cv=3)
"""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from goldilocks import flow, plugins
from goldilocks.bundle.read import Bundle, load
from goldilocks.errors import InputError
from goldilocks.evaluation.score import score
from goldilocks.events import silent
from goldilocks.records import Decision
from goldilocks.settings import RunSettings, task_from
from goldilocks.support.frames import errors_in_words, is_frame, table_of, write_rows


class _SelectingEstimator(BaseEstimator):  # type: ignore[misc]
    """What the three estimators share: parameters, and a selection as ``fit``."""

    _TASK: str

    bundle_: Bundle
    """The winner, ready to predict."""
    decision_: Decision
    """Which model won, and why."""

    def __init__(
        self,
        *,
        budget: str | float = "10m",
        metric: str | None = None,
        families: Sequence[str] | None = None,
        methods: Sequence[str] | None = None,
        error_cost: float = 0.05,
        out: Path | str | None = None,
        seed: int = 0,
    ) -> None:
        """Set parameters; ``fit`` checks them.

        Args:
            budget: Wall-clock time of each ``fit``: seconds, or ``"90s"``, ``"20m"``, ``"1h"``.
            metric: Deciding metric, by its file name in ``metrics/``; ``None``: the task's own.
            families: Families of candidates; ``None``: all that fit the task.
            methods: Methods of the candidates; ``None``: all that fit the task.
            error_cost: Cost of one wrong answer, in money.
            out: Run folder; ``None``: a temporary folder that lives as long as the estimator.
            seed: Seed of the split and of training.
        """
        self.budget = budget
        self.metric = metric
        self.families = families
        self.methods = methods
        self.error_cost = error_cost
        self.out = out
        self.seed = seed

    def _select(self, rows: list[dict[str, Any]]) -> Self:
        scratch = Path(tempfile.mkdtemp(prefix="goldilocks-"))
        weakref.finalize(self, shutil.rmtree, scratch, ignore_errors=True)
        raw: dict[str, Any] = {
            "name": type(self).__name__,
            "task": self._TASK,
            "data": {"train": str(write_rows(rows, scratch))},
            "objective": {"error_cost": self.error_cost},
            "candidates": {"families": self.families, "methods": self.methods},
            "budget": self.budget,
            "seed": self.seed,
        }
        raw |= {"metric": self.metric} if self.metric else {}
        run = Path(self.out) if self.out is not None else scratch / "run"
        with errors_in_words(rows, scratch):
            self.decision_ = flow.select(task_from(raw), RunSettings(out=run), silent)
        self.bundle_ = load(run / "bundle")
        return self


class GoldilocksClassifier(ClassifierMixin, _SelectingEstimator):  # type: ignore[misc]
    """Text classifier whose model and tuning method are selected in ``fit``.

    Attributes:
        classes_: Labels in the order of the columns of ``predict_proba``, of the type given to ``fit``.
        bundle_: The winner, ready to predict.
        decision_: Which model won, and why.
    """

    _TASK = "text_classification"

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Select, tune and keep a classifier.

        Args:
            X: Texts: a sequence of strings, or a frame or array with one column.
            y: Labels, one per text.

        Raises:
            GoldilocksError: the rows cannot be used, or no candidate finished within the budget.
        """
        texts, labels = _texts(X), _column(y)
        _same_length(texts, labels)
        self._select([{"text": text, "label": str(label)} for text, label in zip(texts, labels, strict=True)])
        by_name = {str(label): label for label in labels}
        self.classes_ = np.array([by_name[name] for name in self.bundle_.labels])
        return self

    def predict(self, X: Any) -> npt.NDArray[Any]:  # noqa: N803
        """The most probable label of each text, ``(n_texts,)``; raises NotFittedError before ``fit``."""
        probabilities = self.predict_proba(X)
        return np.asarray(self.classes_[probabilities.argmax(1)])

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:  # noqa: N803
        """Probability of each label, ``(n_texts, n_classes)``; columns as ``classes_``."""
        check_is_fitted(self, "bundle_")
        return np.asarray(self.bundle_.probabilities(_texts(X)), dtype=np.float32)


class GoldilocksRegressor(RegressorMixin, _SelectingEstimator):  # type: ignore[misc]
    """Scores of text pairs (similarity, relevance), with model and tuning method selected in ``fit``.

    Attributes:
        bundle_: The winner, ready to predict.
        decision_: Which model won, and why.
    """

    _TASK = "similarity"

    def fit(self, X: Any, y: Any) -> Self:  # noqa: N803
        """Select, tune and keep a pair scorer.

        Args:
            X: Pairs: a sequence of ``(first, second)``, or a frame or array with two columns of texts.
            y: A number per pair.

        Raises:
            GoldilocksError: the rows cannot be used, or no candidate finished within the budget.
        """
        pairs, scores = _pairs(X), _column(y)
        _same_length(pairs, scores)
        rows = [
            {"text1": first, "text2": second, "score": float(score)}
            for (first, second), score in zip(pairs, scores, strict=True)
        ]
        return self._select(rows)

    def predict(self, X: Any) -> npt.NDArray[np.float64]:  # noqa: N803
        """A score for each pair, ``(n_pairs,)``, in the unit of the training scores; NotFittedError before ``fit``."""
        check_is_fitted(self, "bundle_")
        return np.array([float(prediction.answer) for prediction in self.bundle_.predict(_pairs(X))])  # type: ignore[arg-type]


class GoldilocksTagger(_SelectingEstimator):
    """Sequence tagger (named entities in IOB2) whose model and tuning method are selected in ``fit``.

    Attributes:
        bundle_: The winner, ready to predict.
        decision_: Which model won, and why.
    """

    _TASK = "ner"

    def fit(self, X: Iterable[Sequence[str]], y: Iterable[Sequence[str]]) -> Self:  # noqa: N803
        """Select, tune and keep a tagger.

        Args:
            X: Sentences, each a sequence of words.
            y: Tags (IOB2), one per word of each sentence.

        Raises:
            GoldilocksError: the rows cannot be used, or no candidate finished within the budget.
        """
        sentences, tags = [list(words) for words in X], [list(sentence_tags) for sentence_tags in y]
        _same_length(sentences, tags)
        return self._select([{"tokens": words, "tags": given} for words, given in zip(sentences, tags, strict=True)])

    def predict(self, X: Iterable[Sequence[str]]) -> list[list[str]]:  # noqa: N803
        """One tag per word for each sentence, as in training (IOB2); raises NotFittedError before ``fit``."""
        check_is_fitted(self, "bundle_")
        rows = [{"tokens": list(words)} for words in X]
        return [list(map(str, prediction.answer)) for prediction in self.bundle_.predict(rows)]  # type: ignore[arg-type]

    def score(self, X: Iterable[Sequence[str]], y: Iterable[Sequence[str]]) -> float:  # noqa: N803
        """The deciding metric (entity F1 by default) on labelled sentences, 0 to 1."""
        metric = plugins.load("metrics", self.decision_.metric)
        return score(metric, [tuple(tags) for tags in y], [tuple(tags) for tags in self.predict(X)])


def _column(values: Any) -> list[Any]:
    """One column as a list, from a sequence, an array, or a frame of one column."""
    if is_frame(values) and hasattr(values, "columns"):
        table = table_of(values)
        if table.num_columns != 1:
            raise InputError(f"a frame of {table.num_columns} columns was given where one column is needed.")
        return list(table.column(0).to_pylist())
    array = values if isinstance(values, np.ndarray) else None
    return list(array.reshape(-1).tolist()) if array is not None else list(values)


def _texts(values: Any) -> list[str]:
    texts = _column(values)
    for position, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"text {position} is a {type(text).__name__}; pass a sequence of strings.")
    return texts


def _pairs(values: Any) -> list[tuple[str, str]]:
    if is_frame(values) and hasattr(values, "columns"):
        table = table_of(values)
        rows: list[Any] = list(zip(*(column.to_pylist() for column in table.columns), strict=True))
    else:
        rows = [tuple(row) if isinstance(row, list | tuple | np.ndarray) else row for row in values]
    for position, row in enumerate(rows):
        if not (isinstance(row, tuple) and len(row) == 2 and all(isinstance(text, str) for text in row)):
            raise InputError(f"row {position} is {row!r}; pass pairs of strings.")
    return rows


def _same_length(items: Sequence[Any], targets: Sequence[Any]) -> None:
    if len(items) != len(targets):
        raise InputError(f"X has {len(items)} rows and y {len(targets)}; pass one target per row.")
