"""MovieLens 100k as a matching task: what a user liked so far x films, split by time. Not a benchmark itself.

    query       up to ten titles the user rated 4 or 5 before, newest first
    candidates  a film the user then rated 4 or 5, among films the user had not rated by then
    relevance   1 for that film, 0 for the others

Nothing looks into the future: ratings are sorted by time, the first 80 % make train, the next 10 % validation, the
last 10 % test; a query holds only what was liked before its moment, and the other candidates are drawn evenly from
films that anybody had rated by then. So a film that the user will like later may be among them, as in life. A user
needs three liked films before there is a query. Scores among drawn candidates are not those among all films (Krichene &
Rendle 2020, "On Sampled Metrics for Item Recommendation"): compare them only with each other.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from bench_data import rows, sample

LIKED = 4
"""Rating from which a film was liked."""
HISTORY, FEWEST = 10, 3
"""Titles in a query, at most and at least."""
SHARES = {"train": 0.8, "validation": 0.9, "test": 1.0}
"""Share of all ratings, by time, up to which each part goes."""


def lists(
    data: Path, *, others: int = 19, most: dict[str, int] | None = None, seed: int = 0
) -> dict[str, list[dict[str, Any]]]:
    """Rows ``{query, candidates, relevance, user, time}`` of train, validation and test.

    Args:
        data: The data folder.
        others: Candidates besides the liked one.
        most: Part -> rows at most, drawn evenly; absent: 4,000, 1,000 and 2,000.
        seed: Of all drawing.
    """
    films = {row["item"]: f"{row['title']}: {', '.join(row['genres'])}" for row in rows(data, "ml_100k", "items")}
    ratings = sorted(rows(data, "ml_100k", "ratings"), key=lambda row: (row["ts"], row["user"], row["item"]))
    result = _events(ratings, films, others, random.Random(seed))
    limits = most or {"train": 4_000, "validation": 1_000, "test": 2_000}
    return {part: sample(result[part], limits[part], seed) for part in SHARES}


def _events(
    ratings: list[dict[str, Any]], films: dict[int, str], others: int, rng: random.Random
) -> dict[str, list[dict[str, Any]]]:
    """One row for each liked film whose user has liked enough before, part by part."""
    ends = {part: ratings[min(len(ratings) - 1, int(share * len(ratings)))]["ts"] for part, share in SHARES.items()}
    result: dict[str, list[dict[str, Any]]] = {part: [] for part in SHARES}
    known: dict[int, None] = {}  # films with a rating before this moment, in order
    seen: dict[int, set[int]] = {}
    liked: dict[int, list[int]] = {}
    for together in _moments(ratings):
        moment = together[0]["ts"]
        part = next(name for name, end in ends.items() if moment < end or name == "test")
        now = {(entry["user"], entry["item"]) for entry in together}
        for entry in together:
            user, history = entry["user"], liked.get(entry["user"], [])
            if entry["rating"] < LIKED or len(history) < FEWEST or len(known) <= others:
                continue
            drawn = rng.sample([*known], min(len(known), 3 * others))
            rated = seen.get(user, set())
            wrong = [item for item in drawn if item not in rated and (user, item) not in now][:others]
            candidates = [entry["item"], *wrong]
            rng.shuffle(candidates)
            query = "; ".join(films[item] for item in history[: -HISTORY - 1 : -1])
            result[part].append(
                {
                    "query": query,
                    "candidates": [films[item] for item in candidates],
                    "relevance": [int(item == entry["item"]) for item in candidates],
                    "user": user,
                    "time": moment,
                }
            )
        _remember(together, known, seen, liked)
    return result


def _moments(ratings: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """Ratings of the same second together: none of them is before another."""
    result: list[list[dict[str, Any]]] = []
    for rating in ratings:
        if result and result[-1][0]["ts"] == rating["ts"]:
            result[-1].append(rating)
        else:
            result.append([rating])
    return result


def _remember(
    together: list[dict[str, Any]], known: dict[int, None], seen: dict[int, set[int]], liked: dict[int, list[int]]
) -> None:
    for entry in together:
        known.setdefault(entry["item"])
        seen.setdefault(entry["user"], set()).add(entry["item"])
        if entry["rating"] >= LIKED:
            liked.setdefault(entry["user"], []).append(entry["item"])
