"""What is to be said about the data before anything is spent on them: findings, each with what it means for the choice.

Nothing here changes the rows or refuses them; ``load`` does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from goldilocks.data.leaks import Groups
from goldilocks.data.mask import KINDS, find
from goldilocks.data.profile import label_counts
from goldilocks.data.read import Reading
from goldilocks.records import DataProfile, Finding, Gold, Output, Part, Severity, as_text, labels_of

SHOWN = 20
"""Row numbers a finding carries."""
LONG_CHARACTERS = 100_000
LONG_WORDS = 350
"""About what 512 tokens hold, where most encoders stop reading."""
FEW_ROWS = 200
IMBALANCE = 10
SEVERAL = 0.1
"""Share of a second language from which it is worth a word; below, it may be what detection gets wrong."""


def rows_in_words(rows: Sequence[int], shown: int = 5) -> str:
    """``row 3`` or ``rows 3, 4, 9`` or ``rows 1, 2, 3, 4, 5 and 17 more``."""
    named = ", ".join(map(str, rows[:shown]))
    more = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


def finding(
    code: str, severity: Severity, message: str, meaning: str, *, part: str, rows: Sequence[int], count: int = -1
) -> Finding:
    """A finding about ``rows`` (``count`` of them, where not all are handed in)."""
    return Finding(code, severity, message, meaning, part, len(rows) if count < 0 else count, tuple(rows[:SHOWN]))


def unusable_rows(name: str, reading: Reading) -> list[Finding]:
    """Rows that cannot be used, and how the source had to be read."""
    found = [
        finding(
            "unusable_row",
            Severity.ERROR,
            f"{reading.source}: {problem} in {rows_in_words(rows)}",
            "A row without a text and its label teaches and tests nothing; mend it or take it out.",
            part=name,
            rows=rows,
        )
        for problem, rows in reading.problems.items()
    ]
    found += [
        finding(
            "read_as",
            Severity.NOTE,
            f"{reading.source}: {remark}",
            "A wrong guess would change what is learnt; to be sure write files in UTF-8, tables with quoted cells and "
            "tags in IOB2.",
            part=name,
            rows=(),
            count=1,
        )
        for remark in reading.remarks
    ]
    return found


def labels(parts: Mapping[str, Part], output: Output) -> list[Finding]:
    """Labels seen once or never in a part, uneven classes; nothing for answers that are not made of labels."""
    found: list[Finding] = []
    train = parts["train"]
    counts = label_counts(train, output)
    if not counts:
        return found
    once = sorted(label for label, count in counts.items() if count == 1)
    if once:
        pairs = zip(train.rows, train.gold, strict=True)
        rows = [row for row, gold in pairs if any(counts[label] == 1 for label in labels_of(gold, output))]
        found.append(
            finding(
                "label_seen_once",
                Severity.WARNING,
                f"{len(once)} label(s) have one training row: {_some(once)} ({rows_in_words(rows)})",
                "One example is hardly learnt by any candidate, and in macro F1 such a label weighs as much as a "
                "common one; "
                "add examples or merge it with another label.",
                part="train",
                rows=rows,
            )
        )
    (most, high), (least, low) = counts.most_common()[0], counts.most_common()[-1]
    if high >= IMBALANCE * low and all(isinstance(gold, str) for gold in train.gold):
        found.append(
            finding(
                "class_imbalance",
                Severity.WARNING,
                f"{most!r} has {high:,} training rows, {least!r} {low:,}: {high / low:.0f} times as many",
                f"Always answering {most!r} is right {high / len(train):.0%} of the time, so accuracy flatters; "
                "compare by macro F1, and see what errors on the rare labels cost.",
                part="train",
                rows=(),
                count=len(counts),
            )
        )
    for name in ("validation", "test"):
        absent = sorted(set(counts) - set(label_counts(parts[name], output)))
        if absent:
            found.append(
                finding(
                    "label_untested",
                    Severity.WARNING,
                    f"{len(absent)} label(s) of train have no row in {name}: {_some(absent)}",
                    "The score says nothing about these labels.",
                    part=name,
                    rows=(),
                    count=len(absent),
                )
            )
    return found


def few_rows(parts: Mapping[str, Part]) -> list[Finding]:
    """Too few rows to measure with."""
    found: list[Finding] = []
    for name in ("validation", "test"):
        n_rows = len(parts[name])
        if n_rows < FEW_ROWS:
            found.append(
                finding(
                    "few_rows",
                    Severity.WARNING,
                    f"{name} has {n_rows} rows",
                    f"A share measured on them is known to about ±{98 / math.sqrt(n_rows):.0f} points at worst: "
                    "candidates closer than that cannot be told apart, and the cheaper one will be taken.",
                    part=name,
                    rows=(),
                    count=n_rows,
                )
            )
    return found


def contradictions(parts: Mapping[str, Part], groups: Mapping[str, Groups]) -> list[Finding]:
    """Rows whose text stands elsewhere, in any part, with another label."""
    names = list(parts)
    exact = np.concatenate([groups[name].exact for name in names])
    codes: dict[Gold, int] = {}
    gold = np.fromiter(
        (codes.setdefault(label, len(codes)) for name in names for label in parts[name].gold), np.int64, len(exact)
    )
    pairs = np.unique(exact.astype(np.int64) * len(codes) + gold)  # one per text and label it has
    several = np.bincount(pairs // max(len(codes), 1)) > 1
    found: list[Finding] = []
    for name in names:
        places = np.flatnonzero(several[groups[name].exact])
        if len(places):
            rows = [parts[name].rows[place] for place in places.tolist()]
            texts = len(np.unique(groups[name].exact[places]))
            found.append(
                finding(
                    "contradictory_duplicates",
                    Severity.WARNING,
                    f"{len(rows):,} row{_s(rows)} whose text also stands with another label: {texts:,} different "
                    f"text{'s' if texts > 1 else ''} ({rows_in_words(rows)})",
                    "The same text cannot get two answers: no candidate can be right on all of these rows, which "
                    "lowers the "
                    "best score there can be. Decide on one label for each.",
                    part=name,
                    rows=rows,
                )
            )
    return found


def repeats(parts: Mapping[str, Part], groups: Mapping[str, Groups]) -> list[Finding]:
    """Texts that stand more than once within a part, word for word or nearly."""
    found: list[Finding] = []
    for name, part in parts.items():
        exact, near = groups[name].exact, groups[name].near
        _, first = np.unique(exact, return_index=True)
        again = np.setdiff1d(np.arange(len(exact)), first)
        if len(again):
            rows = _rows(part, again)
            found.append(
                finding(
                    "duplicates",
                    Severity.NOTE,
                    f"{len(rows):,} row{_s(rows)} with the text of an earlier row ({rows_in_words(rows)})",
                    "Repeated texts weigh more in training and in the score than single ones; if that is not how "
                    "often they "
                    "really come, take them out.",
                    part=name,
                    rows=rows,
                )
            )
        different = np.bincount(near[first]) > 1  # groups with two different texts or more
        alike = np.flatnonzero(different[near])
        if len(alike):
            rows = _rows(part, alike)
            found.append(
                finding(
                    "near_duplicates",
                    Severity.NOTE,
                    f"{len(rows):,} row{_s(rows)} nearly the same as another row ({rows_in_words(rows)})",
                    "There is less to learn from than the number of rows says; where Goldilocks splits the data, "
                    "such rows "
                    "stay in one part.",
                    part=name,
                    rows=rows,
                )
            )
    return found


def near_leaks(parts: Mapping[str, Part], groups: Mapping[str, Groups]) -> list[Finding]:
    """Rows that nearly stand in another part too (those that do so word for word are dropped by ``load``)."""
    found: list[Finding] = []
    for first, second in (("train", "validation"), ("train", "test"), ("validation", "test")):
        shared = np.flatnonzero(np.isin(groups[second].near, groups[first].near))
        if len(shared):
            rows = _rows(parts[second], shared)
            found.append(
                finding(
                    "near_duplicates_across_parts",
                    Severity.WARNING,
                    f"{len(rows):,} of {len(parts[second]):,} rows of {second} nearly the same as a row of {first} "
                    f"({rows_in_words(rows)})",
                    "Near duplicates across parts make every score too good, most of all that of candidates that "
                    "remember: "
                    "split the data again so that they stay together, or leave the split to Goldilocks.",
                    part=second,
                    rows=rows,
                )
            )
    return found


def lengths(parts: Mapping[str, Part], profile: DataProfile) -> list[Finding]:
    """Texts that are very long."""
    found: list[Finding] = []
    for name, part in parts.items():
        rows = [row for row, text in zip(part.rows, part.texts, strict=True) if len(as_text(text)) > LONG_CHARACTERS]
        if rows:
            found.append(
                finding(
                    "very_long_text",
                    Severity.WARNING,
                    f"{len(rows):,} texts have more than {LONG_CHARACTERS:,} characters ({rows_in_words(rows)})",
                    "Encoders read only the beginning, counts are dominated by such rows, and often it is several "
                    "texts run "
                    "together; look at them.",
                    part=name,
                    rows=rows,
                )
            )
    if profile.tokens["words"]["p95"] > LONG_WORDS:
        found.append(
            finding(
                "long_texts",
                Severity.NOTE,
                f"5 % of the texts have more than {profile.tokens['words']['p95']:.0f} words",
                "Most encoders read the first 512 tokens (about 350 words) and no further, and long texts make "
                "them slow; "
                "candidates that count n-grams read everything.",
                part="train",
                rows=(),
                count=0,
            )
        )
    return found


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
                f"the task says {given}, the training texts look like: {shares}",
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
                f"the training texts are in several languages: {shares}",
                f"Models made for {main} alone do worse on the rest; look at the score by language.",
                part="train",
                rows=(),
                count=len(others) + 1,
            )
        ]
    return []


def personal_data(parts: Mapping[str, Part]) -> list[Finding]:
    """Where e-mail addresses, phone numbers and the like seem to stand: which rows, never what."""
    found: list[Finding] = []
    for name, part in parts.items():
        rows: dict[str, list[int]] = {}
        for row, text in zip(part.rows, part.texts, strict=True):
            for kind in dict.fromkeys(kind for kind, _, _ in find(as_text(text))):
                rows.setdefault(kind, []).append(row)
        found += [
            finding(
                "personal_data",
                Severity.WARNING,
                f"{len(where):,} row{_s(where)} with what looks like {KINDS[kind]} ({rows_in_words(where)})",
                "What a model was trained on can come out of it again, and the bundle stores some texts; mask such "
                "data "
                "unless you may use them.",
                part=name,
                rows=where,
            )
            for kind, where in sorted(rows.items())
        ]
    return found


def _rows(part: Part, places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> list[int]:
    return [part.rows[place] for place in places.tolist()]


def _s(rows: Sequence[int]) -> str:
    return "" if len(rows) == 1 else "s"


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
