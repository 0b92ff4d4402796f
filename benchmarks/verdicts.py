"""How often does the verdict call a useless winner useful, and how often does it recognise a useful one?

Run:    python benchmarks/verdicts.py --noise 200 --effect 50
Needs:  CPU only; about 5 min. Results of record are in benchmarks/results/verdicts.json.

Simulated are the validation answers of a search, not searches: a set has 100 to 500 validation items and 2 to 5 labels
with equal shares (every noise candidate is then truly as good as the constant answer) or, in half of the sets, uneven
ones; 15 candidates answer. In a set of *noise* every candidate draws its answers without looking at the item, each with
its own shares, from nearly constant to uniform, and some copy one another on most items, as models of one family do. In
a set with a *known effect* the accuracy of the best candidate is that of the constant answer plus the effect, the
others' lower.
The decision and the verdict are those of a run: posterior expected J, then the permutation test against the constant,
the nearest training answer (noise too: the nearest row tells nothing) and random answers in the training proportions.

Measured: the share of noise sets whose winner is called useful (promised: at most 5 %), and the power by effect.
The last line of output is one JSON object; everything above it is for people.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.evaluation.error_cost import loss_rule
from goldilocks.evaluation.trivial_baselines import BaselineAnswers
from goldilocks.records import (
    Candidate,
    Cost,
    DataSpec,
    Footprint,
    Goal,
    Measured,
    ModelInfo,
    Output,
    TaskSpec,
    Trial,
    Verdict,
)
from goldilocks.selection.decide import decide
from goldilocks.selection.loss_table import Finished
from goldilocks.selection.verdict import VerdictContext, verdict_on

CANDIDATES = 15
SPEC = TaskSpec(name="noise", data=DataSpec("none"))
TASK, METRIC = plugins.load("tasks", "text_classification"), plugins.load("metrics", "accuracy")
EFFECTS = (0.05, 0.10, 0.15, 0.20, 0.30)
Labels = npt.NDArray[np.int64]


def finished(number: int, answers: list[str], gold: list[str]) -> Finished:
    """A candidate that costs next to nothing and gave these answers."""
    info = ModelInfo(
        name=f"m{number:02}",
        family="encoder",
        source="builtin",
        architecture="",
        pretraining="none",
        languages=("*",),
        licence="none-needed",
        parameters=number,
        size_bytes=1,
    )
    loss = float(np.mean([answer != other for answer, other in zip(answers, gold, strict=True)]))
    candidate = Candidate(info, "full")
    score = Measured(1 - loss, 1 - loss, 1 - loss, len(gold), "score")
    trial = Trial(candidate.name, 2, 1.0, 1.0, score, loss, "", 1e-3, 0.0, 1.0, 0.0, "", "0" * 16)
    time_of_one = Measured(1.0, 1.0, 1.0, 50, "ms")
    footprint = Footprint(0.1, time_of_one, time_of_one, 100.0, 10**8, 10**6)
    money = Cost(tuning=0.0, labour=0.0, requests=0.01 * number, memory=0.0, storage=0.0)
    return Finished(candidate, trial, tuple(answers), 1.0, footprint, money)


def set_of_items(rng: np.random.Generator) -> tuple[Labels, npt.NDArray[np.float64], int]:
    """Right labels of the validation items, the training shares of the labels, how many labels."""
    n_items, n_labels = int(rng.integers(100, 501)), int(rng.integers(2, 6))
    even = rng.random() < 0.5
    shares = np.full(n_labels, 1 / n_labels) if even else rng.dirichlet(np.full(n_labels, 3.0))
    return rng.choice(n_labels, size=n_items, p=shares), shares, n_labels


def noise_answers(gold: Labels, shares: npt.NDArray[np.float64], rng: np.random.Generator) -> list[Labels]:
    """Answers that know the shares of the labels at most."""
    answers: list[Labels] = []
    for _ in range(CANDIDATES):
        sharpness = rng.uniform(0.0, 6.0)
        own = shares**sharpness / np.sum(shares**sharpness)
        drawn = rng.choice(len(shares), size=len(gold), p=own)
        if answers and rng.random() < 0.6:  # a relative of an earlier one
            like = answers[int(rng.integers(len(answers)))]
            drawn = np.where(rng.random(len(gold)) < 0.8, like, drawn)
        answers.append(drawn)
    return answers


def effect_answers(
    gold: Labels, shares: npt.NDArray[np.float64], effect: float, rng: np.random.Generator
) -> list[Labels]:
    """The best candidate's expected accuracy is that of the constant answer plus ``effect``, the others' lower."""
    constant = int(np.argmax(shares))
    base = float(shares[constant])
    answers: list[Labels] = []
    for number in range(CANDIDATES):
        accuracy = min(base + effect * (1 - number / CANDIDATES), 0.99)
        right = rng.random(len(gold)) < accuracy
        wrong = (gold + rng.integers(1, len(shares), size=len(gold))) % len(shares)
        answers.append(np.where(right, gold, wrong))
    return answers


def verdict(gold: Labels, shares: npt.NDArray[np.float64], answers: list[Labels], rng: np.random.Generator) -> Verdict:
    """Decision and verdict, as in a run."""
    names = [f"label {number}" for number in range(len(shares))]
    right = [names[answer] for answer in gold]
    nearest = tuple(names[entry] for entry in rng.choice(len(shares), size=len(gold), p=shares))
    order = np.argsort(-shares)
    baselines = BaselineAnswers(
        {"constant": (names[int(order[0])],) * len(gold), "nearest": nearest},
        values=tuple(names[int(entry)] for entry in order),
        shares=tuple(float(shares[entry]) for entry in order),
        random=True,
    )
    rule = loss_rule(SPEC.objective, TASK, Goal(Output.LABEL, tuple(names)), METRIC, right)
    members = [finished(number, [names[statement] for statement in own], right) for number, own in enumerate(answers)]
    choice = decide(members, right, METRIC, SPEC, rule=rule)
    context = VerdictContext(TASK, "accuracy", right, rule, SPEC.objective, baselines)
    return verdict_on(choice, members, context)


def main() -> None:
    """Run and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--noise", type=int, default=200, help="data sets of pure noise")
    parser.add_argument("--effect", type=int, default=50, help="data sets of each known effect")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="also write the result here")
    given = parser.parse_args()
    rng = np.random.default_rng(given.seed)
    begun = time.perf_counter()
    useful: list[dict[str, Any]] = []
    against: Counter[str] = Counter()
    for number in range(given.noise):
        gold, shares, _ = set_of_items(rng)
        got = verdict(gold, shares, noise_answers(gold, shares, rng), rng)
        against[got.against] += 1
        if got.useful:
            useful.append({"set": number, "items": len(gold), "reason": got.reason})
    print(f"noise: {len(useful)} of {given.noise} called useful ({len(useful) / max(given.noise, 1):.1%})")
    power: dict[str, dict[str, float]] = {}
    for effect in EFFECTS:
        outcome, sizes = 0, []
        for _ in range(given.effect):
            gold, shares, _ = set_of_items(rng)
            while float(shares.max()) + effect > 0.98:
                gold, shares, _ = set_of_items(rng)
            outcome += verdict(gold, shares, effect_answers(gold, shares, effect, rng), rng).useful
            sizes.append(len(gold))
        power[f"{effect:.2f}"] = {"useful": outcome, "of": given.effect, "mean_items": float(np.mean(sizes))}
        print(f"effect {effect:.2f}: {outcome} of {given.effect} called useful (mean {np.mean(sizes):.0f} items)")
    result = {
        "benchmark": "verdicts",
        "noise": {"sets": given.noise, "useful": len(useful), "which": useful, "against": dict(against)},
        "power": power,
        "candidates": CANDIDATES,
        "seed": given.seed,
        "seconds": round(time.perf_counter() - begun, 1),
        "machine": f"{platform.machine()}, {platform.python_implementation()} {platform.python_version()}",
        "numpy": np.__version__,
    }
    if given.out:
        given.out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result))


if __name__ == "__main__":
    main()
