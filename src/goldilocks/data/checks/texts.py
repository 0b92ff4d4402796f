"""Findings about the texts: length, language, script, personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from goldilocks.data.findings import finding, plural_s, rows_in_words
from goldilocks.data.language import mixes_scripts, script_of
from goldilocks.data.mask import KINDS, find
from goldilocks.protocols import Task
from goldilocks.records import DataProfile, Finding, Output, Part, Severity, as_text
from goldilocks.support.text.units import unit_name

LONG_CHARACTERS = 100_000
LONG_WORDS = 350
_SAMPLE = 200
"""Texts that tell whether units are words or characters."""
"""About 512 tokens, the context length of most encoders."""
SCRIPT_REACH = 100
"""Characters of an item by which its script is detected."""
SEVERAL = 0.1
"""Share of a second language from which it is reported; below, it may be an error of detection."""


_LONG = {
    Output.LABEL: "Most encoders truncate after 512 tokens (about 350 words, or 500 Chinese characters), and long "
    "texts make them slow; n-gram candidates use all of the text.",
    Output.SCORE: "Most encoders truncate a pair, or a query with each candidate, after 512 tokens (about 350 words, "
    "or 500 Chinese characters).",
    Output.TAGS: "Networks process them in segments, each without the context of the others.",
    Output.SPAN: "Networks process long contexts in overlapping windows; time grows with their number.",
    Output.TEXT: "A network truncates what exceeds its context (mostly 512 or 1,024 tokens): a text at its end, "
    "turns at their beginning.",
    Output.LIKELIHOOD: "Networks process long texts in segments, and the beginning of a segment is harder to predict.",
}
"""What length means for each kind of answer."""


def lengths(parts: Mapping[str, Part], profile: DataProfile, task: Task) -> list[Finding]:
    """Texts that are very long."""
    item, items = task.ITEM
    findings: list[Finding] = []
    for name, part in parts.items():
        rows = [row for row, text in zip(part.rows, part.texts, strict=True) if len(as_text(text)) > LONG_CHARACTERS]
        if rows:
            findings.append(
                finding(
                    "very_long_text",
                    Severity.WARNING,
                    f"{len(rows):,} {item if len(rows) == 1 else items} of more than {LONG_CHARACTERS:,} characters "
                    f"({rows_in_words(rows)})",
                    "No network processes that much at once, such rows dominate counts, and often they are several "
                    "texts run together; check them.",
                    part=name,
                    rows=rows,
                )
            )
    if profile.tokens["words"]["p95"] > LONG_WORDS:
        unit = unit_name([as_text(text) for text in parts["train"].texts[:_SAMPLE]])
        findings.append(
            finding(
                "long_texts",
                Severity.NOTE,
                f"5 % of the {items} have more than {profile.tokens['words']['p95']:.0f} {unit}",
                _LONG[task.OUTPUT],
                part="train",
                rows=(),
                count=0,
            )
        )
    return findings


def language(profile: DataProfile, given: str) -> list[Finding]:
    """The language is not the one given, or there are several."""
    detected = {tag: share for tag, share in profile.languages.items() if tag != "und"}
    shares = ", ".join(f"{tag} {share:.0%}" for tag, share in list(profile.languages.items())[:5])
    main = max(detected, key=detected.__getitem__, default="und")
    if given != "auto" and detected and main != given.split("-")[0].lower():
        return [
            finding(
                "other_language",
                Severity.WARNING,
                f"the task says {given}, the training data look like: {shares}",
                "Candidates are chosen by language; if the task file is wrong, the right ones are left out.",
                part="train",
                rows=(),
                count=1,
            )
        ]
    others = [tag for tag, share in detected.items() if tag != main and share >= SEVERAL]
    if others:
        return [
            finding(
                "several_languages",
                Severity.NOTE,
                f"the training data are in several languages: {shares}",
                f"Models for {main} alone do worse on the rest; compare the scores by language.",
                part="train",
                rows=(),
                count=len(others) + 1,
            )
        ]
    return []


def personal_data(parts: Mapping[str, Part]) -> list[Finding]:
    """Rows that seem to hold e-mail addresses, phone numbers and the like: which rows, never what."""
    findings: list[Finding] = []
    for name, part in parts.items():
        rows: dict[str, dict[int, None]] = {}
        for row, text in zip(part.rows, part.texts, strict=True):
            for kind in dict.fromkeys(kind for kind, _, _ in find(as_text(text))):
                rows.setdefault(kind, {})[row] = None
        findings += [
            finding(
                "personal_data",
                Severity.WARNING,
                f"{len(where):,} row{plural_s(where)} with what looks like {KINDS[kind]} ({rows_in_words(where)})",
                "Models can reproduce training data, and the bundle stores some texts; mask such data unless you may "
                "use them.",
                part=name,
                rows=where,
            )
            for kind, where in sorted((kind, list(numbers)) for kind, numbers in rows.items())
        ]
    return findings


def scripts(parts: Mapping[str, Part]) -> list[Finding]:
    """Words that mix letters which look alike, and rows in another script than nearly all others."""
    findings: list[Finding] = []
    written = {name: [script_of(as_text(text)[:SCRIPT_REACH]) for text in part.texts] for name, part in parts.items()}
    counts = Counter(script for scripts_of_part in written.values() for script in scripts_of_part if script)
    rare = {script for script, count in counts.items() if count < SEVERAL * counts.total()}
    for name, part in parts.items():
        mixed = [row for row, text in zip(part.rows, part.texts, strict=True) if mixes_scripts(as_text(text))]
        if mixed:
            findings.append(
                finding(
                    "mixed_scripts",
                    Severity.NOTE,
                    f"{len(mixed):,} row{plural_s(mixed)} with Cyrillic or Greek letters among Latin ones that look "
                    f"alike ({rows_in_words(mixed)})",
                    "To a model they are different letters, so the word is unknown to it. Often it is a typing error, "
                    "or meant to get past a filter.",
                    part=name,
                    rows=mixed,
                )
            )
        other = [row for row, script in zip(part.rows, written[name], strict=True) if script in rare]
        if other:
            findings.append(
                finding(
                    "other_script",
                    Severity.NOTE,
                    f"{len(other):,} row{plural_s(other)} in another script than most ({rows_in_words(other)})",
                    "Models made for one language know little of others; take such rows out, or choose a model for "
                    "several languages.",
                    part=name,
                    rows=other,
                )
            )
    return findings
