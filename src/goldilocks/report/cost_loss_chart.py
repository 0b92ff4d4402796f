"""Cost against loss: a dot for each candidate, with the lower convex hull (the decision map is in ``map_chart.py``)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from goldilocks.report.scales import Scale, loss_scale, spread
from goldilocks.report.svg import (
    WIDTHS,
    Box,
    Label,
    axes,
    line_boxes,
    path_of,
    picture,
    place_labels,
    point_box,
    tag,
)
from goldilocks.report.words import money, number, plural, shorten_middle
from goldilocks.support.text.translation import _, localised

_BEND = 24
"""Segments per edge of the hull: straight in money, it is curved on a logarithmic axis."""
_FAR = 4.0
"""A loss above this many times the median is drawn at the upper edge: a baseline must not compress the others."""


@dataclass(frozen=True, slots=True)
class Point:
    """A finished candidate in the cost–loss plane."""

    name: str
    label: str
    cost: float
    """Money per month."""
    loss: float
    low: float
    high: float
    """``low`` and ``high``: 95% interval of the loss."""
    status: str
    """As in ``records.Standing``."""


def lower_hull(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Vertices of the lower left convex hull of (cost, loss), from the cheapest to the one with the lowest loss.

    A vertex is best for some α > 0; a point above the hull is best for none.

    Source:
        Andrew 1979, "Another efficient algorithm for convex hulls in two dimensions" (the lower half of it).

    Example:
        >>> lower_hull([(1, 0.5), (2, 0.4), (2, 0.2), (3, 0.25), (4, 0.1)])
        [(1, 0.5), (2, 0.2), (4, 0.1)]
    """
    hull: list[tuple[float, float]] = []
    for cost, loss in sorted(set(points)):
        if hull and loss >= min(corner[1] for corner in hull):
            continue  # more expensive and no better
        while len(hull) >= 2 and _turns_up(hull[-2], hull[-1], (cost, loss)):
            hull.pop()
        hull.append((cost, loss))
    return hull


def _turns_up(first: tuple[float, float], middle: tuple[float, float], last: tuple[float, float]) -> bool:
    """Whether ``middle`` lies on or above the line from ``first`` to ``last``."""
    return (middle[1] - first[1]) * (last[0] - first[0]) >= (last[1] - first[1]) * (middle[0] - first[0])


def front(points: Sequence[Point], colours: Mapping[str, int], currency: str, forms: Sequence[Point] = ()) -> Markup:
    """Cost against loss, one dot per candidate, with intervals, the lower convex hull and the winner.

    Args:
        points: At least one.
        colours: Candidate -> colour index, for those that are best for some α.
        currency: Currency of the costs.
        forms: Compressed forms of candidates that passed the gate, drawn as small squares.
    """
    return Markup("").join(_front(points, colours, currency, role, forms) for role in WIDTHS)


def _front(
    points: Sequence[Point], colours: Mapping[str, int], currency: str, role: str, forms: Sequence[Point]
) -> Markup:
    width, wide = WIDTHS[role], role == "wide"
    height = 460 if wide else 380
    near = [point for point in points if not _is_far(point, points)]
    x = spread([point.cost for point in (*points, *forms)], 56, width - 16, log=True, pad=0.1)
    y = loss_scale(
        [trial.loss for trial in near], [end for trial in near for end in (trial.low, trial.high)], height - 52, 28
    )
    title = _("cost per month ({currency}, log scale)") if x.log else _("cost per month ({currency})")
    parts = axes(
        x, y, title.format(currency=currency), _("loss (log scale)") if y.log else _("loss"),
        x_ticks=8 if wide else 4,
    )  # fmt: skip
    able = [point for point in points if point.status != "excluded"]
    hull = lower_hull([(trial.cost, trial.loss) for trial in able])
    bent = _bent(hull, x, y)
    lines = line_boxes(bent)
    parts.append(tag("path", class_="hull", d=path_of(bent)))
    for trial in near:
        parts.append(
            tag("line", class_="interval", x1=x(trial.cost), x2=x(trial.cost), y1=y(trial.low), y2=y(trial.high))
        )
        lines += line_boxes([(x(trial.cost), y(trial.low)), (x(trial.cost), y(trial.high))])
    parts += [_square(form, x(form.cost), y, currency) for form in forms if form.loss <= y.high]
    ordered = sorted(points, key=lambda point: _importance(point, colours), reverse=True)
    parts += [_dot(trial, x(trial.cost), y, colours, currency) for trial in reversed(ordered)]
    labels = [
        Label(
            shorten_middle(trial.label, 36 if wide else 24) + ("" if trial in near else f" ({number(trial.loss)})"),
            x(trial.cost),
            y(trial.loss),
            "strong" if trial.status == "winner" else "",
            must=trial.status == "winner" or trial.name in colours,
        )
        for trial in ordered
        if wide or trial.status in ("winner", "tied") or trial.name in colours
    ]
    boxes: list[Box] = [point_box(x(point.cost), y(point.loss)) for point in points]
    parts += place_labels(labels, boxes, (x.start, y.end - 12, x.end + 8, y.start), lines)
    best = min(able or points, key=lambda point: point.loss)
    described = _("{candidates}. On the hull, cheapest first: {names}. Lowest loss: {best}, {loss}.").format(
        candidates=plural(len(points), "candidate"),
        names=", ".join(
            point.label for cost, loss in hull for point in able if (point.cost, point.loss) == (cost, loss)
        ),
        best=best.label,
        loss=number(best.loss),
    )
    return picture(f"front-{role}", _("Cost per month against loss"), described, width, height, parts, role=role)


def _square(form: Point, x: float, scale: Scale, currency: str) -> Markup:
    title = _("{name}: {cost} {currency} per month, loss {loss}").format(
        name=form.label, cost=money(form.cost), currency=currency, loss=number(form.loss)
    )
    y, side = scale(form.loss), 6.0
    place = {"x": x - side / 2, "y": y - side / 2, "width": side, "height": side}
    return tag("rect", tag("title", title), class_=f"form {form.status}", **place)


def _is_far(point: Point, points: Sequence[Point]) -> bool:
    losses = sorted(other.loss for other in points)
    return point.loss > _FAR * losses[len(losses) // 2] > 0


def _importance(point: Point, colours: Mapping[str, int]) -> tuple[bool, bool, bool, float]:
    return point.status == "winner", point.name in colours, point.status == "tied", -point.loss


def _bent(hull: Sequence[tuple[float, float]], x: Scale, y: Scale) -> list[tuple[float, float]]:
    """The hull in pixels, extended to the right and upwards to the edges of the plot."""
    spots = [(hull[0][0], y.high)] if hull and hull[0][1] < y.high else []
    for first, last in itertools.pairwise(hull):
        crossing = min(max((first[1] - y.high) / (first[1] - last[1]), 0.0), 1.0)  # of the upper edge of the plot
        for step in range(_BEND):
            done = crossing + (1 - crossing) * step / _BEND
            spots.append((first[0] + (last[0] - first[0]) * done, first[1] + (last[1] - first[1]) * done))
    spots += [*hull[-1:], *((x.high, loss) for _, loss in hull[-1:])]
    return [(x(cost), y(loss)) for cost, loss in spots]


def _dot(point: Point, x: float, scale: Scale, colours: Mapping[str, int], currency: str) -> Markup:
    y = scale(point.loss)
    title = _("{name}: {cost} {currency} per month, loss {loss} ({low} to {high}), {status}").format(
        name=point.name,
        cost=money(point.cost),
        currency=currency,
        loss=number(point.loss),
        low=number(point.low),
        high=number(point.high),
        status=localised(point.status),
    )
    colour = f"c{colours[point.name]}" if point.name in colours else "plain"
    if point.status == "excluded":
        cross = f"M{x - 4:.1f} {y - 4:.1f} l8 8 m0 -8 l-8 8"
        return tag("path", tag("title", _("{title}: violates a limit").format(title=title)), class_="cross", d=cross)
    if point.loss > scale.high:
        arrow = f"M{x - 6:.1f} {y + 5:.1f} h12 l-6 -10 Z"
        return tag("path", tag("title", title), class_=f"dot {colour}", d=arrow)
    parts = [tag("circle", tag("title", title), class_=f"dot {colour}", cx=x, cy=y, r=5.5)]
    if point.status == "winner":
        parts.insert(0, tag("circle", class_=f"ring {colour}", cx=x, cy=y, r=10.0))
    elif point.status == "tied":
        parts.insert(0, tag("circle", class_="ring tied", cx=x, cy=y, r=8.5))
    return tag("g", *parts)
