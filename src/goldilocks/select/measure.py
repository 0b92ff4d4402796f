"""What a trained candidate needs to answer, measured in a process of its own: nothing of the search is in its memory.

``python -m goldilocks.select.measure FAMILY FOLDER TEXTS.json`` prints one ``Footprint`` as JSON.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from goldilocks import plugins
from goldilocks.errors import GoldilocksError, IntegrityError
from goldilocks.evaluate.efficiency import footprint
from goldilocks.records import Footprint, Text
from goldilocks.support.energy import Meter
from goldilocks.support.files import from_json, to_json

_PATIENCE_SECONDS = 300
_SINGLE_SECONDS, _BATCH_SECONDS = 1.0, 0.3
"""A race measures every model that finished: a hundred texts of 10 ms, and throughput to about a tenth."""


def footprint_of(family: str, folder: Path, texts: Sequence[Text]) -> Footprint:
    """Load the model in ``folder`` in a fresh process and let it answer ``texts``, alone and in batches.

    Raises:
        IntegrityError: the model could not be loaded or answered nothing.
    """
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(texts), file)
        file.flush()
        done = subprocess.run(
            [sys.executable, "-m", "goldilocks.select.measure", family, str(folder), file.name],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_SECONDS,
            check=False,
        )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise IntegrityError(f"{folder}: the model could not be measured in a fresh process ({last}).")
    return from_json(Footprint, done.stdout.strip().splitlines()[-1], where=folder)


def _main(family: str, folder: Path, texts: Path) -> None:
    begun = time.perf_counter()
    model = plugins.load("families", family).restore(folder)
    sample = [one if isinstance(one, str) else tuple(one) for one in json.loads(texts.read_text(encoding="utf-8"))]
    model.predict(sample[:1])
    loading = time.perf_counter() - begun
    size = sum(one.stat().st_size for one in folder.rglob("*") if one.is_file())
    found = footprint(
        model.predict,
        sample,
        load_seconds=loading,
        size_bytes=size,
        single_seconds=_SINGLE_SECONDS,
        batch_seconds=_BATCH_SECONDS,
        meter=Meter(),
    )
    sys.stdout.write(to_json(found, indent=None) + "\n")


if __name__ == "__main__":
    try:
        _main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
    except GoldilocksError as error:
        sys.exit(f"error: {error}")
