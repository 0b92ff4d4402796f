"""How many replicas a model should have, from how many requests are ongoing.

As Ray Serve decides it: one replica for every ``target_ongoing_requests`` ongoing ones, between ``min_replicas`` and
``max_replicas``. A change is made once every look within its delay has asked for one in that direction.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from goldilocks.serving.settings import ReplicaSettings


class Scaler:
    """Decides for one version of a model."""

    def __init__(self, settings: ReplicaSettings) -> None:
        """Set bounds, target and delays."""
        self._settings = settings
        self._direction = 0
        self._since = 0.0

    def wanted(self, ongoing: int) -> int:
        """Replicas for this many ongoing requests, delays not counted.

        Example:
            >>> Scaler(ReplicaSettings(max_replicas=4, target_ongoing_requests=2)).wanted(5)
            3
        """
        settings = self._settings
        return min(
            settings.max_replicas, max(settings.min_replicas, math.ceil(ongoing / settings.target_ongoing_requests))
        )

    def decide(self, now: float, ongoing: int, replicas: int) -> int:
        """Replicas there should be now.

        Args:
            now: Seconds on a clock that only goes forward.
            ongoing: Requests that wait or are being answered.
            replicas: That there are.
        """
        target = self.wanted(ongoing)
        direction = (target > replicas) - (target < replicas)
        if direction != self._direction:
            self._direction, self._since = direction, now
        delay = self._settings.upscale_delay_s if direction > 0 else self._settings.downscale_delay_s
        if direction == 0 or now - self._since < delay:
            return replicas
        self._direction = 0
        return target


def scale(
    scaler: Scaler, now: float, ongoing: int, replicas: int, add: Callable[[], None], remove: Callable[[], None]
) -> int:
    """Add or remove replicas as a scaler decides; by how many they changed."""
    change = scaler.decide(now, ongoing, replicas) - replicas
    for _ in range(abs(change)):
        (add if change > 0 else remove)()
    return change
