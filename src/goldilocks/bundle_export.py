"""Export of a bundle to a format that other software runs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

from goldilocks import plugins
from goldilocks.bundle.card import exported_card
from goldilocks.bundle.layout import CARD
from goldilocks.bundle.one_domain import one_domain
from goldilocks.bundle.read import load
from goldilocks.errors import GoldilocksError, InputError, MissingError
from goldilocks.protocols import HasPrecisions, TracksSpending
from goldilocks.records import Exported, ExportSettings
from goldilocks.support.files import check_apart, write_text


def export_bundle(bundle: Path, target: str, out: Path, precision: str = "", *, domain: str | None = None) -> Exported:
    """Write a bundle's model in another format, with a model card.

    Args:
        bundle: The bundle's folder.
        target: File name in exporters/.
        out: A folder that is empty or does not exist. It stays empty where the export fails.
        precision: One of the exporter's ``PRECISIONS``; empty: the first, or what the bundle has.
        domain: Whose part is exported, of a bundle with a part for each.

    Returns:
        How the folder is used.

    Raises:
        InputError: ``out`` is not empty, there is no such precision or domain, or this kind of model has no such form
            with the same answers.
        MissingError: no such target, or a package that it needs is not installed.
    """
    exporter = plugins.load("exporters", target)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is not an empty folder; choose another --out.")
    precisions = exporter.PRECISIONS if isinstance(exporter, HasPrecisions) else ()
    if precision and precision not in precisions:
        choice = f"it can be {', '.join(precisions)}" if precisions else f"--to {target} has no choice of it"
        raise InputError(f"--precision is {precision!r}; {choice}.")
    missing = exporter.unavailable()
    if missing:
        raise MissingError(f"--to {target}: {missing}")
    loaded = one_domain(load(bundle), domain)
    check_apart(out, bundle)
    if isinstance(loaded.model, TracksSpending):
        raise InputError(f"{bundle}: its model answers at an endpoint, so there are no weights to export.")
    reason = exporter.incompatibility(loaded.model)
    if reason is not None:
        raise InputError(f"{bundle}: cannot be exported to {target}: {reason}.")
    info = loaded.info
    words = [info.task, info.model, *([domain] if domain else [])]
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", "-".join(words)).strip("_")
    precision = precision or next(iter(precisions), "")
    settings = ExportSettings(name, info.answer_rule, info.normalisation, precision)
    out.mkdir(parents=True, exist_ok=True)
    try:
        exported = exporter.export(loaded.model, settings, out)
        card = exported_card(info, replace(exported, usage=exported.usage.replace("FOLDER", "path/to/this/folder")))
        write_text(out / CARD, card)
    except GoldilocksError:
        for path in out.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise
    return replace(exported, command=exported.command.replace("FOLDER", str(out)))
