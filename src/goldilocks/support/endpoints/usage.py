"""What requests to an endpoint took: how many, their tokens and money, and how many gave no usable answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from operator import add, sub


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over requests."""

    questions: int = 0
    """Answered requests (status 200 with a completion)."""
    tokens_read: int = 0
    """Tokens of the prompts."""
    tokens_written: int = 0
    """Tokens of the completions."""
    money: float = 0.0
    """Tokens × price, in the objective's currency."""
    empty: int = 0
    """Completions without any text outside reasoning."""
    truncated: int = 0
    """Completions cut off by the limit on tokens (``finish_reason: length``)."""
    refused: int = 0
    """Items the endpoint refused (content filter, context length); they cost nothing and are not in ``questions``."""
    unanswered: int = 0
    """Items left without an answer, for whatever reason: no label named, no text, refused. They count as wrong."""

    def __add__(self, other: Usage) -> Usage:
        return self._combined(other, add)

    def __sub__(self, other: Usage) -> Usage:
        return self._combined(other, sub)

    def _combined(self, other: Usage, operator: Callable[[float, float], float]) -> Usage:
        names = [field.name for field in fields(self)]
        return Usage(**{name: operator(getattr(self, name), getattr(other, name)) for name in names})  # type: ignore[arg-type]

    @property
    def each(self) -> float:
        """Money per answered request, on average; 0 without any."""
        return self.money / self.questions if self.questions else 0.0

    @property
    def items(self) -> int:
        """Items sent: answered and refused ones."""
        return self.questions + self.refused

    @property
    def unanswered_share(self) -> float:
        """Share of the items without an answer, 0 to 1; 0 where none was sent."""
        return self.unanswered / self.items if self.items else 0.0
