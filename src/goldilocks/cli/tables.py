"""Records as tables for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table
from rich.text import Text

from goldilocks.cli.console import console, plain
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
from goldilocks.report.words import duration
from goldilocks.support.statistics import class_totals

_SEVERITY = {"error": "bold red", "warning": "yellow", "note": "dim"}
_STATUS = {"winner": "bold green", "tied": "green", "raced": "", "stopped": "dim"}
_MOST_LABELS = 12


def profile_tables(profile: DataProfile) -> list[Table]:
    """Rows, labels, lengths and languages."""
    parts = list(profile.rows)
    size = _table("data", "", *parts)
    size.add_row("rows", *(f"{profile.rows[part]:,}" for part in parts))
    ranked = sorted(profile.label_counts.get("train", {}).items(), key=lambda pair: -pair[1])
    for label, _ in ranked[:_MOST_LABELS]:
        size.add_row(f"  {label}", *(f"{profile.label_counts.get(part, {}).get(label, 0):,}" for part in parts))
    if len(ranked) > _MOST_LABELS:
        size.add_row(f"  and {len(ranked) - _MOST_LABELS} more labels")
    for fact in profile.facts.get("train", {}):
        size.add_row(fact, *(_counted(profile.facts.get(part, {}).get(fact)) for part in parts))
    length = _table("length of what is read (train)", "", "median", "p95", "longest")
    for name, numbers in {"characters": profile.characters, **profile.tokens}.items():
        length.add_row(name, *(f"{numbers[key]:,.0f}" for key in ("p50", "p95", "max")))
    language = _table("language", "", "share")
    for name, share in sorted(profile.languages.items(), key=lambda pair: -pair[1])[:5]:
        language.add_row(name + (" (main)" if name == profile.language else ""), f"{share:.0%}")
    return [size, length, language]


def findings_list(findings: Sequence[Finding]) -> Text:
    """What was found, with row numbers, and what it means; one paragraph each (sentences do not fit in columns)."""
    lines = Text()
    for one in findings:
        lines.append(f"{one.severity:<8}", style=_SEVERITY[one.severity])
        lines.append(plain(f"{one.part}: ", style="bold")).append(plain(f"{one.message}\n"))
        lines.append(plain(f"        {one.meaning}\n", style="dim"))
    return lines


def pool_table(pool: Pool) -> Table:
    """Who could do it, and what each is expected to need."""
    columns = (
        "candidate",
        "weights",
        "architecture",
        "pretrained on",
        "languages",
        "licence",
        "size",
        "memory",
        "seconds",
    )
    table = _table(f"{len(pool.candidates)} candidates", *columns)
    for one in pool.candidates:
        facts, needs = one.model, pool.forecasts[one.name]
        table.add_row(
            one.name,
            _short(facts.parameters),
            facts.architecture,
            facts.pretraining,
            " ".join(facts.languages[:4]) + (" …" if len(facts.languages) > 4 else ""),
            facts.licence,
            f"{facts.size_bytes / 1e6:.0f} MB",
            f"{needs.memory_bytes / 1e6:,.0f} MB",
            f"{needs.seconds:,.1f}",
        )
    return table


def excluded_table(excluded: Sequence[Excluded]) -> Table:
    """Who is out, and why."""
    table = _table(f"{len(excluded)} out", "candidate", "why")
    for one in excluded:
        table.add_row(one.candidate, one.reason)
    return table


def print_decision(decision: Decision, out: Path) -> None:
    """The decision in words, the leaderboard, and where things are."""
    out_console = console()
    out_console.print(plain(f"\n{decision.sentence}\n", style="bold"))
    out_console.print(leaderboard(decision))
    if decision.test_score is not None:
        out_console.print(
            f"On the test part, opened once after deciding: {decision.metric} {measured(decision.test_score)}, "
            f"n = {decision.test_score.n}. (The validation score chose, so it flatters the winner a little.)"
        )
    for one in decision.candidates:
        if one.dropped:
            out_console.print(f"{one.candidate} {one.reason}", soft_wrap=True)
    search = decision.search
    if search.money:
        out_console.print(f"Questions to endpoints have cost {search.money:.4g} {decision.objective.currency} so far.")
    out_console.print(
        f"{duration(search.seconds)} of search, {search.trials} purchases, stopped because {search.stopped}; "
        f"running every candidate to the end would have taken about {duration(search.exhaustive_seconds_estimate)}."
    )
    out_console.print(f"report: {out / 'report.html'}\nbundle: {out / 'bundle'}", soft_wrap=True)


def leaderboard(decision: Decision) -> Table:
    """Everybody who ran, best first."""
    currency = decision.objective.currency
    table = _table(
        "", "candidate", "", decision.metric, "95 % interval", f"J, {currency}/month", "cost", "p95", "size", "done"
    )
    for one in decision.candidates:
        if one.score is not None:
            table.add_row(*_standing_row(one), style=_STATUS.get(one.status, "dim"))
    return table


def evaluation_tables(evaluation: Evaluation) -> list[Table | str]:
    """Classification report, metrics, confusion, slices, errors."""
    head = f"{evaluation.metric} {measured(evaluation.score)} on {evaluation.score.n} items ({evaluation.part})"
    metrics = _table("metrics", "", "value", "95 % interval")
    for name, one in evaluation.scores.items():
        metrics.add_row(name, f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}")
    slices = _table("by slice", "by", "slice", "texts", evaluation.metric, "95 % interval")
    for part in evaluation.slices:
        score = part.score
        slices.add_row(part.by, part.name, f"{part.n:,}", f"{score.value:.3f}", f"{score.low:.3f} to {score.high:.3f}")
    by_class = [classification_report(evaluation)] if evaluation.classes else []
    confused = [_confusion(evaluation)] if evaluation.labels else []
    conditions = [f"{name}: {words}" for name, words in evaluation.conditions.items()]
    return [head, *by_class, metrics, *conditions, *confused, slices]


def classification_report(evaluation: Evaluation) -> Table:
    """Precision, recall, F1 and texts of each label, then accuracy and averages."""
    table = _table("classification report", "", "precision", "recall", "F1", "texts")
    for row in evaluation.classes:
        table.add_row(row.label, f"{row.precision:.3f}", f"{row.recall:.3f}", f"{row.f1:.3f}", f"{row.support:,}")
    table.add_row()
    for name, *three, n in class_totals(evaluation.confusion):
        table.add_row(name, *("" if one is None else f"{one:.3f}" for one in three), f"{n:,}")
    return table


def measured(one: Measured) -> str:
    """``0.912 (0.900 to 0.924)``."""
    return f"{one.value:.3f} ({one.low:.3f} to {one.high:.3f})"


def _confusion(evaluation: Evaluation) -> Table:
    labels = evaluation.labels
    if len(labels) <= _MOST_LABELS:
        table = _table("confusion (rows: right answer, columns: given answer)", "", *labels)
        for label, counts in zip(labels, evaluation.confusion, strict=True):
            table.add_row(label, *(str(count) for count in counts))
        return table
    pairs = [
        (count, gold, given)
        for gold, counts in zip(labels, evaluation.confusion, strict=True)
        for given, count in zip(labels, counts, strict=True)
        if gold != given and count
    ]
    table = _table("most confused", "right answer", "given answer", "texts")
    for count, gold, given in sorted(pairs, key=lambda three: -three[0])[:_MOST_LABELS]:
        table.add_row(gold, given, str(count))
    return table


def _standing_row(one: Standing) -> list[str]:
    score, footprint, cost = one.score, one.footprint, one.cost
    return [
        one.candidate,
        one.status,
        f"{score.value:.3f}" if score else "",
        f"{score.low:.3f} to {score.high:.3f}" if score else "",
        f"{one.J:,.2f}" if one.J is not None else "",
        f"{cost.total:.4f}" if cost else "",
        f"{footprint.latency_p95_ms.value:.1f} ms" if footprint else "",
        f"{footprint.size_bytes / 1e6:.1f} MB" if footprint else "",
        f"{one.share:.0%}",
    ]


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, header_style="dim", padding=(0, 2, 0, 0)
    )
    for name in columns:
        table.add_column(name, overflow="fold", no_wrap=name == "candidate")
    return table


def _counted(number: float | None) -> str:
    """A count, or a mean to two places."""
    return "" if number is None else f"{number:,.0f}" if float(number).is_integer() else f"{number:,.2f}"


def _short(count: int) -> str:
    return f"{count / 1e6:.1f} M" if count >= 1e6 else f"{count / 1e3:.0f} k" if count >= 1e3 else str(count)
