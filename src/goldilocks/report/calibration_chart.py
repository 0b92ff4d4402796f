"""Reliability diagram: accuracy of predictions by confidence."""

from __future__ import annotations

from markupsafe import Markup

from goldilocks.records import Calibration
from goldilocks.report.scales import Scale
from goldilocks.report.svg import axes, picture, tag
from goldilocks.report.words import percent, score

_SIZE = 360.0


def reliability_diagram(calibration: Calibration) -> Markup:
    """Accuracy against confidence, with 95 % intervals; on the diagonal a model is calibrated."""
    x = Scale(0.0, 1.0, 56, _SIZE - 16)
    y = Scale(0.0, 1.0, _SIZE - 52, 28)
    parts = axes(x, y, "confidence", "accuracy", x_ticks=5, y_ticks=5)
    parts.append(tag("line", class_="hull", x1=x(0.0), y1=y(0.0), x2=x(1.0), y2=y(1.0)))
    for bin_ in calibration.bins:
        if bin_.right is None:
            continue
        words = (
            f"{bin_.n} predictions with a confidence of {percent(bin_.low)} to {percent(bin_.high)}: "
            f"{percent(bin_.right.value)} correct ({percent(bin_.right.low)} to {percent(bin_.right.high)})"
        )
        at = x(bin_.confidence)
        parts.append(tag("line", class_="interval", x1=at, x2=at, y1=y(bin_.right.low), y2=y(bin_.right.high)))
        parts.append(tag("circle", tag("title", words), class_="dot c1", cx=at, cy=y(bin_.right.value), r=4.5))
    described = (
        f"{calibration.n} predictions; mean confidence {score(calibration.confidence)}, "
        f"accuracy {score(calibration.accuracy)}; expected calibration error {score(calibration.ece.value)}."
    )
    return picture("reliability", "Reliability diagram", described, _SIZE, _SIZE, parts, role="square")
