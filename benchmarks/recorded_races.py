"""Recorded races in a compact format without rows of the data, for replay. Not a benchmark itself.

A record holds the pool with its forecasts, the screening's probes and every rung of every candidate: seconds, loss and
which validation items were answered right (bits in hexadecimal). ``results/races/NAME.json`` are those of record, made
by ``record_experience.py``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from bench_data import RESULTS

from goldilocks.records import (
    Candidate,
    DataSpec,
    Forecast,
    Measured,
    ModelInfo,
    Pool,
    ProbeResult,
    Screening,
    TaskSpec,
    Trial,
)
from goldilocks.selection.experience import Experience
from goldilocks.selection.standings import Standings
from goldilocks.selection.workspace import Workspace
from goldilocks.settings import read_task
from goldilocks.support.files import read_record
from goldilocks.support.machine.hardware import Machine

RACES = RESULTS / "races"
MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="of the record")

TIME_ERROR, SCORING_SECONDS = 0.3, 0.2
"""Standard deviation of the log of seconds over forecast, and seconds of scoring a rung, in ``RaceRecord.timed``."""

Bits = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class RaceRecord:
    """An exhaustive race."""

    name: str
    n_items: int
    n_labels: int
    pool: tuple[Candidate, ...]
    forecasts: dict[str, Forecast]
    screening: Screening
    trials: tuple[Trial, ...]
    right: dict[tuple[str, int], Bits]
    """(candidate, rung) -> which items were answered right."""

    @property
    def seconds(self) -> float:
        """Of the whole race."""
        return sum(trial.seconds for trial in self.trials)

    def on(self, items: npt.NDArray[np.integer[Any]]) -> RaceRecord:
        """The same race scored on some of the items (or on some of them twice)."""
        right = {key: bits[items] for key, bits in self.right.items()}
        trials = tuple(_rescored(trial, right[trial.candidate, trial.rung]) for trial in self.trials)
        return replace(self, n_items=len(items), trials=trials, right=right)

    def timed(self, seed: int) -> RaceRecord:
        """The same race with the seconds of its forecasts, each candidate's with an error of its own.

        The recorded ones are of a machine that other work slowed up to sixfold in the middle of a race.
        """
        errors = np.random.default_rng(seed).standard_normal(len(self.pool))
        factor = {
            candidate.name: float(np.exp(TIME_ERROR * error))
            for candidate, error in zip(self.pool, errors, strict=True)
        }
        done: dict[str, float] = {}
        trials = []
        for trial in self.trials:
            forecast = self.forecasts[trial.candidate]
            behind = forecast.behind(trial.share)
            step = behind - done.get(trial.candidate, 0.0)
            done[trial.candidate] = behind
            seconds = SCORING_SECONDS + factor[trial.candidate] * forecast.seconds * step
            trials.append(replace(trial, seconds=seconds))
        return replace(self, trials=tuple(trials))

    def standings(self, experience: Experience, spec: TaskSpec | None = None, seed: int = 0) -> Standings:
        """The race before its first purchase. Measuring finished models takes no time: it is not in the record."""
        return Standings(
            pool=self.pool,
            forecasts=self.forecasts,
            spec=spec or TaskSpec(name=self.name, data=DataSpec("")),
            machine=MACHINE,
            n_items=self.n_items,
            n_labels=self.n_labels,
            screening=self.screening,
            experience=experience,
            seed=seed,
        )


def _rescored(trial: Trial, right: Bits) -> Trial:
    accuracy = float(right.mean())
    return replace(trial, loss=1 - accuracy, score=Measured(accuracy, accuracy, accuracy, len(right), "accuracy"))


def compact(run: Path, name: str) -> dict[str, Any]:
    """The record of a finished exhaustive run of a task that accuracy decides."""
    from goldilocks.flow import check

    workspace = Workspace(run)
    dataset = check(read_task(run / "task.yaml"))
    gold = np.array([str(label) for label in dataset.validation.gold])
    pool, screening = read_record(Pool, workspace.pool), read_record(Screening, workspace.screening)
    trials = []
    for trial in workspace.read_trials():
        answers = workspace.read_answers(trial.predictions, dataset.goal).values
        right = np.array([str(answer) for answer in answers]) == gold
        trials.append(
            {
                "candidate": trial.candidate,
                "rung": trial.rung,
                "share": trial.share,
                "seconds": round(trial.seconds, 3),
                "seconds_per_text": round(trial.seconds_per_text, 7),
                "right": np.packbits(right).tobytes().hex(),
            }
        )
    return {
        "name": name,
        "rows": len(dataset.train),
        "items": len(gold),
        "labels": len(dataset.labels),
        "candidates": [
            {
                "name": candidate.name,
                "pretrained": candidate.model.pretrained,
                "parameters": candidate.model.parameters,
                "one_go": not candidate.model.groups,
                "seconds": round(pool.forecasts[candidate.name].seconds, 3),
                "once": round(pool.forecasts[candidate.name].once, 4),
            }
            for candidate in pool.candidates
        ],
        "probes": [{"model": probe.model, "loss": round(probe.probe_loss, 5)} for probe in screening.looks],
        "trials": trials,
    }


def read(path: Path) -> RaceRecord:
    """A record of ``compact``."""
    raw = json.loads(path.read_text(encoding="utf-8"))
    right: dict[tuple[str, int], Bits] = {}
    trials: list[Trial] = []
    for entry in raw["trials"]:
        bits = np.unpackbits(np.frombuffer(bytes.fromhex(entry["right"]), dtype=np.uint8))[: raw["items"]].astype(bool)
        right[entry["candidate"], entry["rung"]] = bits
        trials.append(_trial(entry, bits))
    probes = tuple(ProbeResult(probe["model"], 0, {}, probe["loss"], 0.0) for probe in raw["probes"])
    names = tuple(entry["name"] for entry in raw["candidates"])
    return RaceRecord(
        name=raw["name"],
        n_items=raw["items"],
        n_labels=raw["labels"],
        pool=tuple(
            named(entry["name"], entry["parameters"], pretrained=entry["pretrained"], one_go=entry["one_go"])
            for entry in raw["candidates"]
        ),
        forecasts={entry["name"]: Forecast(entry["seconds"], 0.0, entry["once"]) for entry in raw["candidates"]},
        screening=Screening(probes, {}, names, (), 0.0, ""),
        trials=tuple(trials),
        right=right,
    )


def read_all(folder: Path = RACES) -> dict[str, RaceRecord]:
    """All records of a folder, by name."""
    return {path.stem: read(path) for path in sorted(folder.glob("*.json"))}


def _trial(entry: dict[str, Any], right: Bits) -> Trial:
    accuracy = float(right.mean())
    return Trial(
        candidate=entry["candidate"],
        rung=entry["rung"],
        share=entry["share"],
        seconds=entry["seconds"],
        score=Measured(accuracy, accuracy, accuracy, len(right), "accuracy"),
        loss=1 - accuracy,
        predictions="",
        seconds_per_text=entry["seconds_per_text"],
        elapsed=0.0,
        predicted_seconds=0.0,
        value=0.0,
        why="",
        data_fingerprint="",
    )


def named(name: str, parameters: int, *, pretrained: bool, one_go: bool = False) -> Candidate:
    """A candidate of which little more than the name is known."""
    family, model, method = name.split("/")
    source = "pypi://recorded" if pretrained else "builtin"
    groups = () if one_go else ("head",)
    facts = ModelInfo(model, family, source, "", "", ("*",), "none-needed", parameters, parameters, groups)
    return Candidate(facts, method)


def finals(record: RaceRecord) -> dict[str, float]:
    """Candidate -> loss at the end of its run."""
    return {trial.candidate: trial.loss for trial in record.trials if trial.share >= 1}


def curves(trials: Sequence[Trial]) -> dict[str, dict[float, float]]:
    """Candidate -> share -> loss."""
    losses: dict[str, dict[float, float]] = {}
    for trial in trials:
        losses.setdefault(trial.candidate, {})[trial.share] = trial.loss
    return losses
