"""Hosted or own by volume: money per month, errors included, over the requests of a month."""

from __future__ import annotations

from markupsafe import Markup

from goldilocks.records import HostedOrOwn, Objective
from goldilocks.report.scales import Scale, spread
from goldilocks.report.svg import WIDTHS, Label, axes, path_of, picture, place_labels, tag
from goldilocks.report.words import money, shorten_middle
from goldilocks.support.text.translation import _

_DECADES = 2
"""Powers of ten shown on each side of the stated volume."""
_POINTS = 40


def volume_chart(compared: HostedOrOwn, objective: Objective) -> Markup:
    """A line for the endpoint and one for the owned model; a dot where they cross, a tick at the stated volume."""
    return Markup("").join(_chart(compared, objective, role) for role in WIDTHS)


def _chart(compared: HostedOrOwn, objective: Objective, role: str) -> Markup:
    wide = role == "wide"
    width, height = WIDTHS[role], 300 if wide else 280
    stated = objective.requests_per_month
    low, high = stated / 10**_DECADES, stated * 10**_DECADES
    crossing = compared.requests.value if compared.requests is not None else None
    if crossing is not None:
        low, high = min(low, max(crossing / 10, 1.0)), max(high, min(crossing * 10, 1e12))
    x = Scale(max(low, 1e-3), high, 64, width - 16, log=True)
    volumes = [x.inverse(step / (_POINTS - 1)) for step in range(_POINTS)]
    curves = [[max(fixed + each * volume, 1e-9) for volume in volumes] for fixed, each in compared.lines]
    y = spread([value for curve in curves for value in curve], height - 52, 24, log=True)
    parts = axes(x, y, _("requests per month"), f"{objective.currency} / {_('month')}", x_ticks=6 if wide else 4)
    names = (compared.hosted, compared.own)
    for number, curve in enumerate(curves):
        spots = [(x(volume), y(value)) for volume, value in zip(volumes, curve, strict=True)]
        parts.append(tag("path", class_=f"run c{number} strong", d=path_of(spots)))
    parts.append(tag("line", class_="grid", x1=x(stated), x2=x(stated), y1=y.start, y2=y.end))
    if crossing is not None:
        fixed, each = compared.lines[0]
        parts.append(tag("circle", class_="dot c0", cx=x(crossing), cy=y(max(fixed + each * crossing, 1e-9)), r=5))
    labels = [
        Label(shorten_middle(name, 34 if wide else 22), x(volumes[-8]), y(curve[-8]), "", must=True)
        for name, curve in zip(names, curves, strict=True)
    ]
    parts += place_labels(labels, [], (x.start, y.end - 8, x.end + 8, y.start))
    described = _("{hosted} and {own} cost {first} and {second} {currency} per month at {requests} requests.").format(
        hosted=compared.hosted,
        own=compared.own,
        first=money(compared.lines[0][0] + compared.lines[0][1] * stated),
        second=money(compared.lines[1][0] + compared.lines[1][1] * stated),
        currency=objective.currency,
        requests=f"{stated:,.0f}",
    )
    return picture(f"volume-{role}", _("Hosted or own, by volume"), described, width, height, parts, role=role)
