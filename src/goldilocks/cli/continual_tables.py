"""What an update gained and forgot, for the terminal."""

from __future__ import annotations

from pathlib import Path

from goldilocks.cli.console import console
from goldilocks.cli.tables import measured, titled_table
from goldilocks.records import ContinualReport, Forgetting, Measured
from goldilocks.support.text.translation import N_, _, localised


def print_continual(report: ContinualReport, out: Path) -> None:
    """Scores before and after on the test rows, their average, what was forgotten, and the bundle's folder."""
    terminal = console()
    shown = titled_table(f"{report.metric} on test rows", N_("data"), N_("before"), N_("after"), N_("change"))
    for domain in report.test.domains:
        name = domain.name if domain.old else f"{domain.name} ({_('new')})"
        shown.add_row(name, measured(domain.before), measured(domain.after), _signed(domain.change))
    terminal.print(shown)
    lines = [_trained(report)]
    if report.new_labels:
        lines.append(f"Labels that are new: {', '.join(report.new_labels)}.")
    lost = report.test.forgetting
    if lost is None:
        lines.append("What was forgotten was not measured: pass the data the bundle was tuned on with --old-data.")
    else:
        lines.append(f"Average score {measured(report.test.average)}; forgetting {measured(lost)}.")
    if report.routed is not None:
        lines.append(
            f"These scores are with the domain of each row stated. Without it the average score is "
            f"{measured(report.routed.average)}."
        )
    seen = [domain.name for domain in report.test.domains if not domain.unseen]
    if seen:
        lines.append(
            f"warning: {', '.join(seen)}: not the data and split that the bundle was tuned on, so the score before may "
            "be that of training rows."
        )
    lines.append(_on_validation(report.validation))
    for line in lines:
        terminal.print(localised(line), markup=False)
    terminal.print(localised(f"bundle: {out}"), soft_wrap=True, markup=False)


def _on_validation(scores: Forgetting) -> str:
    """Strategies are compared by these, so that the test rows stay an unbiased estimate."""
    average = measured(scores.average)
    if scores.forgetting is None:
        return f"On validation rows: average score {average}."
    return f"On validation rows: average score {average}; forgetting {measured(scores.forgetting)}."


def _trained(report: ContinualReport) -> str:
    rows = f"{report.new_rows:,} new rows"
    if report.replayed_rows:
        rows = f"{rows} and {report.replayed_rows:,} old ones"
    if report.domain:
        return (
            f"A part for the domain {report.domain} was trained by {report.candidate} on {rows}; all else is as it was."
        )
    if not report.strategy:
        return f"{report.candidate} was trained further on {rows}, without a strategy against forgetting."
    return f"{report.candidate} was trained further on {rows} with the strategy {report.strategy}."


def _signed(value: Measured) -> str:
    return localised(f"{value.value:+.3f} ({value.low:+.3f} to {value.high:+.3f})")
