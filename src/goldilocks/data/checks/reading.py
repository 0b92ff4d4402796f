"""Findings about how a source was read: unusable rows, corrected rows, assumptions about its format."""

from __future__ import annotations

from collections.abc import Mapping

from goldilocks.data.findings import finding, rows_in_words
from goldilocks.data.read import Reading
from goldilocks.records import Finding, Severity


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
    remarks = [
        finding(
            "read_as",
            Severity.NOTE,
            f"{reading.source}: {remark}",
            "A wrong guess would change what is learnt; to be sure, save files in UTF-8 and tables with quoted cells.",
            part=name,
            rows=(),
            count=1,
        )
        for remark in reading.remarks
    ]
    return [
        *_of_rows(
            name,
            reading.source,
            reading.problems,
            ("unusable_row", Severity.ERROR),
            "Such a row can be used neither for training nor for evaluation; correct or remove it.",
        ),
        *remarks,
        *_of_rows(
            name,
            reading.source,
            reading.repaired,
            ("mended_row", Severity.NOTE),
            "If that is not what was meant, correct these rows: they are used for training and evaluation as they are.",
        ),
        *_of_rows(
            name,
            reading.source,
            reading.skipped,
            ("skipped_row", Severity.NOTE),
            "Annotators did not accept these rows, so they are left out; nothing has to be done.",
        ),
    ]


def _of_rows(
    name: str, source: str, groups: Mapping[str, tuple[int, ...]], kind: tuple[str, Severity], meaning: str
) -> list[Finding]:
    code, severity = kind
    return [
        finding(code, severity, f"{source}: {reason} in {rows_in_words(rows)}", meaning, part=name, rows=rows)
        for reason, rows in groups.items()
    ]
