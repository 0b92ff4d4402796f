"""Display of decisions, evaluations and bundles in Python sessions and notebooks: repr, HTML, data frame, plot.

The records are typed ``Any`` here, since their modules import this one. pandas and matplotlib are imported only by the
functions that need them.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from importlib import import_module
from typing import Any

from goldilocks.errors import MissingError
from goldilocks.records.items import Measured

_STYLE = {"winner": "font-weight:bold", "tied": "", "raced": "opacity:.75"}


def decision_repr(decision: Any) -> str:
    """One line: the winner, its score and the size of the best set."""
    score = decision.winner.score
    shown = f"{decision.metric}={_interval(score)}" if score else decision.metric
    return f"Decision(winner={decision.winner.candidate!r}, {shown}, best_set={len(decision.tied)})"


def decision_html(decision: Any) -> str:
    """The sentence, and a row for each candidate that ran."""
    money = f"{decision.objective.currency}/month"
    rows = [
        (
            _STYLE.get(standing.status, "opacity:.5"),
            [
                standing.candidate,
                standing.status,
                _interval(standing.score) if standing.score else "",
                f"{standing.J:,.2f}" if standing.J is not None else "",
                f"{standing.footprint.latency_p95_ms.value:.1f}" if standing.footprint else "",
            ],
        )
        for standing in decision.candidates
        if standing.score is not None
    ]
    return f"<p>{escape(decision.sentence)}</p>" + _table(
        ["candidate", "status", decision.metric, money, "p95 ms"], rows
    )


def decision_frame(decision: Any) -> Any:
    """A ``pandas.DataFrame`` with a row for each candidate that ran, best first.

    Raises:
        MissingError: pandas is not installed.
    """
    return _library("pandas").DataFrame(
        [
            {
                "candidate": standing.candidate,
                "status": standing.status,
                "share": standing.share,
                "score": standing.score.value if standing.score else None,
                "score_low": standing.score.low if standing.score else None,
                "score_high": standing.score.high if standing.score else None,
                "J": standing.J,
                "cost": standing.cost.total if standing.cost else None,
                "latency_p95_ms": standing.footprint.latency_p95_ms.value if standing.footprint else None,
                "memory_mb": standing.footprint.memory_bytes / 1e6 if standing.footprint else None,
                "size_mb": standing.footprint.size_bytes / 1e6 if standing.footprint else None,
                "tuning_seconds": standing.seconds,
                "parameters": standing.parameters,
            }
            for standing in decision.candidates
        ]
    )


def decision_plot(decision: Any) -> Any:
    """Cost against score of the finished candidates, with intervals; returns the matplotlib ``Axes``.

    Raises:
        MissingError: matplotlib is not installed.
    """
    _, axes = _library("matplotlib.pyplot").subplots(figsize=(7, 4.5), layout="constrained")
    for standing in decision.candidates:
        if standing.cost is None or standing.score is None:
            continue
        score, color = standing.score, {"winner": "C2", "tied": "C0"}.get(standing.status, "0.6")
        spread = [[max(score.value - score.low, 0)], [max(score.high - score.value, 0)]]
        axes.errorbar(standing.cost.total, score.value, yerr=spread, fmt="o", color=color, capsize=2)
        axes.annotate(
            standing.candidate, (standing.cost.total, score.value), xytext=(5, 3), textcoords="offset points", size=8
        )
    axes.set_xscale("log")
    axes.set_xlabel(f"cost, {decision.objective.currency} per month")
    axes.set_ylabel(f"{decision.metric} (validation)")
    axes.set_title(f"Winner: {decision.winner.candidate}", size=10)
    return axes


def evaluation_repr(evaluation: Any) -> str:
    """One line: the deciding metric on the part."""
    score = evaluation.score
    return f"Evaluation({evaluation.metric}={_interval(score)}, n={score.n}, part={evaluation.part!r})"


def bundle_repr(bundle: Any) -> str:
    """One line: candidate, task, validation score by the deciding metric, and the number of labels."""
    info = bundle.info
    score = info.validation.get(info.metric)
    shown = f"{info.metric}={_interval(score)}" if score else f"metric={info.metric!r}"
    candidate = f"{info.family}/{info.model}/{info.method}"
    return f"Bundle({candidate!r}, task={info.task!r}, {shown}, labels={len(info.labels)})"


def evaluation_html(evaluation: Any) -> str:
    """Every metric with its interval, and precision, recall and F1 of each label."""
    metrics = [("", [name, _interval(score)]) for name, score in evaluation.scores.items()]
    classes = [
        ("", [row.label, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.support:,}"])
        for row in evaluation.classes
    ]
    shown = _table(["metric", "value (95% interval)"], metrics)
    return shown + (_table(["label", "precision", "recall", "F1", "rows"], classes) if classes else "")


def evaluation_frame(evaluation: Any) -> Any:
    """A ``pandas.DataFrame`` with a row for each metric.

    Raises:
        MissingError: pandas is not installed.
    """
    rows = [
        {"metric": name, "value": score.value, "low": score.low, "high": score.high, "n": score.n}
        for name, score in evaluation.scores.items()
    ]
    return _library("pandas").DataFrame(rows)


def evaluation_plot(evaluation: Any) -> Any:
    """F1 of each label where there are labels, else every metric, as bars; returns the matplotlib ``Axes``.

    Raises:
        MissingError: matplotlib is not installed.
    """
    named = [(row.label, row.f1) for row in evaluation.classes]
    named = named or [(name, score.value) for name, score in evaluation.scores.items()]
    height = 1 + 0.3 * len(named)
    _, axes = _library("matplotlib.pyplot").subplots(figsize=(6, height), layout="constrained")
    axes.barh([name for name, _ in named][::-1], [value for _, value in named][::-1])
    axes.set_xlabel("F1" if evaluation.classes else "value")
    axes.set_title(f"{evaluation.metric} {_interval(evaluation.score)}, n = {evaluation.score.n}", size=10)
    return axes


def _interval(score: Measured) -> str:
    return f"{score.value:.3f} ({score.low:.3f} to {score.high:.3f})"


def _table(columns: Sequence[str], rows: Sequence[tuple[str, Sequence[str]]]) -> str:
    head = "".join(f"<th style='text-align:left'>{escape(name)}</th>" for name in columns)
    body = "".join(
        f"<tr style='{style}'>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
        for style, cells in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _library(name: str) -> Any:
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        package = name.split(".")[0]
        install = "pip install 'goldilocks-lm[notebook]'"
        raise MissingError(f"this needs {package}, which is not installed: {install}") from error
