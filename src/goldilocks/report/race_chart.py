"""The race over time: a line through the rungs of each candidate, and the expected saving of each purchase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from goldilocks.records import Trial
from goldilocks.report.scales import Scale, loss_scale, spread
from goldilocks.report.svg import WIDTHS, Label, axes, line_boxes, path_of, picture, place_labels, point_box, tag
from goldilocks.report.words import duration, money, number, percent, plural, shorten_middle
from goldilocks.support.text.translation import _

_MAX_TIMES = 1e5
"""Maximum ratio of the highest value to the lower end of the axis."""


def race_chart(
    trials: Sequence[Trial], labels: Mapping[str, str], colours: Mapping[str, int], winner: str, currency: str
) -> Markup:
    """Loss over the seconds of the search; hollow dots are unfinished runs.

    Args:
        trials: At least one, in the order they were bought.
        labels: Candidate -> display name.
        colours: Candidate -> colour index.
        winner: Name of the winner.
        currency: Currency of the values.
    """
    return Markup("").join(_race(trials, labels, colours, winner, currency, role) for role in WIDTHS)


def _race(
    trials: Sequence[Trial],
    labels: Mapping[str, str],
    colours: Mapping[str, int],
    winner: str,
    currency: str,
    role: str,
) -> Markup:
    width, wide = WIDTHS[role], role == "wide"
    valued = any(trial.value > 0 for trial in trials)
    lower = 128 if valued else 0
    height = (360 if wide else 320) + lower
    x = Scale(0.0, max(trial.elapsed for trial in trials) * 1.02 or 1.0, 56, width - 16)
    y = loss_scale([trial.loss for trial in trials], [], height - 52 - lower, 28)
    parts = axes(
        x, y, "" if valued else _("search time (s)"), _("loss (log scale)") if y.log else _("loss"),
        x_ticks=8 if wide else 4,
    )  # fmt: skip
    runs: dict[str, list[Trial]] = {}
    for trial in trials:
        runs.setdefault(trial.candidate, []).append(trial)
    back_to_front = sorted(runs, key=lambda name: (name == winner, name in colours))
    for name in back_to_front:
        parts.append(_line(runs[name], x, y, f"c{colours[name]}" if name in colours else "plain", name == winner))
    ends = {name: run[-1] for name, run in runs.items()}
    ranked = sorted(ends, key=lambda name: (name != winner, name not in colours, ends[name].loss))
    asked = [
        Label(
            shorten_middle(labels.get(name, name), 32 if wide else 22), x(ends[name].elapsed), y(ends[name].loss),
            "strong" if name == winner else "", must=name == winner,
        )
        for name in ranked
        if wide or name == winner or name in colours
    ]  # fmt: skip
    boxes = [point_box(x(trial.elapsed), y(trial.loss)) for trial in trials]
    lines = [
        box
        for run in runs.values()
        for box in line_boxes([(x(purchase.elapsed), y(purchase.loss)) for purchase in run])
    ]
    parts += place_labels(asked, boxes, (x.start, y.end - 8, x.end + 8, y.start), lines)
    if valued:
        parts += _values(trials, x, height, colours, currency, wide=wide)
    best = min(trials, key=lambda trial: trial.loss)
    described = _("{runs} of {candidates} in {time}. Lowest loss: {loss}, {candidate}, after {elapsed}.").format(
        runs=plural(len(trials), "training run"),
        candidates=plural(len(runs), "candidate"),
        time=duration(trials[-1].elapsed),
        loss=number(best.loss),
        candidate=best.candidate,
        elapsed=duration(best.elapsed),
    )
    return picture(f"race-{role}", _("Loss of each candidate over time"), described, width, height, parts, role=role)


def _line(run: Sequence[Trial], x: Scale, y: Scale, colour: str, winner: bool) -> Markup:
    path = path_of([(x(purchase.elapsed), y(purchase.loss)) for purchase in run])
    parts = [tag("path", class_=f"run {colour}" + (" strong" if winner else ""), d=path)]
    for purchase in run:
        title = _("{candidate} at {share} of its run: loss {loss} after {elapsed}").format(
            candidate=purchase.candidate,
            share=percent(purchase.share),
            loss=number(purchase.loss),
            elapsed=duration(purchase.elapsed),
        )
        done = "dot" if purchase.share >= 1 else "hollow"
        parts.append(
            tag(
                "circle",
                tag("title", title),
                class_=f"{done} {colour}",
                cx=x(purchase.elapsed),
                cy=y(purchase.loss),
                r=4.5,
            )
        )
    return tag("g", *parts)


def _values(
    trials: Sequence[Trial], x: Scale, height: float, colours: Mapping[str, int], currency: str, *, wide: bool
) -> list[Markup]:
    """Bars: width is the duration of a purchase, height its expected saving."""
    worth = [trial.value for trial in trials if trial.value > 0]
    # The log axis begins well below the smallest value, so that its bar is visible. Values near zero are drawn as a
    # line at the lower end: a single 1e-14 must not compress the others.
    foot = max(min(worth) / 3, max(worth) / _MAX_TIMES)
    scale = spread([foot, max(worth)], height - 52, height - 52 - 64, log=max(worth) > 20 * min(worth))
    if not scale.log:
        scale = spread([0.0, max(worth)], height - 52, height - 52 - 64)
    title = (
        _("expected saving ({currency} per month, log scale)")
        if scale.log
        else _("expected saving ({currency} per month)")
    )
    parts = axes(
        x, scale, _("search time (s)"), title.format(currency=currency),
        x_ticks=8 if wide else 4, y_ticks=3,
    )  # fmt: skip
    for trial in trials:
        if trial.value <= 0:
            continue
        left, right = x(max(trial.elapsed - trial.seconds, 0.0)), x(trial.elapsed)
        title = _(
            "{candidate} up to {share}: expected saving {saving} {currency} per month; took {time}, predicted "
            "{predicted}"
        ).format(
            candidate=trial.candidate,
            share=percent(trial.share),
            saving=money(trial.value),
            currency=currency,
            time=duration(trial.seconds),
            predicted=duration(trial.predicted_seconds),
        )
        top = scale(trial.value)
        colour = f"c{colours[trial.candidate]}" if trial.candidate in colours else "plain"
        parts.append(
            tag("rect", tag("title", title), class_=f"worth {colour}", x=left, y=top, width=max(right - left - 1, 1.0),
                height=max(scale.start - top, 1.0))
        )  # fmt: skip
    return parts
