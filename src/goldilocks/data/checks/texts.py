"""Findings about the texts: length, language, script, personal data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from goldilocks.data.findings import finding, plural_s, rows_in_words
from goldilocks.data.language import mixes_scripts, script_of
from goldilocks.data.mask import KINDS, find
from goldilocks.protocols import Task
from goldilocks.records import DataProfile, Finding, Output, Part, Severity, as_text

LONG_CHARACTERS = 100_000
LONG_WORDS = 350
"""About what 512 tokens hold, where most encoders stop reading."""
SCRIPT_REACH = 100
"""Characters of an item by which its script is told."""
SEVERAL = 0.1
"""Share of a second language from which it is worth a word; below, it may be what detection gets wrong."""


_LONG = {
    Output.LABEL: "Most encoders read the first 512 tokens (about 350 words) and no further, and long texts make them "
    "slow; candidates that count n-grams read everything.",
    Output.SCORE: "Most encoders read the first 512 tokens (about 350 words) of a pair, or of a query and of each "
    "candidate by itself, and no further.",
    Output.TAGS: "Networks read them in pieces, each without what stands in the others.",
    Output.SPAN: "Networks read long contexts in windows that overlap, which takes longer with each window.",
    Output.TEXT: "A network cuts what is longer than it reads (mostly 512 or 1,024 tokens): a text at its end, turns "
    "at their beginning.",
    Output.LIKELIHOOD: "Networks read long texts in pieces, and the beginning of a piece is harder to foresee.",
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
                    "No network reads that much at once, counts are dominated by such rows, and often it is several "
                    "texts run together; look at them.",
                    part=name,
                    rows=rows,
                )
            )
    if profile.tokens["words"]["p95"] > LONG_WORDS:
        findings.append(
            finding(
                "long_texts",
                Severity.NOTE,
                f"5 % of the {items} have more than {profile.tokens['words']['p95']:.0f} words",
                _LONG[task.OUTPUT],
                part="train",
                rows=(),
                count=0,
            )
        )
    return findings


def language(profile: DataProfile, given: str) -> list[Finding]:
    """The language is not the one given, or there are several."""
    told = {tag: share for tag, share in profile.languages.items() if tag != "und"}
    shares = ", ".join(f"{tag} {share:.0%}" for tag, share in list(profile.languages.items())[:5])
    main = max(told, key=told.__getitem__, default="und")
    if given != "auto" and told and main != given.split("-")[0].lower():
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
    others = [tag for tag, share in told.items() if tag != main and share >= SEVERAL]
    if others:
        return [
            finding(
                "several_languages",
                Severity.NOTE,
                f"the training data are in several languages: {shares}",
                f"Models made for {main} alone do worse on the rest; look at the score by language.",
                part="train",
                rows=(),
                count=len(others) + 1,
            )
        ]
    return []


def personal_data(parts: Mapping[str, Part]) -> list[Finding]:
    """Where e-mail addresses, phone numbers and the like seem to stand: which rows, never what."""
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
                "What a model was trained on can come out of it again, and the bundle stores some texts; mask such "
                "data unless you may use them.",
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
    counts = Counter(script for one in written.values() for script in one if script)
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
                    "To a model they are different letters, so it takes the word for one it never saw. Often it is a "
                    "slip of the keyboard, or meant to get past a filter.",
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
