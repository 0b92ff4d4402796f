"""From the task's sources to three parts that share no text: read, refused or mended, split, fingerprinted.

Whoever decides something about the rows does it here; ``check.py`` only says what there is.

- Rows that cannot be used are left out where they are fewer than 1 % of their source; from there on the data are
  refused.
- Parts that are given stay as they are, with one exception: a row of train whose text stands in validation or test (and
  a row of validation whose text stands in test) is left out, because otherwise every score lies.
- Parts that are not given are split from train, the test part first (see ``split.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from goldilocks.data import check, split
from goldilocks.data.check import finding, rows_in_words
from goldilocks.data.fingerprint import fingerprint
from goldilocks.data.leaks import Groups, group, normalise
from goldilocks.data.profile import Tokenizers, label_counts, profile
from goldilocks.data.read import Reading, read
from goldilocks.data.wording import instruction_for
from goldilocks.errors import InputError
from goldilocks.events import DataStep, Progress, silent
from goldilocks.protocols import Task
from goldilocks.records import Dataset, Finding, Output, Part, Severity, TaskSpec, Text, as_text, labels_of
from goldilocks.settings import nearest
from goldilocks.support.text.iob2 import words_of
from goldilocks.support.text.sentences import SENTENCE_END, sentences_of

UNUSABLE_SHARE = 0.01
PARTS = ("train", "validation", "test")

Parts = dict[str, Part]
Grouped = dict[str, Groups]


def load(
    spec: TaskSpec,
    task: Task,
    *,
    tokenizers: Callable[[], Tokenizers] | None = None,
    progress: Progress = silent,
) -> Dataset:
    """Read, check and split the data of a task.

    Args:
        spec: Names the sources, the language and the seed of the split.
        task: Says which columns there are and what is wrong with a row.
        tokenizers: Called once the data are known to be usable, since loading them takes seconds; see ``profile``.
        progress: Called with ``DataStep`` before each step.

    Raises:
        InputError: the data cannot decide anything: too many unusable rows, one class, a label that is only in
            validation or test, too few rows to split, or a source that cannot be read.
        MissingError: a file or package is not there.
    """
    readings: dict[str, Reading] = {}
    for name in PARTS:
        source = getattr(spec.data, name)
        if source is not None:
            progress(DataStep(f"reading {source}"))
            readings[name] = read(source, spec.data.fields, task, spec.folder, sentences=spec.data.sentences)
    findings = _mend(readings)
    if spec.data.sentences > 1:
        findings += [check.joined_rows(name, reading) for name, reading in readings.items()]
    parts = {name: readings[name].part if name in readings else Part() for name in PARTS}
    sources = {name: reading.source for name, reading in readings.items()}
    del readings
    refuse = _refuser(task.OUTPUT, sources)
    refuse(parts, "")

    progress(DataStep("looking for duplicates"))
    bound = _bound(parts, task.OUTPUT)
    groups = _groups(parts, spec.seed, task.OUTPUT, bound)
    if task.OUTPUT in (Output.LABEL, Output.TAGS):  # elsewhere several answers may be right
        findings += check.contradictions({name: parts[name] for name in sources}, groups, task)
    findings += check.repeats({name: parts[name] for name in sources}, groups, task, bound)
    findings += _drop_leaks(parts, groups, sources)
    refuse(parts, " once the rows that also stand in another part are left out")
    findings += _split(parts, groups, sources, spec.seed, task, bound)
    if bound == "document":  # which may have sentences in common
        findings += _drop_leaks(parts, groups, {name: sources.get(name, sources["train"]) for name in PARTS})
        refuse(parts, " once the rows that also stand in another part are left out")
    findings += check.near_leaks(parts, groups, bound)

    progress(DataStep("checking labels, lengths, language and personal data"))
    counters = tokenizers() if tokenizers else None
    numbers = profile(parts, output=task.OUTPUT, language=spec.language, tokenizers=counters, task=task)
    findings += check.labels(parts, task.OUTPUT)
    findings += check.few_rows(parts)
    findings += check.lengths(parts, numbers, task)
    findings += check.language(numbers, spec.language)
    findings += check.scripts(parts)
    findings += check.one_target(parts, task)
    findings += check.survey(parts, task)
    findings += check.personal_data(parts)
    instruction = instruction_for(spec, task, parts["train"].gold, numbers.language)
    order = list(Severity)
    return Dataset(
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        labels=tuple(sorted(label_counts(parts["train"], task.OUTPUT))),
        fingerprint=fingerprint([parts[name] for name in PARTS]),
        profile=numbers,
        findings=tuple(sorted(findings, key=lambda one: order.index(one.severity))),
        output=task.OUTPUT,
        several=task.SEVERAL,
        sentences=spec.data.sentences,
        columns=dict(spec.data.fields),
        instruction=instruction,
        generation=spec.generation,
    )


def _mend(readings: Mapping[str, Reading]) -> list[Finding]:
    """Say which rows are left out; refuse the data where there are too many of them."""
    findings: list[Finding] = []
    refused: list[str] = []
    for name, reading in readings.items():
        findings += check.unusable_rows(name, reading)
        rows = sorted(row for where in reading.problems.values() for row in where)
        if not rows:
            continue
        if len(rows) >= UNUSABLE_SHARE * reading.total or not len(reading.part):
            what = "; ".join(f"{problem}: {rows_in_words(where)}" for problem, where in reading.problems.items())
            refused.append(f"{reading.source}: {len(rows):,} of {reading.total:,} rows cannot be used ({what})")
            continue
        findings.append(
            finding(
                "rows_left_out",
                Severity.WARNING,
                f"{len(rows):,} of {reading.total:,} rows of {reading.source} left out ({rows_in_words(rows)})",
                "Everything that follows is about the other rows.",
                part=name,
                rows=rows,
            )
        )
    if refused:
        raise InputError(f"{'; '.join(refused)}. Mend or remove these rows; fewer than 1 % would have been left out.")
    return findings


def _refuser(output: Output, sources: Mapping[str, str]) -> Callable[[Parts, str], None]:
    """What refuses parts whose labels cannot be learnt; nothing is refused where answers are not made of labels."""
    if output is Output.LABEL:
        return lambda parts, why: _refuse_labels(parts, sources, why)
    if output is Output.TAGS:
        return lambda parts, why: _refuse_one_answer(
            {(tag,) for tag in label_counts(parts["train"], output)}, parts, sources, why
        )
    if output is Output.SCORE:
        return lambda parts, why: _refuse_one_score(parts, sources, why)
    return _refuse_nothing


def _refuse_nothing(parts: Parts, why: str) -> None:
    """Answers that are not made of labels cannot lack one."""


def _refuse_labels(parts: Parts, sources: Mapping[str, str], why: str) -> None:
    known = label_counts(parts["train"], Output.LABEL)
    for name in ("validation", "test"):
        strange = {
            place: [label for label in labels_of(gold, Output.LABEL) if label not in known]
            for place, gold in enumerate(parts[name].gold)
        }
        strange = {place: unknown for place, unknown in strange.items() if unknown}
        if strange:
            every = [label for unknown in strange.values() for label in unknown]
            label, others = every[0], len(set(every)) - 1
            rows = [parts[name].rows[place] for place in strange]
            raise InputError(
                f"{sources[name]}: the label {label!r}{f' and {others} more' if others else ''} is only in {name} "
                f"({rows_in_words(rows)}){why} and cannot be learnt.{nearest(label, sorted(known))} "
                "Add training rows for it, correct it, or remove these rows."
            )
    answers = {labels_of(gold, Output.LABEL) for gold in parts["train"].gold}
    _refuse_one_answer(answers, parts, sources, why)


def _refuse_one_answer(
    answers: Collection[tuple[str, ...]], parts: Parts, sources: Mapping[str, str], why: str
) -> None:
    """Refuse training rows whose right answers (the labels of each, which may be none) are all the same."""
    if len(answers) < 2:
        only = next(iter(answers), ())
        what = f"the label{'s' if len(only) > 1 else ''} {', '.join(map(repr, only))}" if only else "no label"
        raise InputError(
            f"{sources['train']}: all {len(parts['train']):,} rows have {what}{why}; "
            "there is nothing to tell apart. Add rows of another label, or name another column as label."
        )


def _refuse_one_score(parts: Parts, sources: Mapping[str, str], why: str) -> None:
    """Lists of scores may well be all the same: the right one of each list stands first."""
    scores = set(parts["train"].gold)
    only = next(iter(scores), None)
    if len(scores) == 1 and isinstance(only, float):
        raise InputError(
            f"{sources['train']}: all {len(parts['train']):,} rows have the score {only:g}{why}; "
            "there is nothing to tell apart. Add rows of other scores, or name another column as score."
        )


def _bound(parts: Parts, output: Output) -> str:
    """What keeps rows together, where it is not that they are nearly the same.

    ``context``, ``dialogue``, ``document`` or nothing.
    """
    if output is Output.SPAN:
        return "context"  # has several questions; in two parts it would be known before it is asked about
    if any(len(set(part.documents) - {""}) > 1 for part in parts.values()):
        return "document"
    return "dialogue" if any(len(set(part.rows)) < len(part) for part in parts.values()) else ""


def _about(parts: Parts, bound: str) -> list[str] | None:
    """What each row is about, where that keeps rows together: the context, all of the dialogue or of the document."""
    if not bound:
        return None
    if bound == "context":
        return [text if isinstance(text, str) else text[-1] for name in PARTS for text in parts[name].texts]
    if bound == "document":
        return [text for name in PARTS for text in _whole_documents(parts[name])]
    found: list[str] = []
    for name in PARTS:
        # The turns of a dialogue have its row number, and the last of them was preceded by all others.
        last = dict(zip(parts[name].rows, parts[name].texts, strict=True))
        whole = {row: as_text(text) for row, text in last.items()}
        found += [whole[row] for row in parts[name].rows]
    return found


def _whole_documents(part: Part) -> list[str]:
    """All that is there of the document of each row; of a row of no document the row."""
    names = part.documents or ("",) * len(part)
    pieces: dict[str, list[str]] = {}
    for name, text in zip(names, part.texts, strict=True):
        pieces.setdefault(name, []).append(as_text(text))
    whole = {name: " ".join(texts) for name, texts in pieces.items()}
    return [whole[name] if name else as_text(text) for name, text in zip(names, part.texts, strict=True)]


def _groups(parts: Parts, seed: int, output: Output, bound: str) -> Grouped:
    texts = [text for name in PARTS for text in parts[name].texts]
    # ("a", "b c") and ("a b", "c") are two pairs; the words of a sentence are one text however they are counted.
    between = " " if output is Output.TAGS else " \u241f "
    spelled = [text if isinstance(text, str) else between.join(text) for text in texts]
    together = group(spelled, about=_about(parts, bound), seed=seed)
    grouped: Grouped = {}
    start = 0
    for name in PARTS:
        end = start + len(parts[name])
        grouped[name] = together.take(np.arange(start, end))
        start = end
    return grouped


def _drop_leaks(parts: Parts, groups: Grouped, sources: Mapping[str, str]) -> list[Finding]:
    """Leave out of train what stands in validation or test, and out of validation what stands in test; in place."""
    findings: list[Finding] = []
    for name, others in (("train", ("validation", "test")), ("validation", ("test",))):
        held = np.concatenate([groups[other].exact for other in others])
        leaked = np.isin(groups[name].exact, held) | _told(parts[name], [parts[other] for other in others])
        if not leaked.any():
            continue
        rows = [parts[name].rows[place] for place in np.flatnonzero(leaked).tolist()]
        where = " or ".join(one for one in others if one in sources)
        if leaked.all():
            raise InputError(
                f"{sources[name]}: every row also stands in {where}; "
                "name different files, or leave the split to Goldilocks by naming train alone."
            )
        _keep(parts, groups, name, np.flatnonzero(~leaked).tolist())
        findings.append(
            finding(
                "duplicates_across_parts",
                Severity.WARNING,
                f"{len(rows):,} of {len(leaked):,} rows of {name} left out because they also stand in {where} "
                f"({rows_in_words(rows)})",
                "A candidate that has seen the answers scores too well, most of all one that remembers; scores "
                "published with the leak are not comparable with these.",
                part=name,
                rows=rows,
            )
        )
    return findings


def _told(part: Part, others: Sequence[Part]) -> npt.NDArray[np.bool_]:
    """Where there are rows of several sentences: whether sentences with most of a row's words stand in other parts."""
    if not any(SENTENCE_END in item for one in (part, *others) for item in one.texts if not isinstance(item, str)):
        return np.zeros(len(part), dtype=bool)

    def sentences(item: Text) -> list[str]:
        return [normalise(" ".join(one)) for one in sentences_of(words_of(item))]

    held = {sentence for one in others for item in one.texts for sentence in sentences(item)}
    found = [[(len(one.split()), one in held) for one in sentences(item)] for item in part.texts]
    return np.array([2 * sum(n for n, known in row if known) > sum(n for n, _ in row) for row in found], dtype=bool)


def _split(
    parts: Parts, groups: Grouped, sources: Mapping[str, str], seed: int, task: Task, bound: str
) -> list[Finding]:
    """Split from train what was not given, the test part first; in place."""
    findings: list[Finding] = []
    given, together = len(parts["train"]), len(np.unique(groups["train"].near))
    for name, most in (("test", split.MOST_TEST), ("validation", split.MOST_VALIDATION)):
        if name in sources:
            continue
        train, n_rows = parts["train"], len(parts["train"])
        # The first label stands for the row; where there are none, all rows are alike.
        labelled = task.OUTPUT is Output.LABEL
        strata = [labels_of(gold, task.OUTPUT)[:1] for gold in train.gold] if labelled else [()] * n_rows
        stay, aside = split.set_aside(
            ["".join(one) for one in strata],
            groups["train"].near,
            share=split.SHARE,
            at_most=most,
            seed=seed + (name == "test"),
        )
        if not aside:
            few, least = _too_few(given, together, task, bound)
            raise InputError(
                f"{sources['train']}: {few} to set some aside for {name}; {least}. Add rows, or name a {name} file."
            )
        parts[name], groups[name] = train.take(aside), groups["train"].take(aside)
        _keep(parts, groups, "train", stay)
        findings.append(
            finding(
                "split",
                Severity.NOTE,
                f"{len(aside):,} of {n_rows:,} rows of {sources['train']} set aside for {name} (seed {seed})",
                f"{'Each label keeps its share. ' if labelled else ''}"
                f"{f'Rows with one {bound}' if bound else 'Near duplicates'} stay in one part, so the score is about "
                f"new {f'{bound}s' if bound else task.ITEM[1]}.",
                part=name,
                rows=(),
                count=len(aside),
            )
        )
    return findings


def _too_few(n_rows: int, n_groups: int, task: Task, bound: str) -> tuple[str, str]:
    """That the rows of train, in groups that stay together, are too few to split, and how many it takes."""
    rows = f"{n_rows:,} row{'' if n_rows == 1 else 's'}"
    least = f"at least {split.LEAST_ROWS} different {f'{bound}s' if bound else 'rows'} are needed"
    if bound:
        rows += f" with {n_groups:,} different {bound}{'' if n_groups == 1 else 's'}"
    elif n_groups < n_rows:
        rows += f" in {n_groups:,} group{'' if n_groups == 1 else 's'} of near duplicates, which stay together,"
    if task.OUTPUT is Output.LABEL and not bound:
        least = f"a label needs at least {split.LEAST_ROWS} different rows"
    elif task.OUTPUT is Output.TAGS and n_rows < split.LEAST_ROWS:
        least += " (of CoNLL columns an empty line ends one)"
    return f"{rows} {'is' if n_rows == 1 else 'are'} too few", least


def _keep(parts: Parts, groups: Grouped, name: str, positions: list[int]) -> None:
    parts[name], groups[name] = parts[name].take(positions), groups[name].take(positions)
