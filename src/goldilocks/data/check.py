"""What is to be said about the data before anything is spent on them: findings, each with what it means for the choice.

Nothing here changes the rows or refuses them; ``load`` does.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from goldilocks.data.language import mixes_scripts, script_of
from goldilocks.data.leaks import Groups
from goldilocks.data.mask import KINDS, find
from goldilocks.data.profile import label_counts
from goldilocks.data.read import Reading
from goldilocks.protocols import ReportsDataIssues, Task
from goldilocks.records import DataProfile, Finding, Gold, Output, Part, Severity, as_text, labels_of
from goldilocks.support.text.units import references

SHOWN = 20
"""Row numbers a finding carries."""
LONG_CHARACTERS = 100_000
LONG_WORDS = 350
"""About what 512 tokens hold, where most encoders stop reading."""
FEW_ROWS = 200
IMBALANCE = 10
SCRIPT_REACH = 100
"""Characters of an item by which its script is told."""
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
SEVERAL = 0.1
"""Share of a second language from which it is worth a word; below, it may be what detection gets wrong."""


def rows_in_words(rows: Sequence[int], shown: int = 5) -> str:
    """``row 3`` or ``rows 3, 4, 9`` or ``rows 1, 2, 3, 4, 5 and 17 more``; each number once."""
    rows = list(dict.fromkeys(rows))
    named = ", ".join(map(str, rows[:shown]))
    more = f" and {len(rows) - shown:,} more" if len(rows) > shown else ""
    return f"row{'s' if len(rows) > 1 else ''} {named}{more}"


def finding(
    code: str, severity: Severity, message: str, meaning: str, *, part: str, rows: Sequence[int], count: int = -1
) -> Finding:
    """A finding about ``rows`` (``count`` of them, where not all are handed in)."""
    return Finding(code, severity, message, meaning, part, len(rows) if count < 0 else count, tuple(rows[:SHOWN]))


def joined_rows(name: str, reading: Reading) -> Finding:
    """How many sentences became how many rows."""
    return finding(
        "joined_rows",
        Severity.NOTE,
        f"{reading.source}: {reading.total:,} rows of the file are {len(reading.part):,} here (data.sentences)",
        "Sentences that follow one another are read together; where nothing marks documents, all neighbours are.",
        part=name,
        rows=(),
        count=len(reading.part),
    )


def unusable_rows(name: str, reading: Reading) -> list[Finding]:
    """Rows that cannot be used, and how the source had to be read."""
    found = [
        finding(
            "unusable_row",
            Severity.ERROR,
            f"{reading.source}: {problem} in {rows_in_words(rows)}",
            "Such a row teaches and tests nothing; mend it or take it out.",
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
            "A wrong guess would change what is learnt; to be sure write files in UTF-8 and tables with quoted cells.",
            part=name,
            rows=(),
            count=1,
        )
        for remark in reading.remarks
    ]
    found += [
        finding(
            "mended_row",
            Severity.NOTE,
            f"{reading.source}: {how} in {rows_in_words(rows)}",
            "If that is not what was meant, correct these rows: what they say is learnt and tested.",
            part=name,
            rows=rows,
        )
        for how, rows in reading.mended.items()
    ]
    return found


def labels(parts: Mapping[str, Part], output: Output) -> list[Finding]:
    """Labels seen once or never in a part, uneven classes; nothing for answers that are not made of labels."""
    found: list[Finding] = []
    train = parts["train"]
    counts = label_counts(train, output)
    if not counts:
        return found
    label, thing = ("tag", "word") if output is Output.TAGS else ("label", "row")
    once = sorted(label for label, count in counts.items() if count == 1)
    if once:
        pairs = zip(train.rows, train.gold, strict=True)
        rows = [row for row, gold in pairs if any(counts[label] == 1 for label in labels_of(gold, output))]
        found.append(
            finding(
                "label_seen_once",
                Severity.WARNING,
                f"{_counted(len(once), label)} with a single training {thing}: {_some(once)} ({rows_in_words(rows)})",
                f"One example is hardly learnt by any candidate, and in macro F1 such a {label} weighs as much as a "
                f"common one; add examples or merge it with another {label}.",
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
                    f"{_counted(len(absent), label)} of train without a {thing} in {name}: {_some(absent)}",
                    f"The score says nothing about {'it' if len(absent) == 1 else 'them'}.",
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
                    f"only {_counted(n_rows, 'row')} in {name}",
                    f"A score on so few is not known well (a share to about ±{98 / math.sqrt(n_rows):.0f} points at "
                    "worst): candidates closer than that cannot be told apart, and the cheaper one will be taken.",
                    part=name,
                    rows=(),
                    count=n_rows,
                )
            )
    return found


def contradictions(parts: Mapping[str, Part], groups: Mapping[str, Groups], task: Task) -> list[Finding]:
    """Rows whose text stands elsewhere, in any part, with another label."""
    item, items = task.ITEM
    answer = "other tags" if task.OUTPUT is Output.TAGS else "other labels" if task.SEVERAL else "another label"
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
                    f"{len(rows):,} row{_s(rows)} whose {item} also stands with {answer}: {texts:,} different "
                    f"{items if texts > 1 else item} ({rows_in_words(rows)})",
                    f"The same {item} cannot get two answers: no candidate can be right on all of these rows, which "
                    "lowers the best score there can be. Decide on one answer for each.",
                    part=name,
                    rows=rows,
                )
            )
    return found


def repeats(parts: Mapping[str, Part], groups: Mapping[str, Groups], task: Task, bound: str = "") -> list[Finding]:
    """Texts that stand more than once within a part, word for word or nearly.

    Where rows are kept together by something else (``bound``), nothing is said of near duplicates.
    """
    item, items = task.ITEM
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
                    f"{len(rows):,} row{_s(rows)} with the {item} of an earlier row ({rows_in_words(rows)})",
                    f"Repeated {items} weigh more in training and in the score than single ones; if that is not how "
                    "often they really come, take them out.",
                    part=name,
                    rows=rows,
                )
            )
        different = np.bincount(near[first]) > 1  # groups with two different texts or more
        alike = np.flatnonzero(different[near])
        if len(alike) and not bound:
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


def near_leaks(parts: Mapping[str, Part], groups: Mapping[str, Groups], bound: str = "") -> list[Finding]:
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
                    f"{len(rows):,} of {len(set(parts[second].rows)):,} rows of {second} "
                    + (f"with a {bound} that {first} has too" if bound else f"nearly the same as a row of {first}")
                    + f" ({rows_in_words(rows)})",
                    f"{f'The same {bound}' if bound else 'Near duplicates'} across parts makes every score too good, "
                    "most of all that of candidates that remember: split the data again so that such rows stay "
                    "together, or leave the split to Goldilocks.",
                    part=second,
                    rows=rows,
                )
            )
    return found


def lengths(parts: Mapping[str, Part], profile: DataProfile, task: Task) -> list[Finding]:
    """Texts that are very long."""
    item, items = task.ITEM
    found: list[Finding] = []
    for name, part in parts.items():
        rows = [row for row, text in zip(part.rows, part.texts, strict=True) if len(as_text(text)) > LONG_CHARACTERS]
        if rows:
            found.append(
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
        found.append(
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
    found: list[Finding] = []
    for name, part in parts.items():
        rows: dict[str, dict[int, None]] = {}
        for row, text in zip(part.rows, part.texts, strict=True):
            for kind in dict.fromkeys(kind for kind, _, _ in find(as_text(text))):
                rows.setdefault(kind, {})[row] = None
        found += [
            finding(
                "personal_data",
                Severity.WARNING,
                f"{len(where):,} row{_s(where)} with what looks like {KINDS[kind]} ({rows_in_words(where)})",
                "What a model was trained on can come out of it again, and the bundle stores some texts; mask such "
                "data unless you may use them.",
                part=name,
                rows=where,
            )
            for kind, where in sorted((kind, list(numbers)) for kind, numbers in rows.items())
        ]
    return found


def scripts(parts: Mapping[str, Part]) -> list[Finding]:
    """Words that mix letters which look alike, and rows in another script than nearly all others."""
    found: list[Finding] = []
    written = {name: [script_of(as_text(text)[:SCRIPT_REACH]) for text in part.texts] for name, part in parts.items()}
    counts = Counter(script for one in written.values() for script in one if script)
    rare = {script for script, count in counts.items() if count < SEVERAL * counts.total()}
    for name, part in parts.items():
        mixed = [row for row, text in zip(part.rows, part.texts, strict=True) if mixes_scripts(as_text(text))]
        if mixed:
            found.append(
                finding(
                    "mixed_scripts",
                    Severity.NOTE,
                    f"{len(mixed):,} row{_s(mixed)} with Cyrillic or Greek letters among Latin ones that look alike "
                    f"({rows_in_words(mixed)})",
                    "To a model they are different letters, so it takes the word for one it never saw. Often it is a "
                    "slip of the keyboard, or meant to get past a filter.",
                    part=name,
                    rows=mixed,
                )
            )
        other = [row for row, script in zip(part.rows, written[name], strict=True) if script in rare]
        if other:
            found.append(
                finding(
                    "other_script",
                    Severity.NOTE,
                    f"{len(other):,} row{_s(other)} in another script than most ({rows_in_words(other)})",
                    "Models made for one language know little of others; take such rows out, or choose a model for "
                    "several languages.",
                    part=name,
                    rows=other,
                )
            )
    return found


def one_target(parts: Mapping[str, Part], task: Task) -> list[Finding]:
    """Texts to be written that are the same in all rows of a part."""
    if task.OUTPUT is not Output.TEXT:
        return []
    found: list[Finding] = []
    for name, part in parts.items():
        targets = {references(gold)[0] for gold in part.gold}
        if len(targets) == 1 < len(part):
            found.append(
                finding(
                    "one_target",
                    Severity.WARNING,
                    f"all {len(part):,} rows have the same right answer",
                    "A model learns to say it whatever it is asked, and scores well by it; was the right column named?",
                    part=name,
                    rows=(),
                    count=len(part),
                )
            )
    return found


def survey(parts: Mapping[str, Part], task: Task) -> list[Finding]:
    """What the task itself finds odd (``protocols.ReportsDataIssues``)."""
    if not isinstance(task, ReportsDataIssues):
        return []
    found = []
    odd = {name: tuple(task.oddities(part)) for name, part in parts.items() if len(part)}
    everywhere = {one for one in next(iter(odd.values()), ()) if all(one in others for others in odd.values())}
    for name, part in parts.items():
        for one in odd.get(name, ()):
            rows = list(dict.fromkeys(part.rows[place] for place in one.places))
            if rows:
                message = f"{one.message} ({rows_in_words(rows)})"
                found.append(finding(one.code, one.severity, message, one.meaning, part=name, rows=rows))
            elif one not in everywhere:
                found.append(finding(one.code, one.severity, one.message, one.meaning, part=name, rows=()))
    return found + [
        finding(one.code, one.severity, one.message, one.meaning, part="all", rows=())
        for one in sorted(everywhere, key=lambda one: one.code)
        if not one.places
    ]


def _rows(part: Part, places: np.ndarray[tuple[int, ...], np.dtype[np.intp]]) -> list[int]:
    """Their numbers, each once: the turns of a dialogue share one."""
    return list(dict.fromkeys(part.rows[place] for place in places.tolist()))


def _s(rows: Sequence[int]) -> str:
    return "" if len(rows) == 1 else "s"


def _counted(n: int, name: str) -> str:
    return f"{n:,} {name}{'' if n == 1 else 's'}"


def _some(names: Sequence[str], shown: int = 5) -> str:
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(map(repr, names[:shown])) + more
