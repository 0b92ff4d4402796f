"""SVG from parts. Every value is escaped, so a model's name can hold what it likes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from goldilocks.report.scales import Scale
from goldilocks.report.words import clean, compact

WIDTHS = {"wide": 1160, "narrow": 350}
"""Width in pixels for wide and narrow pages. A plot is drawn for each, because text scales with an SVG image."""
CHARACTER = 6.4
"""Width of an average character of a label, in pixels at the size the style sheet gives it."""


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """One element; ``class_`` is ``class``, other underscores are hyphens, ``None`` leaves an attribute out.

    Example:
        >>> tag("text", "a < b", class_="label", x=1.0)
        Markup('<text class="label" x="1">a &lt; b</text>')
    """
    parts = [
        Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _attribute(value))
        for key, value in attributes.items()
        if value is not None
    ]
    inside = Markup("").join(child if isinstance(child, Markup) else clean(str(child)) for child in children)
    return Markup("<{0}{1}>{2}</{0}>").format(Markup(name), Markup("").join(parts), inside)


def _attribute(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)


def picture(
    name: str, title: str, description: str, width: float, height: float, parts: Iterable[Markup], *, role: str
) -> Markup:
    """A whole drawing with a title and a description for those who cannot see it.

    Args:
        name: Its id; must be unique on the page.
        title: What it is.
        description: What can be read from it.
        width: In pixels; it shrinks with the page.
        height: In pixels.
        parts: What is drawn, bottom first.
        role: ``wide`` or ``narrow``: on which pages the style sheet shows it.
    """
    return tag(
        "svg",
        tag("title", title, id=f"{name}-title"),
        tag("desc", description, id=f"{name}-description"),
        *parts,
        class_=f"chart {role}",
        viewBox=f"0 0 {width:g} {height:g}",
        width=width,
        height=height,
        role="img",
        aria_labelledby=f"{name}-title {name}-description",
    )


def axes(x: Scale, y: Scale, x_title: str, y_title: str, *, x_ticks: int = 6, y_ticks: int = 6) -> list[Markup]:
    """Grid, tick labels and titles. ``y`` runs upwards: its start is the lower edge."""
    bottom, top, left, right = y.start, y.end, x.start, x.end
    parts: list[Markup] = []
    for value in y.ticks(y_ticks):
        at = y(value)
        parts.append(tag("line", class_="grid", x1=left, x2=right, y1=at, y2=at))
        parts.append(tag("text", compact(value), class_="tick", x=left - 8, y=at + 4, text_anchor="end"))
    for value in x.ticks(x_ticks):
        at = x(value)
        parts.append(tag("line", class_="grid", x1=at, x2=at, y1=top, y2=bottom))
        parts.append(tag("text", compact(value), class_="tick", x=at, y=bottom + 18, text_anchor="middle"))
    parts.append(tag("line", class_="axis", x1=left, x2=right, y1=bottom, y2=bottom))
    parts.append(tag("text", x_title, class_="title", x=right, y=bottom + 38, text_anchor="end"))
    parts.append(tag("text", y_title, class_="title", x=left - 44, y=top - 10))
    return parts


@dataclass(frozen=True, slots=True)
class Label:
    """A name to be placed near a point."""

    text: str
    x: float
    y: float
    style: str
    must: bool
    """Whether it is drawn (with a line to its point) even where there is no room next to the point."""


Box = tuple[float, float, float, float]
"""Left, top, right, bottom."""


def place_labels(labels: Sequence[Label], taken: Sequence[Box], frame: Box, lines: Sequence[Box] = ()) -> list[Markup]:
    """Labels next to their points so that none covers another or a point; the first asked for are placed first.

    Args:
        labels: In order of importance.
        taken: What must stay free.
        frame: What labels stay within.
        lines: What is crossed only where there is no other room.
    """
    filled = list(taken)
    parts: list[Markup] = []
    for label in labels:
        distances = (0, 14, 28, 44, 62, 84) if label.must else (0,)
        free_boxes = ((distance, box) for distance in distances for box in _spots(label, distance))
        spots = [(distance, box) for distance, box in free_boxes if _free(box, filled, frame)]
        if not spots and not label.must:
            continue
        spots = spots or [(0, next(iter(_spots(label, 0))))]
        distance, box = next((spot for spot in spots if _free(spot[1], lines, frame)), spots[0])
        filled.append(box)
        middle = (box[1] + box[3]) / 2
        if distance:
            end = box[0] - 2 if box[0] > label.x else box[2] + 2 if box[2] < label.x else (box[0] + box[2]) / 2
            parts.append(tag("line", class_="leader", x1=label.x, y1=label.y, x2=end, y2=middle))
        parts.append(tag("text", label.text, class_=f"label {label.style}", x=box[0], y=middle + 4))
    return parts


def width_of(text: str) -> float:
    """About how wide ``text`` is drawn, in pixels; East Asian characters are twice as wide."""
    return sum(CHARACTER * (1.9 if character > "\u2e7f" else 1.0) for character in text)


def _spots(label: Label, distance: float) -> Iterable[Box]:
    width, height, gap = width_of(label.text), 15.0, 14.0 if label.style else 9.0  # a marked point has a ring
    near, far = gap + distance, distance
    for dx, dy in (
        (near, -far * 0.6), (-near - width, -far * 0.6), (near, -near), (-near - width, -near), (-width / 2, -near - 4),
        (near, near), (-near - width, near), (-width / 2, near + 4),
    ):  # fmt: skip
        left, middle = label.x + dx, label.y + dy
        yield left, middle - height / 2, left + width, middle + height / 2


def _free(box: Box, filled: Sequence[Box], frame: Box) -> bool:
    left, top, right, bottom = box
    if left < frame[0] or top < frame[1] or right > frame[2] or bottom > frame[3]:
        return False
    return not any(left < shape[2] and shape[0] < right and top < shape[3] and shape[1] < bottom for shape in filled)


def path_of(spots: Sequence[tuple[float, float]]) -> str:
    """A line through ``spots``, as the ``d`` of a path."""
    return "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in spots) if spots else "M0 0"


def line_boxes(spots: Sequence[tuple[float, float]], step: float = 6.0) -> list[Box]:
    """What a line through ``spots`` covers, as little boxes along it."""
    boxes: list[Box] = []
    for (x, y), (to_x, to_y) in itertools.pairwise(spots):
        pieces = max(1, math.ceil(math.hypot(to_x - x, to_y - y) / step))
        shares = (i / pieces for i in range(pieces + 1))
        boxes += [point_box(x + (to_x - x) * share, y + (to_y - y) * share, 2.0) for share in shares]
    return boxes


def point_box(x: float, y: float, radius: float = 5.0) -> Box:
    """What a dot covers."""
    return x - radius, y - radius, x + radius, y + radius
