"""The decision map: a bar over the cost of an error, coloured by the candidate with the lowest J.

Drawn over α for engineers (``decision_map``) and over money per error for everyone else (``price_map``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from goldilocks.records import AlphaRange, Objective
from goldilocks.report.scales import Scale
from goldilocks.report.svg import WIDTHS, picture, tag, width_of
from goldilocks.report.words import compact, number, shorten_middle
from goldilocks.support import amounts
from goldilocks.support.text.translation import _


@dataclass(frozen=True, slots=True)
class _Wording:
    """What is written on a map."""

    name: str
    """Name of the drawing; unique on the page."""
    heading: str
    described: str
    ticks: tuple[Callable[[float], str], ...]
    """α -> a line of tick labels."""
    axis: str
    narrow_axis: str
    marker: str
    narrow_marker: str
    piece: Callable[[AlphaRange], str]
    """What one range says when it is pointed at."""


def decision_map(
    ranges: Sequence[AlphaRange], labels: Mapping[str, str], colours: Mapping[str, int], alpha: float, work: Objective
) -> Markup:
    """A bar over α, coloured by the candidate with the lowest J, with the task's α marked.

    Args:
        ranges: Adjacent, in increasing α.
        labels: Candidate -> display name.
        colours: Candidate -> colour index.
        alpha: α of the task.
        work: Requests per month and currency.
    """
    order = _(", then ").join(labels.get(interval.candidate, interval.candidate) for interval in ranges)
    each = number(alpha / work.requests_per_month) if work.requests_per_month else "0"
    wording = _Wording(
        "map",
        _("The candidate with the lowest J for each α"),
        _("In increasing α, the lowest J is that of {order}. This task: α = {alpha}.").format(
            order=order, alpha=compact(alpha)
        ),
        (compact, lambda value: compact(value / work.requests_per_month)),
        _("above: α, {currency} per month · below: {currency} per error").format(currency=work.currency),
        _("α per month; below: {currency} per error").format(currency=work.currency),
        _("this task: α = {alpha} ({each} {currency} per error)").format(
            alpha=compact(alpha), each=each, currency=work.currency
        ),
        _("this task: α = {alpha}").format(alpha=compact(alpha)),
        _alpha_range,
    )
    return Markup("").join(_map(ranges, labels, colours, alpha, wording, role) for role in WIDTHS)


@dataclass(frozen=True, slots=True)
class PriceAxis:
    """The axis of a map over the money that one error costs."""

    requests: float
    """Per month, above 0."""
    title: str
    """What the axis shows, e.g. ``USD per error``."""
    unit: float = 1.0
    """Loss whose price is shown: 1 for an error, 0.01 for a hundredth of the metric."""
    assumed: bool = False
    """Whether the task's price was not stated by the user."""

    def price(self, alpha: float) -> str:
        """The price that this α corresponds to, without its unit."""
        money = alpha * self.unit / self.requests
        return compact(money) if money >= 1000 else amounts.money(float(f"{money:.3g}"))


def price_map(
    ranges: Sequence[AlphaRange],
    labels: Mapping[str, str],
    colours: Mapping[str, int],
    alpha: float,
    axis: PriceAxis,
) -> Markup:
    """The same bar over the money that one error costs, without α.

    Args:
        ranges: Adjacent, in increasing α.
        labels: Candidate -> display name.
        colours: Candidate -> colour index.
        alpha: α of the task.
        axis: Money axis.
    """
    each, price = axis.price, axis.title

    def piece(interval: AlphaRange) -> str:
        if interval.alpha_to is None:
            message = _("{candidate}: from {low} {price} upwards")
            return message.format(candidate=interval.candidate, low=each(interval.alpha_from), price=price)
        message = _("{candidate}: {low} to {high} {price}")
        return message.format(
            candidate=interval.candidate, low=each(interval.alpha_from), high=each(interval.alpha_to), price=price
        )

    message = _("assumed: {each} {price}") if axis.assumed else _("your case: {each} {price}")
    order = _(", then ").join(labels.get(interval.candidate, interval.candidate) for interval in ranges)
    wording = _Wording(
        "price-map",
        _("The model to take for each cost of an error"),
        _("From the lowest to the highest cost of an error: {order}.").format(order=order),
        (each,),
        price,
        price,
        message.format(each=each(alpha), price=price),
        (_("assumed: {each}") if axis.assumed else _("your case: {each}")).format(each=each(alpha)),
        piece,
    )
    return Markup("").join(_map(ranges, labels, colours, alpha, wording, role) for role in WIDTHS)


def _alpha_range(interval: AlphaRange) -> str:
    if interval.alpha_to is None:
        return _("{candidate}: α from {low} upwards").format(
            candidate=interval.candidate, low=compact(interval.alpha_from)
        )
    return _("{candidate}: α from {low} to {high}").format(
        candidate=interval.candidate, low=compact(interval.alpha_from), high=compact(interval.alpha_to)
    )


def alpha_axis(ranges: Sequence[AlphaRange], alpha: float) -> tuple[float, float]:
    """Lowest and highest α of the axis: every change of the best candidate and the task's α, with margins."""
    ticks = [interval.alpha_from for interval in ranges if interval.alpha_from > 0] + ([alpha] if alpha > 0 else [])
    ticks = ticks or [1.0]
    low, high = min(ticks), max(ticks)
    margin = max((high / low) ** 0.12, 4.0)
    return low / margin, high * margin


_TOP, _BAR, _LINE = 44.0, 40.0, 18.0
"""Where the bar begins, its height, and that of a line of tick labels, in pixels."""


def _map(
    ranges: Sequence[AlphaRange],
    labels: Mapping[str, str],
    colours: Mapping[str, int],
    alpha: float,
    wording: _Wording,
    role: str,
) -> Markup:
    width, wide = WIDTHS[role], role == "wide"
    low, high = alpha_axis(ranges, alpha)
    x = Scale(low, high, 8, width - 8, log=True)
    height = _TOP + _BAR + 28 + _LINE * len(wording.ticks)
    parts: list[Markup] = []
    at = x(alpha) if alpha > 0 else x.start
    for interval in ranges:
        parts += _piece(interval, x, at, labels.get(interval.candidate, interval.candidate), colours, wording)
    for value in x.ticks(8 if wide else 4):
        spot = x(value)
        parts.append(tag("line", class_="axis", x1=spot, x2=spot, y1=_TOP + _BAR, y2=_TOP + _BAR + 5))
        for line, shown in enumerate(wording.ticks):
            y, text = _TOP + _BAR + 20 + _LINE * line, shown(value)
            half = width_of(text) / 2 + 2
            anchor = "start" if spot < half else "end" if spot > width - half else "middle"
            parts.append(tag("text", text, class_="tick", x=spot, y=y, text_anchor=anchor))
    title = wording.axis if wide else wording.narrow_axis
    parts.append(tag("text", title, class_="title", x=width - 8, y=height - 6, text_anchor="end"))
    marker = wording.marker if wide else wording.narrow_marker
    anchor = "start" if at < width / 2 else "end"
    beside = at + (9 if anchor == "start" else -9)
    parts += [
        tag("path", class_="here", d=f"M{at:.1f} {_TOP + _BAR:.1f} V{_TOP - 8:.1f} l-5 -8 h10 l-5 8"),
        tag("text", marker, class_="label strong", x=beside, y=_TOP - 14, text_anchor=anchor),
    ]
    return picture(f"{wording.name}-{role}", wording.heading, wording.described, width, height, parts, role=role)


def _piece(
    interval: AlphaRange, x: Scale, at: float, label: str, colours: Mapping[str, int], wording: _Wording
) -> list[Markup]:
    """A range as a piece of the bar, with the name where there is room."""
    left, right = x(interval.alpha_from), x(x.high if interval.alpha_to is None else interval.alpha_to)
    piece = tag(
        "rect",
        tag("title", wording.piece(interval)),
        class_=f"piece c{colours.get(interval.candidate, 0)}",
        x=left,
        y=_TOP,
        width=max(right - left, 1.0),
        height=_BAR,
    )
    # The marker of the task's α crosses the bar: the name is placed on its wider side.
    sides = [(left, at), (at, right)] if left < at < right else [(left, right)]
    start, stop = max(sides, key=lambda side: side[1] - side[0])
    shown = shorten_middle(label, 40)
    if width_of(shown) + 16 >= stop - start:
        return [piece]
    middle = (start + stop) / 2
    return [piece, tag("text", shown, class_="inside", x=middle, y=_TOP + _BAR / 2 + 4, text_anchor="middle")]
