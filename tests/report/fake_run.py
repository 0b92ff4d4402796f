"""Records of runs that never took place, for the tests of the report."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from goldilocks.records import (
    AlphaRange,
    Candidate,
    ClassRow,
    Cost,
    DataProfile,
    Decision,
    ErrorRow,
    Evaluation,
    Excluded,
    Finding,
    Footprint,
    Forecast,
    Machine,
    Measured,
    ModelInfo,
    Objective,
    Pool,
    Prices,
    ProbeResult,
    Screening,
    Search,
    Severity,
    SliceRow,
    Standing,
    Trial,
)
from goldilocks.report.write import ReportRecords, render, write_report

FINGERPRINT = "0123456789abcdef"
RUNGS = (0.1, 0.3, 1.0)
TASK_YAML = "name: banking-intents\ntask: text_classification\ndata:\n  train: train.jsonl\nbudget: 20m\n"

Row = tuple[str, str, str, float, float, float, int, float]
"""Family, model, method, loss when finished, cost per request in ms, MB, parameters, seconds of a full run."""
ROWS: tuple[Row, ...] = (
    ("majority", "majority", "scratch", 0.982, 0.002, 0.01, 77, 0.1),
    ("naive_bayes", "nb-word-1-2", "scratch", 0.187, 0.11, 4.1, 1_200_000, 0.8),
    ("tfidf_linear", "tfidf-word-char", "scratch", 0.094, 0.9, 21.0, 5_200_000, 6.5),
    ("static_embedding", "wordllama-256", "head_only", 0.151, 0.35, 66.0, 32_900_000, 2.1),
    ("cnn", "textcnn-128", "scratch", 0.131, 2.4, 9.1, 2_300_000, 31.0),
    ("recurrent", "bilstm-256", "scratch", 0.147, 6.1, 11.3, 2_800_000, 74.0),
    ("recurrent", "bigru-256", "scratch", 0.142, 5.4, 10.2, 2_600_000, 66.0),
    ("encoder", "all-MiniLM-L6-v2", "head_only", 0.091, 8.8, 90.9, 22_700_000, 14.0),
    ("encoder", "all-MiniLM-L6-v2", "bias_only", 0.083, 8.8, 90.9, 22_700_000, 88.0),
    ("encoder", "all-MiniLM-L6-v2", "lora", 0.069, 8.8, 90.9, 22_700_000, 118.0),
    ("encoder", "all-MiniLM-L6-v2", "top_layers", 0.0672, 8.8, 90.9, 22_700_000, 73.0),
    ("encoder", "all-MiniLM-L6-v2", "full", 0.0668, 8.8, 90.9, 22_700_000, 142.0),
)


EXCLUDED = (
    Excluded("encoder/bert-base-german/full", "speaks de, the data are en"),
    Excluded("encoder/bert-base-german/lora", "speaks de, the data are en"),
    Excluded("decoder/gemma3-270m/lora", "licence gemma is not among apache-2.0, mit"),
)


@dataclass(frozen=True)
class Run(ReportRecords):
    """The records of an invented run, and its page."""

    def html(self) -> str:
        return render(self)

    def write(self, out: Path) -> Path:
        return write_report(out, self)


def measured(value: float, n: int = 1000, unit: str = "macro_f1") -> Measured:
    half = 1.96 * math.sqrt(max(value * (1 - value), 0.0) / n) if n else 0.0
    return Measured(value, max(value - half, 0.0), min(value + half, 1.0), n, unit)


def envelope(points: dict[str, tuple[float, float]]) -> tuple[AlphaRange, ...]:
    """Who has the lowest cost + α·loss, by looking between every two neighbouring crossings."""
    every = list(points.values())
    crossings = sorted({(c2 - c1) / (l1 - l2) for c1, l1 in every for c2, l2 in every if l1 > l2 and c2 > c1})
    edges = [0.0, *crossings, (crossings[-1] if crossings else 1.0) * 10]
    result: list[AlphaRange] = []
    for low, high in itertools.pairwise(edges):
        middle = (low + high) / 2
        best = min(points, key=lambda name: points[name][0] + middle * points[name][1])
        if result and result[-1].candidate == best:
            continue
        if result:
            result[-1] = replace(result[-1], alpha_to=low)
        result.append(AlphaRange(best, low, None))
    return tuple(result)


def many_rows(n: int) -> tuple[Row, ...]:
    dice = random.Random(1)
    sizes = [4.4, 11.2, 14.5, 22.7, 33.4, 66.4, 109.5, 278.0]
    result = list(ROWS)
    while len(result) < n:
        million = dice.choice(sizes)
        method = dice.choice(("head_only", "full", "lora", "top_layers", "bias_only"))
        name = f"bert-{len(result)}-{million:g}m"
        loss = 0.05 + 0.22 * million**-0.5 + dice.uniform(0, 0.03) + (0.05 if method == "head_only" else 0.0)
        result.append(("encoder", name, method, loss, million * 0.4, million * 4, int(million * 1e6), million * 5))
    return tuple(result[:n])


def make_run(
    rows: Sequence[Row] = ROWS,
    *,
    labels: Sequence[str] = ("balance", "card arrival", "lost card", "refund", "top up failed", "transfer 转账"),
    tied: Sequence[str] = ("encoder/all-MiniLM-L6-v2/full", "encoder/all-MiniLM-L6-v2/lora"),
    winner: str = "encoder/all-MiniLM-L6-v2/top_layers",
    stopped: Sequence[str] = ("recurrent/bilstm-256/scratch", "encoder/all-MiniLM-L6-v2/bias_only"),
    beyond: Sequence[str] = (),
    objective: Objective = Objective(),  # noqa: B008
    with_screening: bool = True,
    n_test: int = 1000,
) -> Run:
    """A run with the given candidates; losses and costs are those of the rows."""
    trials = _trials(rows, stopped, objective.alpha)
    standings = [_standing(row, objective, done="/".join(row[:3]) not in stopped) for row in rows]
    points = {
        standing.candidate: (standing.cost.total, row[3])
        for standing, row in zip(standings, rows, strict=True)
        if standing.cost is not None and standing.candidate not in beyond
    }
    total = {name: cost + objective.alpha * loss for name, (cost, loss) in points.items()}
    winner = winner if winner in total else min(total, key=lambda name: total[name])
    compared = [
        replace(standing, status="excluded", reason="latency_p95_ms: measured 11.4 ms, limit 10 ms")
        if standing.candidate in beyond
        else _compared(standing, total, winner, tied, objective.alpha)
        for standing in standings
    ]
    compared.sort(key=lambda standing: (standing.J is None, standing.J or 0.0))
    for excluded in EXCLUDED:
        family, model, method = excluded.candidate.split("/")
        compared.append(Standing(excluded.candidate, family, model, method, "excluded", excluded.reason))
    compared.append(
        Standing("recurrent/birnn-256/scratch", "recurrent", "birnn-256", "scratch", "stopped",
                 "never bought: no further purchase was worth its price")
    )  # fmt: skip
    decision = _decision(compared, winner, envelope(points), objective, trials, n_test)
    return Run(
        decision=decision,
        profile=_profile(labels),
        findings=_findings(),
        screening=_screening(rows) if with_screening else None,
        trials=trials,
        pool=_pool(rows),
        evaluation=evaluation(labels, n_test),
        task_yaml=TASK_YAML,
    )


def _standing(row: Row, objective: Objective, *, done: bool) -> Standing:
    """A candidate with its cost and footprint, if it is done, before any comparison."""
    family, model, method, loss, ms, mb, parameters, seconds = row
    prices = Prices()
    monthly = Cost(
        tuning=seconds / 3600 * prices.cpu_hour / objective.horizon_months,
        labour=0.0,
        requests=objective.requests_per_month * ms / 1000 / 3600 * prices.cpu_hour,
        memory=(0.15 + mb / 250) * prices.memory_gb_month,
        storage=mb / 1000 * prices.storage_gb_month,
    )
    return Standing(
        candidate=f"{family}/{model}/{method}", family=family, model=model, method=method, parameters=parameters,
        licence="apache-2.0", status="raced" if done else "stopped", share=1.0 if done else 0.3,
        seconds=seconds if done else seconds / 3,
        reason="" if done else "stopped at 30% of its run: no further purchase was worth its price",
        score=measured(1 - loss if done else 1 - loss * 1.6 if loss < 0.5 else 0.02),
        footprint=Footprint(0.4, measured(ms, 64, "ms"), Measured(ms * 1.3, ms * 1.2, ms * 1.5, 64, "ms"),
                            1000 / ms * 3, int(150e6 + mb * 4e6), int(mb * 1e6)) if done else None,
        cost=monthly if done else None,
    )  # fmt: skip


def _compared(
    standing: Standing, total: Mapping[str, float], winner: str, tied: Sequence[str], alpha: float
) -> Standing:
    """The candidate with its gap to the lowest J, if it has one; ``total``: candidate -> J."""
    name, best = standing.candidate, min(total, key=lambda name: total[name])
    if name not in total:
        return standing
    gap = total[name] - total[best]
    half = 0.012 * alpha if name != best else 0.0
    status = "winner" if name == winner else "tied" if name in (*tied, best) else "raced"
    return replace(
        standing,
        status=status,
        J=total[name],
        gap=Measured(gap, gap - half, gap + half, 1000, "USD per month"),
        p_value=None if name == best else 0.4 if status in ("winner", "tied") else 0.0002 if gap > 200 else 0.012,
        reason="lowest expected J" if status == "winner" else "",
    )


def _decision(
    standings: Sequence[Standing],
    winner: str,
    ranges: tuple[AlphaRange, ...],
    objective: Objective,
    trials: Sequence[Trial],
    n_test: int,
) -> Decision:
    won = next(standing for standing in standings if standing.candidate == winner)
    names_tied = tuple(standing.candidate for standing in standings if standing.status in ("winner", "tied"))
    assert won.score is not None
    return Decision(
        winner=won,
        tied=names_tied,
        map=ranges,
        candidates=tuple(standings),
        objective=objective,
        prices=Prices(),
        alpha=objective.alpha,
        metric="macro_f1",
        sentence=f"Use {won.candidate}: macro_f1 {won.score.value:.3f} ({won.score.low:.3f} "
        f"to {won.score.high:.3f}) on 1000 validation texts. Not significantly different: {', '.join(names_tied[1:])} "
        "and is the cheapest of them.",
        search=Search(trials[-1].elapsed if trials else 0.0, len(trials), 1460.0, "value",
                      "no further purchase was worth its price"),
        task="text_classification",
        seed=0,
        data_fingerprint=FINGERPRINT,
        versions={"goldilocks-lm": "0.1.0", "torch": "2.13.0", "transformers": "5.23.0", "scikit-learn": "1.9.0"},
        machine=Machine(2, 25_276_514_304, "cpu", 182.4, True, "AMD EPYC 9B14"),
        test_score=measured(0.921, n_test) if n_test else None,
        test_scores={"macro_f1": measured(0.921, n_test), "accuracy": measured(0.924, n_test)} if n_test else {},
    )  # fmt: skip


def _trials(rows: Sequence[Row], stopped: Sequence[str],
            alpha: float) -> tuple[Trial, ...]:  # fmt: skip
    result: list[Trial] = []
    elapsed = 3.2
    for number, (family, model, method, loss, ms, _, _, seconds) in enumerate(rows):
        name = f"{family}/{model}/{method}"
        rungs = (2,) if seconds < 20 else (0, 1) if name in stopped else (0, 1, 2)
        for rung in rungs:
            before = RUNGS[rung - 1] if rung and len(rungs) > 1 else 0.0
            took = (RUNGS[rung] - before) * seconds
            elapsed += took + 0.2
            now = min(loss * (1 if rung == 2 else 1.6 if rung else 2.9), 0.98)
            result.append(
                Trial(name, rung, RUNGS[rung], took, measured(1 - now), now, f"runs/{number}/rung-{rung}.npy",
                      ms / 3000, elapsed, took * 1.2, alpha * max(0.3 / (number + 1) ** 1.5 - 0.001, 0.0),
                      f"expected to save {alpha * 0.3 / (number + 1) ** 1.5:.4g} a month for {took:.3g} s", FINGERPRINT)
            )  # fmt: skip
    return tuple(result)


def _profile(labels: Sequence[str]) -> DataProfile:
    dice = random.Random(0)
    train = {label: dice.randint(20, 220) for label in labels}
    part = {label: max(n // 8, 1) for label, n in train.items()}
    return DataProfile(
        rows={"train": sum(train.values()), "validation": sum(part.values()), "test": sum(part.values())},
        label_counts={"train": train, "validation": part, "test": part},
        characters={"p50": 47.0, "p95": 151.0, "max": 433.0, "mean": 59.6},
        tokens={"all-MiniLM-L6-v2": {"p50": 12.0, "p95": 35.0, "max": 98.0, "mean": 14.2}},
        language="en",
        languages={"en": 0.981, "zh": 0.019},
    )


def _findings() -> tuple[Finding, ...]:
    return (
        Finding("near_duplicates", Severity.NOTE, "31 texts are almost the same as another in train.",
                "They weigh double in training; harmless here.", "train", 31, (4, 9, 12)),
        Finding("duplicate_across_parts", Severity.WARNING, "12 validation texts also stand in train.",
                "They were taken out of train: a model that remembers would have looked better than it is.", "all", 12,
                (17, 44, 108, 212)),
        Finding("contradictory_labels", Severity.ERROR, "6 texts stand with two labels.",
                "No model can get both right; look at them first.", "train", 6, (5, 71)),
    )  # fmt: skip


def _screening(rows: Sequence[Row]) -> Screening:
    models = {f"{row[0]}/{row[1]}": row for row in rows if row[0] in ("encoder", "static_embedding", "recurrent")}
    by_loss = sorted(models, key=lambda name: models[name][3])
    by_size = sorted(models, key=lambda name: -models[name][6])
    shuffled = random.Random(3).sample(by_loss, len(by_loss))
    looks = tuple(
        ProbeResult(name, 6, {"h_score": Measured(41.2, 40.1, 42.9, 3, ""), "logme": Measured(0.71, 0.69, 0.74, 3, ""),
                       "knn": measured(0.81), "linear_probe": measured(0.88)}, models[name][3] * 1.2, 1.7)
        for name in models
    )  # fmt: skip
    rankings = {"h_score": by_loss, "logme": [*by_loss[1:], *by_loss[:1]], "knn": by_loss, "linear_probe": by_loss,
                "size_only": by_size, "random": shuffled}  # fmt: skip
    return Screening(looks, {name: tuple(order) for name, order in rankings.items()},
                     tuple(f"{row[0]}/{row[1]}/{row[2]}" for row in rows),
                     (Excluded("encoder/tiny-noise/full", "linear probe loss 0.61 [0.58, 0.64], cut at 0.30"),), 9.4,
                     FINGERPRINT)  # fmt: skip


def _pool(rows: Sequence[Row]) -> Pool:
    candidates = tuple(
        Candidate(
            ModelInfo(model, family, "builtin", family, "none", ("*",), "apache-2.0", parameters, int(mb * 1e6)), method
        )
        for family, model, method, _, _, mb, parameters, _ in rows
    )
    return Pool(candidates, {candidate.name: Forecast(10.0, 5e8) for candidate in candidates}, EXCLUDED)


def evaluation(labels: Sequence[str], n_test: int) -> Evaluation:
    """About 90 % right, errors mostly between neighbours; nothing at all where there are no test rows."""
    dice = random.Random(5)
    size = len(labels)
    counts = [[0] * size for _ in labels]
    for number in range(n_test):
        gold = number % size
        sure = dice.random()
        predicted = gold if sure < 0.9 else (gold + 1) % size if sure < 0.97 else dice.randrange(size)
        counts[gold][predicted] += 1
    classes = []
    for i, label in enumerate(labels):
        right, real, n_predicted = counts[i][i], sum(counts[i]), sum(row[i] for row in counts)
        classes.append(
            ClassRow(label, right / n_predicted if n_predicted else 0.0, right / real if real else 0.0,
                     2 * right / (n_predicted + real) if n_predicted + real else 0.0, real)
        )  # fmt: skip
    slices: tuple[SliceRow, ...] = ()
    errors: tuple[ErrorRow, ...] = ()
    if n_test:
        slices = (
            SliceRow("length", "up to 40 characters", 402, measured(0.934, 402)),
            SliceRow("length", "41 to 80 characters", 380, measured(0.926, 380)),
            SliceRow("length", "more than 80 characters", 218, measured(0.889, 218)),
            *(
                SliceRow(
                    "label",
                    class_name.label,
                    class_name.support,
                    measured(class_name.recall, max(class_name.support, 1)),
                )
                for class_name in classes
            ),
            SliceRow("language", "en", 981, measured(0.923, 981)),
            SliceRow("language", "zh", 19, measured(0.789, 19)),
        )
        errors = (
            ErrorRow(17, "<script>alert('http://evil.example')</script> I never got my <b>card</b> & now?", labels[0],
                     labels[-1], 0.994),
            ErrorRow(233, "我的卡还没有到,已经等了三个星期了。请问什么时候能收到? 💳🙏", labels[0], labels[-1], 0.981),
            ErrorRow(301, "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 6, labels[-1], labels[0], 0.95),
            *(ErrorRow(400 + i, f"Why was I charged twice for order number {i}? " * (1 + i % 4), labels[i % size],
                       labels[(i + 1) % size], 0.93 - i / 100) for i in range(20)),
        )  # fmt: skip
    score = measured(0.921, n_test)
    scores = {"macro_f1": score, "accuracy": measured(0.924, n_test)} if n_test else {}
    return Evaluation("macro_f1", score, scores, tuple(classes), tuple(labels), tuple(map(tuple, counts)), slices,
                      errors, "test", FINGERPRINT)  # fmt: skip
