"""Small pools and recorded curves for the tests of select/ and policies/."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from goldilocks.protocols import ExplainsStopping, Policy, Race
from goldilocks.records import Candidate, DataSpec, Forecast, Measured, ModelInfo, TaskSpec, Trial
from goldilocks.selection.standings import RUNGS, Standings
from goldilocks.support.machine.hardware import Machine

MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=100.0, bf16=False, name="test")
SPEC = TaskSpec(name="t", data=DataSpec(train="t.csv"), folder=Path())


def candidate(name: str) -> Candidate:
    family, model, method = name.split("/")
    facts = ModelInfo(
        name=model,
        family=family,
        source="builtin",
        architecture="",
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=1,
        size_bytes=1,
    )
    return Candidate(facts, method)


def network(name: str) -> Candidate:
    """A candidate that is trained by gradient descent; a decoder can be prompted too."""
    plain = candidate(name)
    groups = ("head", "prompt") if plain.model.family == "decoder" else ("head",)
    return replace(plain, model=replace(plain.model, groups=groups))


def trial(name: str, rung: int, loss: float, seconds: float, n: int = 400) -> Trial:
    return Trial(
        candidate=name,
        rung=rung,
        share=RUNGS[rung],
        seconds=seconds,
        score=Measured(1 - loss, 1 - loss, 1 - loss, n, "accuracy"),
        loss=loss,
        predictions="",
        seconds_per_text=1e-3,
        elapsed=0.0,
        predicted_seconds=seconds,
        value=0.0,
        why="",
        data_fingerprint="0" * 16,
    )


def curve(name: str, losses: Sequence[float], seconds: Sequence[float]) -> list[Trial]:
    return [trial(name, rung, losses[rung], seconds[rung]) for rung in range(len(RUNGS))]


def standings(seconds: Mapping[str, float], trials: Sequence[Trial] = (), n_items: int = 400) -> Standings:
    return Standings(
        pool=[candidate(name) for name in seconds],
        forecasts={name: Forecast(each, 0.0) for name, each in seconds.items()},
        spec=SPEC,
        machine=MACHINE,
        n_items=n_items,
        trials=list(trials),
        left=1000.0,
    )


def stopped(policy: Policy, race: Race) -> str:
    """Why the policy stops."""
    assert isinstance(policy, ExplainsStopping)
    return policy.stopped(race)
