"""The trials as a table: Markdown, for the model card and for a file of its own."""

from __future__ import annotations

from goldilocks.records import Compression, CompressionTrial, Measured

_HEAD = (
    "| steps | engine | size, MB | p50, ms | p95, ms | texts/s | memory, MB | {metric} | loss (95% bound) "
    "| changed | ECE | verdict |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
)


def markdown(record: Compression) -> str:
    """All trials, a sentence about how they were judged, and what was not tried."""
    rows = "\n".join(_row(trial, record) for trial in (record.original, *record.trials))
    busy = "" if record.load is None else f" (load average per core {record.load:.2f})"
    lines = [
        f"{_HEAD.format(metric=record.metric)}\n{rows}",
        f"Measured on {record.n:,} rows of `{record.data}` (fingerprint `{record.data_fingerprint}`), on "
        f"{record.machine}{busy}, each model in a process of its own. A trial passes where the one-sided 95% bound of "
        f"its loss of {record.metric}, paired with the original, is at most {record.max_loss:g}; of those the one with "
        f"the least {record.prefer} is taken. † on the frontier: no other that passed "
        "is as good in size, latency and score, and better in one.",
    ]
    if record.n_texts:
        lines.append(f"Pruning and distillation learned from {record.n_texts:,} texts without labels.")
    if record.skipped:
        lines.append("Not tried: " + "; ".join(f"{name} ({reason})" for name, reason in record.skipped) + ".")
    return "\n\n".join(lines)


def _row(trial: CompressionTrial, record: Compression) -> str:
    footprint = trial.footprint
    times = (
        [
            f"{footprint.latency_p50_ms.value:.2f}",
            f"{footprint.latency_p95_ms.value:.2f}",
            f"{footprint.texts_per_second:,.0f}",
            f"{footprint.memory_bytes / 1e6:,.0f}",
        ]
        if footprint
        else ["", "", "", ""]
    )
    mark = " †" if trial.steps in record.frontier else ""
    cells = [
        f"{name_of(trial)}{mark}",
        trial.engine,
        f"{trial.size_bytes / 1e6:,.2f}",
        *times,
        f"{trial.score.value:.4f}" if trial.score else "",
        f"{trial.loss.value:+.4f} ({trial.loss.high:.4f})" if trial.loss else "",
        _percent(trial.changed),
        _calibration(trial),
        verdict(trial, record),
    ]
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _calibration(trial: CompressionTrial) -> str:
    """The change of the calibration error, and what fitting the temperature again did to it."""
    if trial.ece_change is None:
        return ""
    if trial.temperature is None or trial.ece_change_before is None:
        return f"{trial.ece_change:+.4f}"
    return f"{trial.ece_change:+.4f} (temperature {trial.temperature:.2f}; without {trial.ece_change_before:+.4f})"


def name_of(trial: CompressionTrial) -> str:
    """The steps in a line."""
    return " + ".join(trial.steps) or "original"


def line(trial: CompressionTrial) -> str:
    """A trial in a line, while others are still to come."""
    size = f"{trial.size_bytes / 1e6:,.2f} MB" if trial.size_bytes >= 1e5 else f"{trial.size_bytes / 1e3:,.1f} kB"
    words = f"{name_of(trial)}: {size}"
    if trial.footprint:
        words += f", {trial.footprint.latency_p50_ms.value:.2f} ms"
    if trial.loss and trial.passed:
        words += f", loss {trial.loss.value:+.4f} (at most {trial.loss.high:.4f})"
    if trial.temperature is not None:
        words += f", temperature {trial.temperature:.2f}"
    return words if trial.passed else f"{words}, dropped because {trial.reason}"


def verdict(trial: CompressionTrial, record: Compression) -> str:
    """What became of a trial."""
    if not trial.steps:
        return ""
    if record.chosen == trial.steps:
        return "taken"
    return "passed" if trial.passed else f"dropped: {trial.reason}"


def _percent(share: Measured | None) -> str:
    return f"{100 * share.value:.1f} %" if share else ""
