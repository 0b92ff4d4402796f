"""Footprint of a trained candidate (latency, memory, size, energy), measured in a fresh process.

``python -m goldilocks.selection.footprint_process FAMILY ENGINE FOLDER TEXTS.json [SPENDING_LOG BY]`` prints one
``Footprint`` as JSON.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from goldilocks import plugins
from goldilocks.errors import IntegrityError
from goldilocks.evaluation.efficiency import Timing, footprint
from goldilocks.protocols import Model, TracksSpending
from goldilocks.records import Footprint, Text
from goldilocks.selection.failures import own_fault
from goldilocks.support.endpoints.spending_log import SpendingLog
from goldilocks.support.files import from_json, to_json
from goldilocks.support.machine.energy import Meter

_PATIENCE_SECONDS = 300
_SINGLE_SECONDS, _BATCH_SECONDS = 1.0, 0.3
"""A race measures every model that finished: a hundred texts of 10 ms, and throughput to about a tenth."""
_PAID_QUESTIONS, _PAID_SECONDS = 20, 60.0
"""An endpoint is timed on this many questions, one after the other. Of fewer than 20 the 95th percentile is the slowest
alone; more would be money for a number whose interval is in the record."""
_ITS_OWN = 3
"""Exit code of a failure that is the model's own."""


def footprint_of(
    family: str, folder: Path, texts: Sequence[Text], log: SpendingLog | None = None, *, engine: str = "native"
) -> Footprint:
    """Load the model in ``folder`` in a fresh process and let it answer ``texts``, alone and in batches.

    A model that is paid for is asked 21 questions, alone; they are entered in ``log`` (one with a file).

    Raises:
        IntegrityError: the model could not be loaded, answered nothing, or took too long or too much memory.
    """
    shared = [str(log.path), log.by] if log and log.path else []
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(texts), file)
        file.flush()
        try:
            done = subprocess.run(
                [
                    sys.executable,
                    "-m",
                    "goldilocks.selection.footprint_process",
                    family,
                    engine,
                    str(folder),
                    file.name,
                    *shared,
                ],
                capture_output=True,
                text=True,
                timeout=_PATIENCE_SECONDS,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise IntegrityError(
                f"{family}: answered too slowly to be measured ({_PATIENCE_SECONDS} s were not enough)."
            ) from error
    if done.returncode == _ITS_OWN:
        raise IntegrityError(f"{family}: could not be measured in a fresh process: {done.stderr.splitlines()[-1]}")
    if done.returncode == -signal.SIGKILL:  # by the kernel, as a rule
        raise IntegrityError(f"{family}: was killed while being measured; has the machine the memory for it?")
    if done.returncode:
        raise RuntimeError(f"{folder}: the model could not be measured in a fresh process:\n{done.stderr}")
    return from_json(Footprint, done.stdout.strip().splitlines()[-1], where=folder)


def stored_model(engine: str, family: str, folder: Path) -> Model:
    """A model that a run has kept, ready for inference.

    Raises:
        IntegrityError: it cannot be restored, whatever goes wrong: its files were written earlier and may be damaged.
    """
    try:
        model: Model = plugins.load("engines", engine).load(folder, family)
    except Exception as error:
        if own_fault(error) is not None:
            raise
        problem = " ".join(f"{type(error).__name__}: {error}".split())
        raise IntegrityError(
            f"{folder}: the stored model cannot be restored ({problem}); restore its files, or train the candidate "
            "again."
        ) from error
    return model


def _main(family: str, engine: str, folder: Path, texts: Path, log: SpendingLog) -> None:
    started = time.perf_counter()
    model = stored_model(engine, family, folder)
    sample = [load if isinstance(load, str) else tuple(load) for load in json.loads(texts.read_text(encoding="utf-8"))]
    if isinstance(model, TracksSpending):
        model.spending_log = log
    model.predict(sample[:1])
    loading = time.perf_counter() - started
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if isinstance(model, TracksSpending):
        measured = footprint(
            model.predict,
            sample,
            load_seconds=loading,
            size_bytes=size,
            timing=Timing(_PAID_SECONDS, batch_seconds=0.0, warm_up=0, max_single=_PAID_QUESTIONS),
            rest=model.rest,
        )
    else:
        measured = footprint(
            model.predict,
            sample,
            load_seconds=loading,
            size_bytes=size,
            timing=Timing(_SINGLE_SECONDS, _BATCH_SECONDS),
            meter=Meter(),
        )
    sys.stdout.write(to_json(measured, indent=None) + "\n")


if __name__ == "__main__":
    try:
        spending = SpendingLog(Path(sys.argv[5]), sys.argv[6]) if len(sys.argv) > 5 else SpendingLog()
        _main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]), spending)
    except Exception as problem:
        words = own_fault(problem)
        if words is None:
            raise
        sys.stderr.write(f"{' '.join(words.split())}\n")
        sys.exit(_ITS_OWN)
