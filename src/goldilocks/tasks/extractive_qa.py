"""Extractive question answering: a span of the context that answers the question, or that there is none.

The answers of a row are SQuAD's: a list of ``{"text": ..., "answer_start": ...}`` (characters from 0), the same turned
round (``{"text": [...], "answer_start": [...]}``, as Parquet copies have it), or a text alone. An empty list says that
the context holds no answer. A table of text cells (.csv) holds any of these as JSON, or the plain answer.

Each answer is placed in the context. Where the text is not found at ``answer_start``, the offset is corrected when the
text occurs within ``NEAR`` characters of it, or only once in the whole context. An answer that has no place remains a
reference to be scored against (start ``NOWHERE``; CMRC 2018 has such), as long as another one of the same question has
a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import mean, median
from typing import Any

from goldilocks.records import DataIssue, Output, Part, Severity
from goldilocks.support.text.cells import empty, text_problem, value_of
from goldilocks.support.text.units import count_words, unit_name

OUTPUT = Output.SPAN
SEVERAL = False
FIELDS = {
    "question": "the question",
    "context": "the text that may hold its answer",
    "answers": "the right answers: [{text, answer_start}], a text of the context, or [] where it holds none",
}
READS = ("question", "context")
OPTIONAL: frozenset[str] = frozenset()
LINE = ("question", "context")
ITEM = ("question", "questions")
METRICS = ("span_f1", "span_exact_match")
FLOORS = {"span_f1": 0.0, "span_exact_match": 0.0}
INSTRUCTION = "Answer the question with a piece of the context, word for word; give nothing where it holds no answer."
INSTRUCTION_ZH = "用原文中的一段话回答问题，逐字摘录；如果原文没有答案，就什么都不写。"

NEAR = 10
"""Characters by which ``answer_start`` may be off where the text occurs in the context more than once."""
NOWHERE = -1
_SHOWN = 40

Claim = tuple[str, int | None]
"""The text of an answer and where it is said to begin."""


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return text_problem("question", row.get("question")) or text_problem("context", row.get("context"))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    problem = item_problem(row)
    if problem is not None:
        return problem
    if isinstance(row.get("answers"), float | str | None) and empty(row.get("answers")):
        return "answers is empty; write [] where the context holds no answer"
    try:
        claims = list(_claims(row["answers"]))
    except (TypeError, KeyError, ValueError) as error:
        return f"answers cannot be read ({error}); wanted: {FIELDS['answers']}"
    faults = [_fault(row["context"], text, start) for text, start in claims]
    return None if not claims or None in faults else faults[0]


def item(row: Mapping[str, Any]) -> tuple[str, str]:
    """Question and context."""
    return str(row["question"]), str(row["context"])


def gold(row: Mapping[str, Any]) -> tuple[tuple[int, str], ...]:
    """(start, text) of each gold answer, each text once for a place; nothing where the context holds none."""
    context = row["context"]
    spans: dict[tuple[int, str], None] = {}
    for text, start in _claims(row["answers"]):
        place = _place(context, text, start)
        spans.setdefault((NOWHERE if place is None else place, text))
    return tuple(spans)


def repair(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.ReportsRowRepairs``."""
    context = row["context"]
    for text, start in _claims(row["answers"]):
        place = _place(context, text, start)
        if place is None:
            return "an answer that does not occur in the context (kept for scoring, beside one that does)"
        if start is not None and start != place:
            return "an answer that is not at its answer_start (moved to its nearby or only occurrence)"
    return None


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    contexts = {text[-1] for text in part.texts}
    unit = unit_name(list(contexts))
    answers = [[text for _, text in answer] for answer in map(_places, part.gold) if answer]
    return {
        "without an answer": len(part) - len(answers),
        "answers of a question that has some, mean": mean(map(len, answers)) if answers else 0,
        f"{unit} of an answer, median": median(count_words(answer[0]) for answer in answers) if answers else 0,
        "different contexts": len(contexts),
        f"{unit} of a context, median": median(map(count_words, contexts)),
        f"{unit} of a context, most": max(map(count_words, contexts)),
    }


def issues(part: Part) -> Iterator[DataIssue]:
    """Rows from which a model cannot learn to answer, or to abstain."""
    without = sum(not answer for answer in part.gold)
    if part.gold and without == len(part):
        yield DataIssue(
            "no_answers",
            Severity.WARNING,
            "no question has an answer",
            "Saying nothing is then always right; are the answers in another column?",
        )


def _places(gold: Any) -> tuple[tuple[int, str], ...]:
    spans: tuple[tuple[int, str], ...] = gold
    return spans


# ------------------------------------------------------------------------------------------------- what the cell claims


def _claims(cell: Any) -> Iterator[Claim]:
    """Every answer in a cell, without the space around it.

    Raises:
        TypeError, KeyError, ValueError: it is none of the forms.
    """
    if isinstance(cell, str):
        cell = _from_json(cell)
    if isinstance(cell, Mapping):
        texts, starts = cell["text"], cell.get("answer_start")
        if isinstance(texts, str):
            texts, starts = [texts], [starts]
        starts = [None] * len(texts) if starts is None else starts
        cell = [
            {"text": text, "answer_start": start}
            for text, start in zip(texts, starts, strict=True)  # unequal lengths are a ValueError
        ]
    if not isinstance(cell, list | tuple):
        raise TypeError(f"a {type(cell).__name__}")
    for element in cell:
        text, start = (element, None) if isinstance(element, str) else (element["text"], element.get("answer_start"))
        if not isinstance(text, str):
            raise TypeError(f"an answer is a {type(text).__name__}, not text")
        wrong = text_problem("the text of an answer", text)
        if wrong is not None:
            raise ValueError(wrong)
        bare = text.strip()
        if start is None:
            yield bare, None
        else:
            yield bare, int(start) + len(text) - len(text.lstrip())


def _from_json(cell: str) -> Any:
    """A text cell: the list or object that it spells, else the answer itself."""
    parsed = value_of(cell) if cell.lstrip()[:2] in ("[]", "[{", '["', '{"', "['", "{'", "ar") else None
    return [cell] if parsed is None else parsed


# ------------------------------------------------------------------------------------------------- where it really is


def _place(context: str, text: str, start: int | None) -> int | None:
    """Where the answer begins; ``None`` where it is ambiguous or missing."""
    if start is not None and start >= 0 and context.startswith(text, start):
        return start
    first = context.find(text)
    if first < 0:
        return None
    if context.find(text, first + 1) < 0:
        return first
    if start is None or start < 0:
        return None
    after = context.find(text, start, start + NEAR + len(text))
    before = context.rfind(text, max(0, start - NEAR), start + len(text))
    near = sorted((abs(place - start), place) for place in (before, after) if place >= 0)
    return near[0][1] if near else None


def _fault(context: str, text: str, start: int | None) -> str | None:
    """Why an answer has no place."""
    if _place(context, text, start) is not None:
        return None
    shown = repr(text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…")
    times = context.count(text)
    if not times:
        return f"the answer {shown} does not occur in the context"
    if start is None or start < 0:
        return f"the answer {shown} occurs in the context {times} times; give its answer_start"
    return f"the answer {shown} is not at answer_start {start} or near it, but occurs {times} times elsewhere"
