"""How well do n-gram and recurrent language models predict text, and what do they cost to train?

Run:    python benchmarks/language_models.py
Needs:  the data folder; about 15 minutes on 2 cores for the default 200 kB of each text. Stopped and started again it
        goes on (--work).

Measured: bits per byte and perplexity per word on the test part with 95 % intervals over its paragraphs, bits per byte
on the validation part, wall-clock and processor seconds of training. shakespeare: the first --bytes of Tiny
Shakespeare, parted into train, validation and test as a user's file would be. wikitext2: the first --bytes of the
validation file of WikiText-2 (its training file is not at hand), split into train and validation, scored on the first
fifth as many of its test file. chinese_poetry: as many bytes of Song poems, parted as Shakespeare. Recipes are the
families' own; that of the recurrent nets was chosen on the validation part of shakespeare. The last line of output is
one JSON object.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench_data import keep, machine, options, rows

from goldilocks import plugins
from goldilocks.catalog.find import candidates
from goldilocks.data.load import load
from goldilocks.evaluation.score import measured
from goldilocks.records import CandidateFilter, Dataset, DataSpec, TaskSpec
from goldilocks.selection.tune_single import TuningPlan, tune_candidate
from goldilocks.settings import RunSettings
from goldilocks.support.machine.hardware import machine as this_machine
from goldilocks.support.machine.hardware import set_threads

FAMILIES = ("ngram", "recurrent")
METRICS = ("bits_per_byte", "perplexity_word")
Parts = dict[str, str]


def beginning(path: Path, most: int) -> str:
    """The first ``most`` bytes of a text, up to the last whole line."""
    text = gzip.decompress(path.read_bytes())[:most].decode("utf-8", errors="ignore")
    return text[: text.rfind("\n") + 1]


def wikitext(data: Path, most: int) -> Parts:
    """Validation file to learn from, test file to score on."""
    folder = data / "wikitext2"
    return {"train": beginning(folder / "valid.txt.gz", most), "test": beginning(folder / "test.txt.gz", most // 5)}


def poems(data: Path, most: int) -> Parts:
    """Poems with an empty line between them."""
    text = "\n\n".join(str(row["text"]).strip() for row in rows(data, "chinese_poetry", "all"))
    return {"train": text.encode()[:most].decode(errors="ignore")}


SETS: dict[str, tuple[str, Callable[[Path, int], Parts]]] = {
    "shakespeare": ("en", lambda data, most: {"train": beginning(data / "tiny_shakespeare" / "input.txt.gz", most)}),
    "wikitext2": ("en", wikitext),
    "chinese_poetry": ("zh", poems),
}
"""Name -> language, texts."""


def prepared(name: str, data: Path, most: int, folder: Path) -> tuple[TaskSpec, Dataset]:
    """The task of a set, its texts written to ``folder`` and read as any user's."""
    language, make = SETS[name]
    for part, text in make(data, most).items():
        (folder / f"{part}.txt").write_text(text, encoding="utf-8")
    files = DataSpec("train.txt", test="test.txt" if (folder / "test.txt").exists() else None)
    chosen = CandidateFilter(families=FAMILIES)
    spec = TaskSpec(name, files, task="language_modelling", language=language, folder=folder, candidates=chosen)
    return spec, load(spec, plugins.load("tasks", spec.task))


def main() -> None:
    """Train and score what has not been yet."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=list(SETS))
    parser.add_argument("--bytes", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("bench-work/language_models"))
    chosen = parser.parse_args()
    set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    file = chosen.work / f"runs-{chosen.bytes}-{chosen.seed}.json"
    runs: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for name in chosen.sets:
        with tempfile.TemporaryDirectory() as folder:
            spec, dataset = prepared(name, chosen.data, chosen.bytes, Path(folder))
            task, decides = plugins.load("tasks", spec.task), plugins.load("metrics", METRICS[0])
            parts = {"train": len(dataset.train), "validation": len(dataset.validation), "test": len(dataset.test)}
            runs.setdefault(name, {"paragraphs": parts, "runs": {}})
            for candidate in candidates(spec, task, dataset, RunSettings(), this_machine()).candidates:
                if candidate.name in runs[name]["runs"]:
                    continue
                begun, used = time.perf_counter(), time.process_time()
                model, validation = tune_candidate(
                    candidate, dataset.sealed(), decides, {}, plan=TuningPlan(chosen.seed), progress=lambda _: None
                )
                seconds, processor = time.perf_counter() - begun, time.process_time() - used
                answers = model.predict(dataset.test.texts).values
                scores = {
                    metric: asdict(measured(plugins.load("metrics", metric), dataset.test.gold, answers))
                    for metric in METRICS
                }
                result = {"validation": validation.value, "seconds": seconds, "processor_seconds": processor}
                runs[name]["runs"][candidate.name] = scores | result
                file.write_text(json.dumps(runs))
                bits = scores["bits_per_byte"]
                bits_shown = f"{bits['value']:.3f} bits per byte ({bits['low']:.3f} to {bits['high']:.3f})"
                print(f"{name}: {candidate.name}: {bits_shown}, {processor:.1f} s of processor", flush=True)
    keep("language_models", {"benchmark": "language_models", "bytes": chosen.bytes, "sets": runs} | machine())


if __name__ == "__main__":
    main()
