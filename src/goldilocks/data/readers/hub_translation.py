"""Translations as data sets on the Hub have them: ``{"translation": {"en": ..., "de": ...}}``.

Without ``fields`` the first language of the first row is the source and the second the target; ``fields: {source: de,
target: en}`` names languages, as ``fields: {source: translation.de}`` names their columns.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from goldilocks.data.readers.rows import Table
from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

COLUMN = "translation"


def columns_of(table: Table, wanted: Collection[str], fields: Mapping[str, str]) -> dict[str, str] | None:
    """``source`` and ``target`` -> their columns; ``None`` where the file has another form, or the task no use for it.

    Raises:
        InputError: a language is named that the first row lacks, or there are not two.
    """
    named = {role: fields[role] for role in ("source", "target") if role in fields}
    if (
        not {"source", "target"} <= set(wanted)
        or COLUMN not in table.names
        or not set(table.names).isdisjoint({"source", "target", *named.values()})
    ):
        return None
    first = next((cells for _, cells in table.rows([COLUMN]) if not isinstance(cells, str)), [None])[0]
    if not isinstance(first, dict):
        return None
    languages = list(first)
    for role, language in named.items():
        if language.removeprefix(f"{COLUMN}.") not in languages:
            raise InputError(
                f"{table.path.name}: there is no language {language!r} for {role}.{suggest(language, languages)} "
                f"There are: {', '.join(languages)}."
            )
    free = [language for language in languages if language not in {name.split(".")[-1] for name in named.values()}]
    if len(languages) < 2 or (not named and len(languages) > 2):
        raise InputError(
            f"{table.path.name}: translation holds {', '.join(languages) or 'nothing'}; name two of its languages, "
            "such as fields: {source: en, target: de}."
        )
    chosen = {role: named.get(role, "").removeprefix(f"{COLUMN}.") or free.pop(0) for role in ("source", "target")}
    return {role: f"{COLUMN}.{language}" for role, language in chosen.items()}
