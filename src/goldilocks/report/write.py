"""The report: one self-contained HTML file from the records of a run.

Style, script and plots are inline; the content security policy forbids loading anything else. Text from data is
escaped by jinja2, in plots by ``svg.tag``.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from goldilocks.records import (
    DataProfile,
    Decision,
    Evaluation,
    Finding,
    Measured,
    Pool,
    Screening,
    Severity,
    SliceRow,
    Trial,
)
from goldilocks.records.assumptions import assumed_values
from goldilocks.records.outlook import hosted_or_own_lines, next_steps_basis, next_steps_line
from goldilocks.report import board, confusion, cost_loss_chart, story, summary, words
from goldilocks.report.calibration_chart import reliability_diagram
from goldilocks.report.latency_chart import latency_chart, latency_words
from goldilocks.report.learning_curves import learning_curves
from goldilocks.report.map_chart import PriceAxis, decision_map, price_map
from goldilocks.report.passage_text import passage_text
from goldilocks.report.race_chart import race_chart
from goldilocks.report.volume_chart import volume_chart
from goldilocks.report.what_if import slider_data
from goldilocks.support import amounts
from goldilocks.support.control_characters import visible
from goldilocks.support.files import write_text
from goldilocks.support.own_paths import without_own_paths
from goldilocks.support.scoring.statistics import class_totals
from goldilocks.support.text.translation import _, language, localised

_HERE = Path(__file__).parent
_BY_SEVERITY = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


@dataclass(frozen=True, slots=True)
class ReportRecords:
    """Everything that a report is made from."""

    decision: Decision
    """What was decided; its numbers are shown as they are."""
    profile: DataProfile
    """What the data look like."""
    findings: Sequence[Finding]
    """Findings of ``check``."""
    screening: Screening | None
    """``None``: no model was screened."""
    trials: Sequence[Trial]
    """Every purchase of the race, in order; may be empty."""
    pool: Pool
    """The candidates, and the excluded ones with their reasons."""
    evaluation: Evaluation
    """The winner on the test set (or, without one, on the validation set)."""
    task_yaml: str
    """The task file as text."""


def write_report(out: Path, records: ReportRecords) -> Path:
    """Write the report of a run.

    Args:
        out: The file to write (``.html``); its folder is created.
        records: The records of the run.

    Returns:
        ``out``.

    Raises:
        InputError: the file cannot be written.
    """
    write_text(out, without_own_paths(render(records, out.absolute().parent.name), [out.parent]))
    return out


def render(records: ReportRecords, run: str = "") -> str:
    """The page as text; see ``write_report``.

    Args:
        records: As there.
        run: Name of the run's folder, for the commands on the page; empty: ``RUN``.
    """
    decision, trials, evaluation = records.decision, records.trials, records.evaluation
    screening = records.screening if records.screening is not None and records.screening.looks else None
    shown = {
        "decision": decision,
        "profile": records.profile,
        "findings": sorted(records.findings, key=lambda finding: _BY_SEVERITY[finding.severity]),
        "screening": screening,
        "trials": trials,
        "pool": records.pool,
        "evaluation": evaluation,
        "task_yaml": words.clean(records.task_yaml),
        "name": story.task_name(records.task_yaml) or decision.task,
        "run": shlex.quote(run) if run else "RUN",
        "page_language": language(),
        "winner": decision.winner,
        "currency": decision.objective.currency,
    }
    views = _of_decision(decision, trials) | _of_race(decision, trials, screening) | _of_evaluation(evaluation)
    views["excluded"] = board.excluded(decision, records.pool, screening)
    views |= _of_summary(records, views)
    html = _environment().get_template("page.html").render(shown | views)
    return visible(html).encode("utf-8", "replace").decode("utf-8")


def _of_decision(decision: Decision, trials: Sequence[Trial]) -> dict[str, Any]:
    labels, colours = board.labels_of(decision), board.colours_of(decision)
    points, forms = board.points_of(decision, trials), board.forms_of(decision)
    costs = [candidate.cost.total for candidate in decision.candidates if candidate.cost is not None]
    return {
        "labels": labels,
        "colours": colours,
        "loss": board.losses_of(decision, trials).get(decision.winner.candidate),
        "others": [name for name in decision.tied if name != decision.winner.candidate],
        "front": cost_loss_chart.front(points, colours, decision.objective.currency, forms) if points else None,
        "forms": forms,
        "map": decision_map(decision.map, labels, colours, decision.alpha, decision.objective),
        "assumed": assumed_values(decision),
        "distance": story.distance(decision, labels),
        "curse": story.winners_curse(decision),
        "noise": story.noise(decision),
        "next_steps": (next_steps_line(decision), next_steps_basis(decision)),
        "hosted_or_own": hosted_or_own_lines(decision),
        "volume": volume_chart(decision.hosted_or_own, decision.objective) if decision.hosted_or_own else None,
        "holds": story.holds(decision),
        "board": (rows := board.leaderboard(decision, trials)),
        "finished": [line for line in rows if line.standing.J is not None],
        "slider": slider_data(decision, board.losses_of(decision, trials), labels),
        "remote": any(candidate.usage is not None for candidate in decision.candidates),
        "highest": max(costs, default=0.0),
    }


def _of_summary(records: ReportRecords, views: Mapping[str, Any]) -> dict[str, Any]:
    """The first screen; ``views`` are those of the decision and the evaluation."""
    decision, evaluation = records.decision, records.evaluation
    labels, work = summary.names(decision, views["labels"]), decision.objective
    counted, unit = summary.counts_errors(decision), summary.price_unit(decision)
    assumed = summary.values_assumed(decision)
    message = _("{currency} per error") if counted else _("{currency} per hundredth of {metric}")
    price = message.format(currency=work.currency, metric=words.word(decision.metric))
    rate = summary.error_rate(decision, evaluation)
    others = [labels.get(name, name) for name in views["others"]]
    names = ", ".join(words.shorten(name, 60) for name in others[:3])
    more = _("and {n} more").format(n=len(others) - 3)
    drawn = (
        price_map(
            decision.map, labels, views["colours"], decision.alpha,
            PriceAxis(work.requests_per_month, price, unit, assumed=assumed),
        )
        if decision.map and work.requests_per_month else None
    )  # fmt: skip
    ranges = summary.choices(decision, labels, board.losses_of(decision, records.trials))
    n_far, near = summary.listed(ranges, decision.alpha * unit / (work.requests_per_month or 1))
    return {
        "useful": summary.useful(decision),
        "full_names": labels,
        "price_assumed": assumed,
        "map_leads": assumed and not decision.provisional and summary.price_decides(decision),
        "to_finish": summary.most_probable_unfinished(decision),
        "counted": counted,
        "price": price,
        "price_unit": unit,
        "price_map": drawn,
        "one_choice": drawn is None or len(decision.map) == 1,
        "n_far": n_far,
        "choices": near if drawn else [],
        "rate": rate,
        "rate_is_share": rate is not None and decision.error != "a missed or spurious entity",
        "n_errors": round(rate.value * rate.n) if rate else 0,
        "quality": summary.plain_quality(decision, evaluation),
        "higher_is_better": board.loss_per_score(records.trials) < 0,
        "examples": summary.examples(evaluation.errors),
        "top_confusion": next(iter(views["pairs"]), None) if decision.error in ("", "a wrong label") else None,
        "others_named": f"{names} {more}" if len(others) > 3 else names,
        "data_warnings": summary.data_warnings(records.findings),
    }


def _of_race(decision: Decision, trials: Sequence[Trial], screening: Screening | None) -> dict[str, Any]:
    drawn = curves = None
    first = [trial for trial in trials if not trial.repeat]  # a further seed is not a step of a run
    if first:
        labels, colours = board.labels_of(decision), board.colours_of(decision)
        winner = decision.winner.candidate
        drawn = race_chart(first, labels, colours, winner, decision.objective.currency)
        curves = learning_curves(first, labels, colours, winner, decision.metric)
    rows, agreement = board.rank_table(trials, screening) if screening else ([], {})
    footprint = decision.winner.footprint
    return {
        "race": drawn,
        "curves": curves,
        "ranks": rows,
        "agreement": agreement,
        "latency": latency_chart(footprint) if footprint else None,
        "latency_words": latency_words(footprint) if footprint and footprint.latency_quantiles_ms else "",
    }


def _of_evaluation(evaluation: Evaluation) -> dict[str, Any]:
    slices: dict[str, list[SliceRow]] = {}
    for slice_ in evaluation.slices:
        slices.setdefault(slice_.by, []).append(slice_)
    return {
        "matrix": confusion.matrix(evaluation) if evaluation.labels else None,
        "pairs": confusion.pairs(evaluation),
        "slices": slices,
        "slice_scale": board.whole_scale([slice_.score for slice_ in evaluation.slices]) if slices else None,
        "n_evaluated": evaluation.score.n,
        "totals": class_totals(evaluation.confusion),
        "calibration": evaluation.calibration,
        "entity_types": evaluation.entities,
        "has_marks": any(
            mark.kind in ("gold", "predicted", "found")
            for error in evaluation.errors
            for passage in error.passages
            for mark in passage.marks
        ),
        "answers_are_short": not _answers_are_texts(evaluation),
        "errors_shown": evaluation.errors,
        "reliability": reliability_diagram(evaluation.calibration) if evaluation.calibration else None,
    }


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: Mapping[str, Any] = {
        "number": words.number,
        "compact": words.compact,
        "fixed": words.fixed,
        "score": words.score,
        "money": words.money,
        "share": words.percent,
        "duration": words.duration,
        "size": words.size,
        "word": words.word,
        "shorten": words.shorten,
        "breakable": words.breakable,
        "tidy": words.clean,
        "plural": words.plural,
        "unanswered": words.unanswered,
        "local": localised,
        "amount": amounts.money,
    }
    environment.filters.update(filters)
    environment.globals.update(
        css=Markup((_HERE / "style.css").read_text(encoding="utf-8")),
        js=Markup((_HERE / "script.js").read_text(encoding="utf-8")),
        what_if_js=Markup((_HERE / "what_if.js").read_text(encoding="utf-8")),
        whisker=board.whisker,
        cost_bar=board.cost_bar,
        COST_PARTS=board.COST_PARTS,
        chance_in_words=summary.chance_in_words,
        number_with_interval=_number_with_interval,
        passage_text=passage_text,
        _=_translated,
    )
    return environment


def _answers_are_texts(evaluation: Evaluation) -> bool:
    """Whether passages show the gold and the predicted answer, so that nothing else needs to be said."""
    roles = {passage.role for error in evaluation.errors for passage in error.passages}
    marked = any(passage.marks and not passage.role for error in evaluation.errors for passage in error.passages)
    return marked or bool(roles & {"Gold text", "Gold reply", "Gold candidate", "Text"})


def _translated(message: str, **values: object) -> Markup:
    """A message of a template, which may hold HTML, with values escaped."""
    translation = Markup(_(message))
    return translation.format(**values) if values else translation


def _number_with_interval(score: Measured) -> Markup:
    value = Markup("<strong>{}</strong>").format(words.score(score.value))
    if score.low == score.high or not score.n:
        return value
    return value + Markup(" ({})").format(
        _("{low} to {high}").format(low=words.score(score.low), high=words.score(score.high))
    )
