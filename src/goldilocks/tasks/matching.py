"""The best of several candidates for a query: answers to a question, films for a user, documents for a search.

A row is a query with a list of candidates and a list of numbers, how relevant each is (0: not at all). Rows may also
hold one candidate each, as ``item``: ``data/transforms/rankings.py`` gathers the rows of a ``group`` (or else of a
query).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean
from typing import Any, cast

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import empty, list_of, number_problem, shortened, text_problem

OUTPUT = Output.SCORE
SEVERAL = False
FIELDS = {
    "query": "what is asked for: a question, or what a user liked so far",
    "candidates": "a list of at least two texts",
    "relevance": "a list with a number for each candidate, 0 where it does not fit (with item: one number)",
    "item": "one candidate, where the rows hold one each",
    "group": "what the rows of one list have in common, where that is not the query",
}
READS = ("query", "candidates")
OPTIONAL = frozenset({"candidates", "item", "group"})
LINE = ("query", "candidates+")
ITEM = ("list", "lists")
METRICS = ("ndcg", "mrr", "recall_at_1", "recall_at_5", "recall_at_10")
BASELINES = ("majority", "bm25")
"""What is wanted most whatever the query, and what shares words with it."""
INSTRUCTION = "Bring the candidates into the order in which they fit the query, best first."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("query", row.get("query")) or _candidates_problem(row.get("candidates"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    wrong = item_problem(row)
    if wrong is not None and empty(row.get("candidates")) and not empty(row.get("query")):
        wrong = f"{wrong}, or rows with one item each"
    return wrong or _relevance_problem(row.get("relevance"), len(_listed(row["candidates"])))


def _listed(cell: Any) -> list[Any]:
    return list_of(cell) or []


def _candidates_problem(cell: Any) -> str | None:
    if empty(cell):
        return "candidates is empty; give a list of texts"
    if list_of(cell) is None:
        return f"candidates is {shortened(cell)!r}, not a list"
    texts = _listed(cell)
    if len(texts) < 2:
        return f"{len(texts)} candidate{'' if len(texts) == 1 else 's'}; at least 2 are needed to rank"
    problems = (text_problem(f"candidate {number}", text) for number, text in enumerate(texts, start=1))
    return next(filter(None, problems), None)


def _relevance_problem(cell: Any, wanted: int) -> str | None:
    if empty(cell):
        return "relevance is empty"
    if list_of(cell) is None:
        return f"relevance is {shortened(cell)!r}, not a list"
    numbers = _listed(cell)
    if len(numbers) != wanted:
        return f"relevance has {len(numbers)} number{'' if len(numbers) == 1 else 's'} for {wanted} candidates"
    for place, number in enumerate(numbers, start=1):
        wrong = number_problem(f"relevance of candidate {place}", number)
        if wrong or float(number) < 0:
            return wrong or f"relevance of candidate {place} is {number}, below 0"
    return None


def item(row: Mapping[str, Any]) -> tuple[str, ...]:
    """The query, then the candidates."""
    return str(row["query"]), *map(str, _listed(row["candidates"]))


def gold(row: Mapping[str, Any]) -> tuple[float, ...]:
    """How relevant each candidate is."""
    return tuple(map(float, _listed(row["relevance"])))


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    lengths = [len(text) - 1 for text in part.texts]
    fitting = [sum(number > 0 for number in numbers) for numbers in _numbers(part)]
    return {
        "candidates of a list, mean": mean(lengths),
        "candidates of a list, fewest": min(lengths),
        "candidates of a list, most": max(lengths),
        "fitting candidates of a list, mean": mean(fitting),
        "lists in which none fits": fitting.count(0),
    }


def issues(part: Part) -> Iterator[DataIssue]:
    """Lists whose candidates are all equally relevant, and candidates listed twice."""
    alike = tuple(place for place, numbers in enumerate(_numbers(part)) if len(set(numbers)) == 1)
    if alike:
        yield DataIssue(
            "equal_relevance",
            Severity.WARNING,
            f"{len(alike):,} of {len(part):,} lists have candidates of one relevance only",
            "Any order of them is as right as another: such a list is no training signal and moves the score of every "
            "candidate alike. Were the candidates that do not fit left out?",
            alike,
        )
    twice = tuple(place for place, text in enumerate(part.texts) if len(set(text[1:])) < len(text) - 1)
    if twice:
        yield DataIssue(
            "candidate_twice",
            Severity.WARNING,
            f"{len(twice):,} of {len(part):,} lists hold a candidate twice",
            "Both get the same place, so one of them is always wrong where their relevance differs; keep one.",
            twice,
        )


def _numbers(part: Part) -> list[tuple[float, ...]]:
    return cast(list[tuple[float, ...]], list(part.gold))
