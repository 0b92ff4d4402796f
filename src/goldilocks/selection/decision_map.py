"""The decision map: the best candidate as a function of the cost of an error."""

from __future__ import annotations

from collections.abc import Mapping

from goldilocks.records import AlphaRange


def decision_map(points: Mapping[str, tuple[float, float]]) -> tuple[AlphaRange, ...]:
    """Which candidate has the lowest cost + α·loss for which α ≥ 0: the lower envelope of the lines.

    Args:
        points: Candidate -> (cost, loss).

    Example: a costs 1 with loss .5, b costs 2 with loss .3: they meet where 1 + .5α = 2 + .3α, at α = 5.
        >>> pieces = decision_map({"a": (1, 0.5), "b": (2, 0.25)})
        >>> [(piece.candidate, piece.alpha_from, piece.alpha_to) for piece in pieces]
        [('a', 0.0, 4.0), ('b', 4.0, None)]
    """
    current = min(points, key=lambda name: (points[name][0], points[name][1], name))
    ranges: list[AlphaRange] = []
    alpha = 0.0
    while True:
        cost, loss = points[current]
        # The next to take over is the line of smaller slope (loss) that is met first.
        crossings = [
            ((points[name][0] - cost) / (loss - points[name][1]), points[name][1], name)
            for name in points
            if points[name][1] < loss
        ]
        if not crossings:
            ranges.append(AlphaRange(current, alpha, None))
            return tuple(ranges)
        meeting, _, following = min(crossings)
        if meeting > alpha:
            ranges.append(AlphaRange(current, alpha, meeting))
        alpha, current = max(meeting, alpha), following
