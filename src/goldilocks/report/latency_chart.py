"""Distribution of the winner's latency: the share of single texts that are answered within a time."""

from __future__ import annotations

from markupsafe import Markup

from goldilocks.records import Footprint
from goldilocks.report.scales import Scale, spread
from goldilocks.report.svg import WIDTHS, axes, path_of, picture, tag
from goldilocks.report.words import number
from goldilocks.support.text.translation import _

_MARKED = ((0.5, "p50"), (0.95, "p95"))


def latency_chart(footprint: Footprint, limit_ms: float | None = None) -> Markup | None:
    """The cumulative distribution, from the quantiles that were kept; ``None`` for runs of earlier versions.

    Args:
        footprint: Footprint of the winner.
        limit_ms: The task's limit of the latency, which is drawn too.
    """
    if len(footprint.latency_quantiles_ms) < 2:
        return None
    return Markup("").join(_distribution(footprint, limit_ms, role) for role in WIDTHS)


def latency_words(footprint: Footprint) -> str:
    """The distribution in a sentence."""
    times = footprint.latency_quantiles_ms
    return _(
        "One text at a time, {n} texts in a fresh process: half are answered within {median} ms, 95% within {p95} ms; "
        "fastest {least} ms, slowest {most} ms."
    ).format(
        n=footprint.latency_p95_ms.n,
        median=number(footprint.latency_p50_ms.value),
        p95=number(footprint.latency_p95_ms.value),
        least=number(times[0]),
        most=number(times[-1]),
    )


def _distribution(footprint: Footprint, limit_ms: float | None, role: str) -> Markup:
    times = footprint.latency_quantiles_ms
    width = 640 if role == "wide" else WIDTHS[role]
    height = 260
    x = spread([*times, *([limit_ms] if limit_ms else [])], 56, width - 16, log=times[-1] > 6 * max(times[0], 1e-9))
    y = Scale(0.0, 1.0, height - 52, 28)
    title = _("time of one text (ms, log scale)") if x.log else _("time of one text (ms)")
    parts = axes(x, y, title, _("share of texts"), x_ticks=6 if role == "wide" else 4, y_ticks=5)
    steps = len(times) - 1
    parts.append(tag("path", class_="run c1 strong", d=path_of([(x(t), y(i / steps)) for i, t in enumerate(times)])))
    for share, name in _MARKED:
        value = (footprint.latency_p50_ms if share == 0.5 else footprint.latency_p95_ms).value
        shown = _("{name}: {value} ms").format(name=name, value=number(value))
        parts.append(tag("circle", tag("title", shown), class_="dot c1", cx=x(value), cy=y(share), r=4.5))
        near = x(value) > width * 0.7
        where = {"x": x(value) + (-9 if near else 9), "y": y(share) + 14, "text_anchor": "end" if near else "start"}
        parts.append(tag("text", shown, class_="label", **where))
    if limit_ms:
        parts.append(tag("line", class_="hull", x1=x(limit_ms), x2=x(limit_ms), y1=y(0.0), y2=y(1.0)))
    return picture(
        f"latency-{role}",
        _("Latency of the winner"),
        latency_words(footprint),
        width,
        height,
        parts,
        role=f"{role} small",
    )
