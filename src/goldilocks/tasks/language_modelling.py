"""Likelihood of texts under a language model: to choose a model for a domain, or to judge one adapted to it.

What is asked for is ``Output.LIKELIHOOD``: the natural logarithm of the probability of each text, its end included.
With a context it is that of the text after the context (a summary after its source, a reply after the turns so far).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from goldilocks.records import Output, Part
from goldilocks.support.text.cells import empty, text_problem
from goldilocks.support.text.reference_cells import turns_of, turns_problem
from goldilocks.support.text.units import count_words, unit_name

OUTPUT = Output.LIKELIHOOD
SEVERAL = False
FIELDS = {"text": "the text", "context": "the text before it: a text, or a list of texts"}
READS = ("text", "context")
OPTIONAL = frozenset({"context"})
LINE = ("context*", "text")
ITEM = ("text", "texts")
METRICS = ("bits_per_byte", "perplexity_word")
BASELINES = ("ngram",)
"""Counts of words and of characters: seconds to train, and of short or unspaced texts often the best."""
TRIVIAL_BASELINES: tuple[str, ...] = ()
FLOORS = {"bits_per_byte": 8.0}
"""What a model costs that takes every byte for equally probable."""
INSTRUCTION = "Say how probable the text is."


def item_problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    context = row.get("context")
    return text_problem("text", row.get("text")) or (None if empty(context) else turns_problem("context", context))


def problem(row: Mapping[str, Any]) -> str | None:
    """See ``protocols.Task``."""
    return item_problem(row)


def item(row: Mapping[str, Any]) -> str | tuple[str, ...]:
    """The text, or its context and it."""
    context = row.get("context")
    return str(row["text"]) if empty(context) else (*turns_of(context), str(row["text"]))


def gold(row: Mapping[str, Any]) -> str:
    """The text itself."""
    return str(row["text"])


def statistics(part: Part) -> Mapping[str, float]:
    """See ``protocols.ReportsDataStats``."""
    gold = list(map(str, part.gold))
    return {
        "with a context": sum(isinstance(text, tuple) for text in part.texts),
        f"{unit_name(gold)} to predict": sum(map(count_words, gold)),
    }
