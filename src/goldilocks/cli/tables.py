"""Records as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import set_cell_size
from rich.table import Table
from rich.text import Text as RichText

from goldilocks.cli.console import console
from goldilocks.records import (
    DataProfile,
    Decision,
    Evaluation,
    Excluded,
    Finding,
    Measured,
    Pool,
    Standing,
)
from goldilocks.records.assumptions import assumed_values
from goldilocks.records.outlook import hosted_or_own_lines, next_steps_line
from goldilocks.report.board import without_address
from goldilocks.report.words import duration, percent, unanswered
from goldilocks.support.amounts import money
from goldilocks.support.console import PlainConsole, plain
from goldilocks.support.scoring.statistics import class_totals
from goldilocks.support.text.translation import _, localised

if TYPE_CHECKING:
    from goldilocks.catalog.places import KnownModel
    from goldilocks.selection.race_table import TableRace
    from goldilocks.selection.replay_table import Summary

_SEVERITY = {"error": "bold red", "warning": "yellow", "note": "dim"}
_STATUS = {"winner": "bold green", "tied": "green", "raced": "", "stopped": "dim"}
_MAX_LABELS = 12
_MAX_NAMES = 6
_METRIC_WIDTH = 9
_WIDTH = 80
_WHOLE_FROM = 1000
"""Amounts from here on are shown without cents."""
_MAX_HUB_ROWS = 20
"""Candidates from the Hub's list; more of them share one line for each family and method."""
_MINUTES_FROM = 60
"""Forecasts from this many seconds on are shown in whole minutes."""


def profile_tables(profile: DataProfile) -> list[Table]:
    """Rows, labels, lengths and languages."""
    parts = list(profile.rows)
    size = titled_table("data", "", *parts)
    size.add_row(localised("rows"), *(f"{profile.rows[part]:,}" for part in parts))
    ranked = sorted(profile.label_counts.get("train", {}).items(), key=lambda pair: -pair[1])
    for label, _count in ranked[:_MAX_LABELS]:
        size.add_row(f"  {label}", *(f"{profile.label_counts.get(part, {}).get(label, 0):,}" for part in parts))
    if len(ranked) > _MAX_LABELS:
        size.add_row("  " + localised(f"and {len(ranked) - _MAX_LABELS} more labels"))
    for fact in profile.facts.get("train", {}):
        size.add_row(localised(fact), *(_counted(profile.facts.get(part, {}).get(fact)) for part in parts))
    length = titled_table("input length (train)", "", "median", "p95", "max")
    for name, numbers in {"characters": profile.characters, **profile.tokens}.items():
        length.add_row(localised(name), *(f"{numbers[key]:,.0f}" for key in ("p50", "p95", "max")))
    language = titled_table("language", "", "share")
    for name, share in sorted(profile.languages.items(), key=lambda pair: -pair[1])[:5]:
        shown = f"{name} (main)" if name == profile.language else name
        language.add_row(localised(shown), f"{share:.0%}")
    return [size, length, language]


def findings_list(findings: Sequence[Finding]) -> RichText:
    """The findings with row numbers and consequences, one paragraph each (sentences do not fit in columns)."""
    lines = RichText()
    for finding in findings:
        lines.append(set_cell_size(localised(finding.severity), 8), style=_SEVERITY[finding.severity])
        lines.append(plain(f"{localised(finding.part)}: ", style="bold"))
        lines.append(plain(f"{localised(finding.message)}\n"))
        lines.append(plain(f"        {localised(finding.meaning)}\n", style="dim"))
    return lines


def pool_table(pool: Pool) -> Table:
    """Eligible candidates, one line each, with forecasts of memory and time."""
    table = titled_table(f"{len(pool.candidates)} candidates", "candidate", "params", "memory", "time", "licence")
    pinned = [
        member for member in pool.candidates if "@" in member.model.source and member.model.source.startswith("hf://")
    ]
    grouped = {member.name for member in pinned} if len(pinned) > _MAX_HUB_ROWS else set()
    for family, method in dict.fromkeys(
        (member.model.family, member.method) for member in pinned if member.name in grouped
    ):
        members = [member for member in pinned if (member.model.family, member.method) == (family, method)]
        needs_of = [pool.forecasts[member.name] for member in members]
        table.add_row(
            f"{family}/*/{method} ({len(members):,})",
            "–".join(_short(end([member.model.parameters for member in members])) for end in (min, max)),
            "–".join(f"{end([forecast.memory_bytes for forecast in needs_of]) / 1e6:,.0f}" for end in (min, max))
            + " MB",
            "–".join(duration(60 * round(end([member.seconds for member in needs_of]) / 60)) for end in (min, max)),
            localised(f"{len({member.model.licence for member in members})} licences"),
        )
    for candidate in pool.candidates:
        if candidate.name in grouped:
            continue
        info, needs = candidate.model, pool.forecasts[candidate.name]
        table.add_row(
            candidate.name,
            _short(info.parameters),
            f"{needs.memory_bytes / 1e6:,.0f} MB",
            duration(needs.seconds if needs.seconds < _MINUTES_FROM else 60 * round(needs.seconds / 60)),
            "–" if info.licence == "none-needed" else info.licence,
        )
    return table


def catalogue_table(models: Sequence[KnownModel], limit: int) -> Table:
    """Known pretrained models; of those that are only listed by the Hub, the first ``limit``."""
    table = titled_table(f"{len(models)} models", "model", "place", "params", "size", "licence", "languages")
    listed = [model.name for model in models if model.place == "hub"]
    beyond = set(listed[limit:])
    for model in models:
        if model.name in beyond:
            continue
        named = ", ".join(model.languages[:2]) + (f" +{len(model.languages) - 2}" if len(model.languages) > 2 else "")
        size = f"{model.size_bytes / 1e6:,.0f} MB"
        table.add_row(plain(model.name), model.place, _short(model.parameters), size, model.licence or "?", named)
    if len(listed) > limit:
        table.add_row(localised(f"and {len(listed) - limit} more"))
    return table


def excluded_list(excluded: Sequence[Excluded]) -> RichText:
    """Excluded candidates, grouped by reason."""
    by_reason: dict[str, list[str]] = {}
    for exclusion in excluded:
        by_reason.setdefault(without_address(exclusion.reason), []).append(exclusion.candidate)
    lines = RichText(localised(f"{len(excluded)} excluded") + "\n", style="bold")
    for reason, names in by_reason.items():
        shown = ", ".join(names[:_MAX_NAMES])
        if len(names) > _MAX_NAMES:
            shown += localised(f" and {len(names) - _MAX_NAMES} more")
        lines.append(f"  {localised(reason)}\n", style="default not bold").append(
            f"    {shown}\n", style="dim not bold"
        )
    return lines


def print_decision(decision: Decision, out: Path) -> None:
    """The decision as a sentence, the leaderboard, and the paths of the files."""
    out_console = console()
    out_console.print(plain(f"\n{localised(decision.sentence)}\n", style="bold"))
    out_console.print(leaderboard(decision))
    if decision.test_score is not None:
        _print(
            out_console,
            f"Test set, scored {_times(decision)} after the decision: {decision.metric} "
            f"{measured(decision.test_score)}, n = {decision.test_score.n}. (The validation score chose the winner, so "
            "it is slightly optimistic.)",
        )
    _print_doubts(decision, out_console)
    for standing in decision.candidates:
        if standing.usage is not None and not standing.dropped and (note := unanswered(standing.usage)):
            out_console.print(f"{standing.candidate}: {note}", markup=False)
        if standing.dropped:
            out_console.print(f"{standing.candidate}: {localised(standing.reason)}", markup=False)
    search = decision.search
    if search.money:
        _print(out_console, f"Spent on endpoints so far: {money(search.money)} {decision.objective.currency}.")
    took = duration(search.seconds)
    bought = localised(
        f"Search: {took}, 1 complete or partial training run."
        if search.trials == 1
        else f"Search: {took}, {search.trials} complete or partial training runs."
    )
    stopped = _("Stopped because {0}.").format(localised(search.stopped))
    exhaustive = localised(
        f"Running every candidate to the end would have taken about {duration(search.exhaustive_seconds_estimate)}."
    )
    out_console.print(("" if bought.endswith("。") else " ").join((bought, stopped, exhaustive)), markup=False)
    out_console.print(localised(f"report: {out / 'report.html'}"), soft_wrap=True, markup=False)
    out_console.print(localised(f"bundle: {out / 'bundle'}"), soft_wrap=True, markup=False)


def print_what_if(decision: Decision, target: Path) -> None:
    """A what-if decision: sentence, leaderboard, uncertainty, and the path of the file."""
    out_console = console()
    out_console.print(f"\n{localised(decision.sentence)}\n", markup=False)
    out_console.print(leaderboard(decision))
    _print_doubts(decision, out_console)
    line = localised(f"decision: {target} (no test score: the test set was not opened)")
    out_console.print(line, markup=False, soft_wrap=True)


def _print(out_console: PlainConsole, text: str) -> None:
    """Text in the language of the user."""
    out_console.print(localised(text), markup=False)


def _print_doubts(decision: Decision, out_console: PlainConsole) -> None:
    """Uncertainty of the decision, and what could improve it."""
    if decision.p_best is not None and decision.expected_regret is not None:
        _print(
            out_console,
            f"Probability that the winner is the best of all candidates, unfinished ones included: "
            f"{decision.p_best:.0%}. Expected regret (what choosing the best would save on average): "
            f"{money(decision.expected_regret)} {decision.objective.currency} per month. Best set: "
            f"{len(decision.tied)} of the finished candidates cannot be excluded as the best at 95% confidence.",
        )
    if decision.next_steps:
        _print(out_console, next_steps_line(decision))
    for line in hosted_or_own_lines(decision):
        _print(out_console, line)
    assumed = assumed_values(decision)
    if assumed:
        _print(out_console, f"Assumed, not stated: {'; '.join(assumed)}.")
    if decision.winner.review_below is not None:
        _print(
            out_console,
            f"{decision.winner.review_share:.0%} of its predictions are below the review threshold: marked for review.",
        )
    if decision.verdict is not None and decision.verdict.useful and decision.verdict.against:
        _print(out_console, f"Better than the baselines: {decision.verdict.reason}.")
    for line in (*decision.advice, *(f"warning: {warning}" for warning in decision.warnings)):
        _print(out_console, line)


def _times(decision: Decision) -> str:
    if decision.test_openings > 1:
        return f"{decision.test_openings} times, as the run was resumed (so not an unbiased estimate),"
    return "once"


def leaderboard(decision: Decision) -> Table:
    """Every candidate that ran, best first; ``*`` the winner, ``=`` in the best set.

    The share of items without an answer is a column if there are any.
    """
    missing = any(
        candidate.usage.unanswered for candidate in decision.candidates if candidate.usage and candidate.score
    )
    table = titled_table(
        "",
        "",
        "candidate",
        _abbreviated(decision.metric),
        "95% CI",
        f"{decision.objective.currency}/mo",
        "p95 ms",
        *(["no answer"] if missing else []),
    )
    for column in table.columns:  # of a long name and a number, the name is continued on the next line
        column.no_wrap = column is not table.columns[1]
    for candidate in decision.candidates:
        if candidate.score is not None:
            share = [percent(candidate.usage.unanswered_share) if candidate.usage else ""] if missing else []
            table.add_row(*_standing_row(candidate), *share, style=_STATUS.get(candidate.status, "dim"))
    if decision.candidates:
        marks = localised(
            "* winner (interval corrected for selection)  = in the best set: may be as good (95% confidence)"
        )
        table.caption = f"{marks}  {localised(f'{decision.objective.currency}/mo: running costs and errors')}"
        table.caption_justify = "left"
    return table


def evaluation_tables(evaluation: Evaluation) -> list[Table | str]:
    """Classification report, metrics, confusion, slices, errors."""
    head = _("{metric} {score} on {n} items ({part})").format(
        metric=evaluation.metric,
        score=measured(evaluation.score),
        n=f"{evaluation.score.n:,}",
        part=localised(evaluation.part),
    )
    metrics = titled_table("metrics", "", "value", "95% interval")
    for name, score in evaluation.scores.items():
        metrics.add_row(name, f"{score.value:.4f}", localised(f"{score.low:.4f} to {score.high:.4f}"))
    slices = titled_table("by slice", "by", "slice", "texts", evaluation.metric, "95% interval")
    for part in evaluation.slices:
        score = part.score
        name = _recall_of(part.name) if part.by == "label" else localised(part.name)
        interval = localised(f"{score.low:.3f} to {score.high:.3f}")
        slices.add_row(localised(part.by), name, f"{part.n:,}", f"{score.value:.3f}", interval)
    by_type = [_entity_report(evaluation)] if evaluation.entities else []
    by_class = [classification_report(evaluation)] if evaluation.classes else []
    confused = [_confusion(evaluation)] if evaluation.labels else []
    conditions = [f"{name}: {localised(words)}" for name, words in evaluation.conditions.items()]
    n = evaluation.score.n
    missing = (
        [localised(f"{evaluation.unanswered:,} of {n:,} items got no answer and count as wrong.")]
        if evaluation.unanswered
        else []
    )
    return [head, *missing, *by_type, *by_class, metrics, *conditions, *confused, slices]


def _recall_of(name: str) -> str:
    """The name of a slice by label, as ``evaluation/slices.py`` writes it; the label itself is not translated."""
    return _("{label} (recall)").format(label=name.removesuffix(" (recall)"))


def classification_report(evaluation: Evaluation) -> Table:
    """Precision, recall, F1 and texts (of tags: words) of each label, then accuracy and averages."""
    tagged = sum(row.support for row in evaluation.classes) > evaluation.score.n  # several labels for each text
    counted = "words" if tagged else "texts"
    table = titled_table("classification report", "", "precision", "recall", "F1", counted)
    for row in evaluation.classes:
        table.add_row(row.label, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.support:,}")
    table.add_row()
    for name, *three, n in class_totals(evaluation.confusion):
        table.add_row(localised(name), *("" if number is None else f"{number:.3f}" for number in three), f"{n:,}")
    return table


def _entity_report(evaluation: Evaluation) -> Table:
    """Precision, recall, F1 and gold entities of each type: what the metrics of entities are made of."""
    table = titled_table("by entity type", "", "precision", "recall", "F1", "entities")
    for row in evaluation.entities:
        table.add_row(row.type, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.gold:,}")
    return table


def measured(value: Measured) -> str:
    """``0.912 (0.900 to 0.924)``."""
    return localised(f"{value.value:.3f} ({value.low:.3f} to {value.high:.3f})")


def _confusion(evaluation: Evaluation) -> Table:
    labels = evaluation.labels
    if len(labels) <= _MAX_LABELS and sum(len(label) + 1 for label in labels) + max(map(len, labels)) < _WIDTH:
        table = titled_table("confusion (rows: gold, columns: predicted)", "")
        for label in labels:  # a label is not translated
            table.add_column(label, overflow="fold")
        for label, counts in zip(labels, evaluation.confusion, strict=True):
            table.add_row(label, *(f"{count:,}" for count in counts))
        return table
    pairs = [
        (count, gold, given)
        for gold, counts in zip(labels, evaluation.confusion, strict=True)
        for given, count in zip(labels, counts, strict=True)
        if gold != given and count
    ]
    table = titled_table("most confused", "gold", "predicted", "texts")
    for count, gold, given in sorted(pairs, key=lambda three: -three[0])[:_MAX_LABELS]:
        table.add_row(gold, given, f"{count:,}")
    return table


def _standing_row(standing: Standing) -> list[str]:
    score, footprint = standing.score, standing.footprint
    return [
        {"winner": "*", "tied": "="}.get(standing.status, ""),
        standing.candidate,
        f"{score.value:.3f}" if score else "",
        f"{score.low:.3f}–{score.high:.3f}" if score else "",
        (f"{standing.J:,.2f}" if standing.J < _WHOLE_FROM else f"{standing.J:,.0f}")
        if standing.J is not None
        else localised(f"{standing.share:.0%} run"),
        f"{footprint.latency_p95_ms.value:.1f}" if footprint else "",
    ]


def _abbreviated(metric: str) -> str:
    return metric if len(metric) <= _METRIC_WIDTH else "score"


def titled_table(title: str, *columns: str) -> Table:
    """An empty table in the style of all tables; title and names of columns are translated."""
    table = Table(
        title=localised(title),
        title_justify="left",
        title_style="bold",
        box=None,
        header_style="dim",
        padding=(0, 1, 0, 0),
    )
    for name in columns:
        table.add_column(localised(name), overflow="fold", no_wrap=name in ("candidate", "licence"))
    return table


def _counted(number: float | None) -> str:
    """A count, or a mean to two places."""
    return "" if number is None else f"{number:,.0f}" if float(number).is_integer() else f"{number:,.2f}"


def _short(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k" if count >= 1e3 else str(count)


def races_table(races: Sequence[TableRace]) -> Table:
    """Recorded races, one line a data set and seed."""
    table = titled_table("", "data set", "seed", "candidates", "rungs", "seconds")
    for race in races:
        rungs = sum(len(curve.points) for curve in race.curves.values())
        table.add_row(race.dataset, race.seed, f"{len(race.curves):,}", f"{rungs:,}", f"{race.seconds:,.0f}")
    return table


def replay_summary(summaries: Sequence[Summary], races: Sequence[TableRace], shares: Sequence[float]) -> Table:
    """Mean regret of each policy at each budget, with its interval."""
    sets = len({race.dataset for race in races})
    title = f"regret in points, {len(races)} races on {sets} data sets"
    table = titled_table(title, "policy", *(f"{share:.3g} of the time" for share in shares), "where it stops")
    by_policy: dict[str, list[str]] = {}
    for summary in summaries:
        regret = summary.regret
        cell = f"{regret.value:.2f} ({regret.low:.2f}–{regret.high:.2f})"
        ends = summary.budget_share is None
        cells = by_policy.setdefault(summary.policy, [summary.policy])
        cells.append(f"{cell} at {summary.spent_share:.0%}" if ends else cell)
    for cells in by_policy.values():
        table.add_row(*cells)
    return table
