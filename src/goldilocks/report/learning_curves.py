"""Learning curves of the race: score by share of the full run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from goldilocks.records import Trial
from goldilocks.report.scales import Scale, spread
from goldilocks.report.svg import WIDTHS, Label, axes, line_boxes, path_of, picture, place_labels, point_box, tag
from goldilocks.report.words import percent, plural, score, shorten_middle, word
from goldilocks.support.text.translation import _

_MAX_CURVES = 12
"""Curves that are drawn: the winner's, those of the decision map, then the best."""


def learning_curves(
    trials: Sequence[Trial], labels: Mapping[str, str], colours: Mapping[str, int], winner: str, metric: str
) -> Markup | None:
    """Validation score over the share of the run, one line per candidate with at least two rungs.

    Args:
        trials: In the order they were bought.
        labels: Candidate -> display name.
        colours: Candidate -> colour index.
        winner: Name of the winner.
        metric: Name of the deciding metric.

    Returns:
        The drawings; ``None`` where no candidate was scored twice.
    """
    runs: dict[str, list[Trial]] = {}
    for trial in trials:
        runs.setdefault(trial.candidate, []).append(trial)
    curves = {name: sorted(run, key=lambda trial: trial.share) for name, run in runs.items() if len(run) > 1}
    if not curves:
        return None
    ranked = sorted(curves, key=lambda name: (name != winner, name not in colours, curves[name][-1].loss))
    shown = {name: curves[name] for name in ranked[:_MAX_CURVES]}
    return Markup("").join(_curves(shown, labels, colours, winner, metric, role) for role in WIDTHS)


def _curves(
    curves: Mapping[str, Sequence[Trial]],
    labels: Mapping[str, str],
    colours: Mapping[str, int],
    winner: str,
    metric: str,
    role: str,
) -> Markup:
    width, wide = WIDTHS[role], role == "wide"
    height = 340 if wide else 300
    x = Scale(0.0, 1.0, 56, width - (190 if wide else 110))
    y = spread([trial.score.value for run in curves.values() for trial in run], height - 52, 28)
    parts = axes(x, y, _("share of the full run"), word(metric), x_ticks=5, y_ticks=5)
    for name in reversed(list(curves)):
        parts.append(_curve(curves[name], x, y, f"c{colours[name]}" if name in colours else "plain", name == winner))
    wanted = [
        Label(
            shorten_middle(labels.get(name, name), 26 if wide else 15),
            x(run[-1].share),
            y(run[-1].score.value),
            "strong" if name == winner else "",
            must=name == winner,
        )
        for name, run in curves.items()
    ]
    dots = [point_box(x(trial.share), y(trial.score.value)) for run in curves.values() for trial in run]
    lines = [box for run in curves.values() for box in line_boxes([(x(t.share), y(t.score.value)) for t in run])]
    parts += place_labels(wanted, dots, (x.start, y.end - 12, float(width), y.start), lines)
    described = _("Score by share of the run for {candidates}: {curves}.").format(
        candidates=plural(len(curves), "candidate"),
        curves="; ".join(
            f"{labels.get(name, name)} " + ", ".join(f"{percent(t.share)} {score(t.score.value)}" for t in run)
            for name, run in curves.items()
        ),
    )
    return picture(f"curves-{role}", _("Learning curves"), described, width, height, parts, role=role)


def _curve(run: Sequence[Trial], x: Scale, y: Scale, colour: str, winner: bool) -> Markup:
    path = path_of([(x(trial.share), y(trial.score.value)) for trial in run])
    parts = [tag("path", class_=f"run {colour}" + (" strong" if winner else ""), d=path)]
    for trial in run:
        title = _("{candidate} at {share} of its run: {score} ({low} to {high})").format(
            candidate=trial.candidate,
            share=percent(trial.share),
            score=score(trial.score.value),
            low=score(trial.score.low),
            high=score(trial.score.high),
        )
        kind = "dot" if trial.share >= 1 else "hollow"
        spot = {"cx": x(trial.share), "cy": y(trial.score.value), "r": 4.5}
        parts.append(tag("circle", tag("title", title), class_=f"{kind} {colour}", **spot))
    return tag("g", *parts)
