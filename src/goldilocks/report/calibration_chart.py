"""Reliability diagram: accuracy of predictions by confidence."""

from __future__ import annotations

from markupsafe import Markup

from goldilocks.records import Calibration
from goldilocks.report.scales import Scale
from goldilocks.report.svg import axes, picture, tag
from goldilocks.report.words import percent, plural, score
from goldilocks.support.text.translation import _

_SIZE = 360.0


def reliability_diagram(calibration: Calibration) -> Markup:
    """Accuracy against confidence, with 95% intervals; on the diagonal a model is calibrated."""
    x = Scale(0.0, 1.0, 56, _SIZE - 16)
    y = Scale(0.0, 1.0, _SIZE - 52, 28)
    parts = axes(x, y, _("confidence"), _("accuracy"), x_ticks=5, y_ticks=5)
    parts.append(tag("line", class_="hull", x1=x(0.0), y1=y(0.0), x2=x(1.0), y2=y(1.0)))
    for bin_ in calibration.bins:
        if bin_.right is None:
            continue
        words = _("{predictions} with a confidence of {from_} to {to}: {right} correct ({low} to {high})").format(
            predictions=plural(bin_.n, "prediction"),
            from_=percent(bin_.low),
            to=percent(bin_.high),
            right=percent(bin_.right.value),
            low=percent(bin_.right.low),
            high=percent(bin_.right.high),
        )
        at = x(bin_.confidence)
        parts.append(tag("line", class_="interval", x1=at, x2=at, y1=y(bin_.right.low), y2=y(bin_.right.high)))
        parts.append(tag("circle", tag("title", words), class_="dot c1", cx=at, cy=y(bin_.right.value), r=4.5))
    described = _(
        "{predictions}; mean confidence {confidence}, accuracy {accuracy}; expected calibration error {ece}."
    ).format(
        predictions=plural(calibration.n, "prediction"),
        confidence=score(calibration.confidence),
        accuracy=score(calibration.accuracy),
        ece=score(calibration.ece.value),
    )
    return picture("reliability", _("Reliability diagram"), described, _SIZE, _SIZE, parts, role="square")
