"""What does a run lose that is cut under way and finished with fewer epochs?

Run:    python benchmarks/shorter_finish.py
        python benchmarks/shorter_finish.py --sets trec --methods full --seeds 1
Needs:  CPU only; the data folder. About 2 minutes a set, method and seed on one core. Every curve is a file in --work:
        stopped and started again it goes on, ``--read`` only reports.

For all-MiniLM-L6-v2 on 250 rows of each set (the size at which searches of minutes meet it), scored on up to 1,500
other rows of the training file, the log loss (of the error rate) of

    whole     the full schedule
    part      the same run after a share of it, as the rungs of a race score it
    cut       the run cut at .1 or .3 of it and finished at .2, .5 or .7 with its rate falling to zero
    planned   a run planned with half of the epochs

Reported: how much of what ``part`` lacks at a share (log part - log whole) the run that ends there still lacks, all
curves together (sum over sum, as single differences are noise), with an interval by bootstrap over the curves; the mean
differences; and in how many curves the shortened run is better than the part. The first of these is the constant
``SHORTFALL`` of ``selection/shorter_finish.py``. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import keep, machine, options, rows, sample

from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue
from goldilocks.records import Candidate, Goal, Part, Workload
from goldilocks.support.machine.hardware import set_threads
from goldilocks.tuning.run import Run, RunSetup

ROWS, SCORED = 250, 1_500
CUTS = ((0.1, 0.2), (0.3, 0.5), (0.3, 0.7))
"""(share at which the run is cut, share at which it then ends)"""
PLANNED = 0.5
PARTS = tuple(sorted({end for _, end in CUTS} | {start for start, _ in CUTS}))


def _part(found: list[dict[str, Any]]) -> Part:
    texts, gold = tuple(str(row["text"]) for row in found), tuple(str(row["label"]) for row in found)
    return Part(texts, gold, tuple(range(1, len(found) + 1)))


def _run(train: Part, labels: tuple[str, ...], method: str, seed: int) -> Run:
    info = next(entry for entry in catalogue() if entry.name == "all-MiniLM-L6-v2")
    texts = [str(text) for text in train.texts]
    characters, words = (
        float(np.mean(sizes)) for sizes in zip(*((len(t), len(t.split())) for t in texts), strict=True)
    )
    setup = RunSetup(folder_of(info, offline=True), Workload(len(train), characters, words, len(labels)), seed)
    return Run(Candidate(info, method), train, Goal(labels=labels), setup)


def curve(data: Path, name: str, method: str, seed: int) -> dict[str, float]:
    """Name of a run -> its error rate."""
    found = rows(data, name, "all" if list((data / name).glob("all.jsonl*")) else "train")
    drawn = sample(found, ROWS, seed)
    chosen = {id(row) for row in drawn}
    held_out = _part(sample([row for row in found if id(row) not in chosen], SCORED, seed=1))
    train, labels = _part(drawn), tuple(sorted({str(row["label"]) for row in found}))

    def errors(run: Run) -> float:
        answers = run.predict(held_out.texts).values
        return float(np.mean([given != gold for given, gold in zip(answers, held_out.gold, strict=True)]))

    result: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        whole = _run(train, labels, method, seed)
        for share in (*PARTS, 1.0):
            whole.advance(share)
            result[f"part {share:g}"] = errors(whole)
            whole.save(Path(folder) / f"{share:g}")
        for start, end in CUTS:
            run = _run(train, labels, method, seed)
            run.resume_from(Path(folder) / f"{start:g}")
            run.shorten(end)
            run.advance(1.0)
            result[f"cut {start:g} to {end:g}"] = errors(run)
    planned = _run(train, labels, method, seed)
    planned.shorten(PLANNED)
    planned.advance(1.0)
    return result | {f"planned {PLANNED:g}": errors(planned)}


def report(curves: list[dict[str, float]]) -> dict[str, Any]:
    """What shortened runs lack, over all curves."""
    floor = 0.5 / SCORED
    logs = [{name: float(np.log(max(loss, floor))) for name, loss in own.items()} for own in curves]
    ends = {f"cut {start:g} to {end:g}": end for start, end in CUTS} | {f"planned {PLANNED:g}": PLANNED}
    rng = np.random.default_rng(0)

    def share(lacking: np.ndarray[Any, Any]) -> float:
        return float(lacking[:, 0].sum() / lacking[:, 1].sum())

    result: dict[str, Any] = {}
    pooled = []
    for name, end in ends.items():
        own = np.array([(log[name] - log["part 1"], log[f"part {end:g}"] - log["part 1"]) for log in logs])
        pooled.append(own)
        result[name] = {
            "lacks": round(float(own[:, 0].mean()), 3),
            "part_lacks": round(float(own[:, 1].mean()), 3),
            "better_than_part": int((own[:, 0] < own[:, 1]).sum()),
            "equal": int((own[:, 0] == own[:, 1]).sum()),
            "curves": len(own),
        }
    cuts = np.concatenate(pooled[: len(CUTS)])
    by_curve = np.stack(pooled[: len(CUTS)], axis=1)  # (curves, cuts, 2)
    drawn = [share(by_curve[rng.integers(len(logs), size=len(logs))].reshape(-1, 2)) for _ in range(2_000)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    result["shortfall"] = {"value": round(share(cuts), 3), "low": round(float(low), 3), "high": round(float(high), 3)}
    return result


def main() -> None:
    """Train what is not there yet; report."""
    parser = options(__doc__)
    parser.add_argument("--sets", nargs="+", default=["trec", "mr", "sms_spam", "banking77"])
    parser.add_argument("--methods", nargs="+", default=["full", "top_layers", "lora"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "goldilocks-shorter-finish")
    parser.add_argument("--read", action="store_true", help="report the curves that are there")
    chosen = parser.parse_args()
    set_threads()
    chosen.work.mkdir(parents=True, exist_ok=True)
    curves: dict[str, dict[str, float]] = {}
    for name in chosen.sets:
        for method in chosen.methods:
            for seed in range(chosen.seeds):
                key = f"{name} {method} {seed}"
                file = chosen.work / f"{key.replace(' ', '-')}.json"
                if not file.exists() and not chosen.read:
                    file.write_text(json.dumps(curve(chosen.data, name, method, seed)), encoding="utf-8")
                if file.exists():
                    curves[key] = json.loads(file.read_text(encoding="utf-8"))
                    print(key, curves[key], flush=True)
    keep(
        "shorter_finish",
        {"benchmark": "shorter_finish", "rows": ROWS, "curves": curves, "result": report(list(curves.values()))}
        | machine(),
    )


if __name__ == "__main__":
    main()
