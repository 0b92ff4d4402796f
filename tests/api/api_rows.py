"""Small labelled rows that counting models learn in a moment."""

from __future__ import annotations

WORDS = {"sport": "goal match referee striker league", "money": "bank loan interest shares credit"}


def labelled(n: int) -> list[dict[str, str]]:
    """``n`` rows with columns ``body`` and ``topic``; each text is different."""
    rows = []
    for number in range(n):
        topic = ("sport", "money")[number % 2]
        words = WORDS[topic].split()
        body = f"{words[number % 5]} {words[(number // 5) % 5]} report {number} {words[(number // 7) % 5]}"
        rows.append({"body": body, "topic": topic})
    return rows
