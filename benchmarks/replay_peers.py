"""What is the regret of our policy, of nulls and of peers on published result tables, at shares of the exhaustive time?

Run:    python benchmarks/replay_peers.py
        python benchmarks/replay_peers.py --tables setfit scaling_law --seeds 3
        python benchmarks/replay_peers.py --syne-tune /path/to/venv/bin/python
Needs:  the tables of ``replay_tables.py``; optuna (``pip install optuna``); a Python of its own for Syne Tune
        (``pip install "syne-tune==0.16.*"`` into a new environment), without which that side is skipped; CPU only: a
        minute for the small tables, a quarter of an hour for each ``model_recycling``. Tables are kept one by one.

Every side may spend the same seconds and answers with the finished candidate that it holds for the best; a side that
finished nothing answers with its own best guess (``value``: lowest expected loss; nulls: the first of its order; peers:
the best score at any rung, else the candidate it began with). What was trained once is not paid for again.

value           goldilocks, with the experience of the other data sets of the table (leave one data set out)
value, cold     goldilocks with the experience of the package
halving         promotion of the better third at each rung (ASHA on one worker)
random          full runs in random order (null)
smallest_first  full runs by number of parameters, or by seconds where parameters are not known (null)
others' mean    full runs in the order of the mean score on the other data sets (null)
optuna          Optuna 5: TPE over one categorical parameter, pruned by Hyperband
syne tune       Syne Tune 0.16: its ASHA, which stops trials and never resumes them (``syne_tune_peer.py``)

Peers get every candidate's run in order of rungs and may begin four times as many trials as there are candidates.

Regret is in points of test score, against the mean over seeds of the table (see ``replay_tables.py`` for the truth of
each). ``stops`` is what ``value`` does without a budget, at the default price of waiting. Intervals are bootstrap over
data sets. The last line of output is one JSON object.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from bench_data import RESULTS, keep, machine, options
from replay_tables import TABLES, write

from goldilocks.selection.race_table import TableRace, read_table, true_scores
from goldilocks.selection.replay_table import ReplayPlan, replay_table

SHARES = (0.05, 0.1, 0.25, 0.5)
NULLS = ("halving", "random", "smallest_first")


class Purse:
    """The seconds that a side may spend, and what it has seen for them."""

    def __init__(self, race: TableRace, share: float) -> None:
        """An empty record."""
        self.race, self.left = race, share * race.seconds
        self.seen: dict[str, float] = {}
        """Candidate -> the last rung it has."""

    def buy(self, name: str, share: float) -> float | None:
        """The score after a share of the run; ``None``: the budget ended on the way."""
        points = self.race.curves[name].points
        price = sum(point.seconds for at, point in points.items() if self.seen.get(name, 0.0) < at <= share)
        self.left -= price
        if self.left < 0:
            return None
        self.seen[name] = max(share, self.seen.get(name, 0.0))
        return 1 - points[share].loss

    def answer(self, guess: str) -> str:
        """The best finished candidate, else the best at any rung, else the guess."""
        points = {name: self.race.curves[name].points for name in self.seen}
        finished = [name for name, share in self.seen.items() if share >= 1]
        if finished:
            return min(finished, key=lambda name: points[name][1.0].loss)
        return min(self.seen, key=lambda name: points[name][self.seen[name]].loss, default=guess)


def in_order(race: TableRace, order: Sequence[str], share: float) -> str:
    """Full runs in an order, as long as they fit."""
    purse = Purse(race, share)
    for name in order:
        if purse.buy(name, 1.0) is None:
            break
    return purse.answer(order[0])


def others_mean(races: Sequence[TableRace]) -> Callable[[TableRace, float, int], str]:
    """The null that knows the mean rank of each candidate on the other data sets."""
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for race in races:
        losses = race.final_losses
        centre = float(np.mean(list(losses.values())))
        for name, loss in losses.items():
            scores[name][race.dataset].append(centre - loss)

    def side(race: TableRace, share: float, seed: int) -> str:  # noqa: ARG001
        def mean(name: str) -> float:
            values = [value for dataset, seen in scores[name].items() if dataset != race.dataset for value in seen]
            return float(np.mean(values)) if values else -1.0

        return in_order(race, sorted(race.curves, key=lambda name: (-mean(name), name)), share)

    return side


Ask = Callable[[], str | None]
"""The next candidate of a peer; ``None``: it has no more."""
Tell = Callable[[float, int], bool]
"""A score at a step of the current trial -> whether the trial runs on."""


def peer_side(race: TableRace, share: float, ask: Ask, tell: Tell, done: Callable[[], None] = lambda: None) -> str:
    """What a peer that starts trials and prunes them answers with.

    Args:
        race: The data set.
        share: Of the exhaustive seconds, to spend.
        ask: Begins a trial.
        tell: Called at every rung of the trial.
        done: Called where the trial has ended.
    """
    purse = Purse(race, share)
    guess = min(race.curves)
    for number in range(4 * len(race.curves)):
        name = ask() if purse.left > 0 else None
        if name is None:
            break
        guess = guess if number else name
        for rung in race.rungs:
            score = purse.buy(name, rung)
            if score is None:
                return purse.answer(guess)
            if not tell(score, step_of(rung)):
                break
        done()
    return purse.answer(guess)


def step_of(rung: float) -> int:
    """Peers count their rungs in whole steps."""
    return max(1, round(rung * 1000))


def optuna_side(race: TableRace, share: float, seed: int) -> str:
    """TPE over one categorical parameter, with Hyperband as the pruner."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = sorted(race.curves)
    pruner = optuna.pruners.HyperbandPruner(min_resource=step_of(race.rungs[0]), max_resource=1000, reduction_factor=3)
    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=False)
    # The pruner assigns brackets by the name of the study: without one every run would differ.
    name = f"{race.dataset} {race.seed} {seed}"
    study = optuna.create_study(study_name=name, direction="maximize", sampler=sampler, pruner=pruner)
    trials: list[optuna.Trial] = []
    last: list[float | None] = [None]

    def ask() -> str:
        trials.append(study.ask())
        last[0] = None
        return str(trials[-1].suggest_categorical("candidate", names))

    def tell(score: float, step: int) -> bool:
        trials[-1].report(score, step)
        if step < step_of(1.0) and trials[-1].should_prune():
            last[0] = None
            return False
        last[0] = score
        return True

    def done() -> None:
        state = optuna.trial.TrialState.PRUNED if last[0] is None else optuna.trial.TrialState.COMPLETE
        study.tell(trials[-1], last[0], state)

    return peer_side(race, share, ask, tell, done)


class SyneTune:
    """``syne_tune_peer.py`` in its own Python."""

    def __init__(self, python: Path) -> None:
        """Start it."""
        command = [str(python), str(Path(__file__).with_name("syne_tune_peer.py"))]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = ""

    def say(self, message: dict[str, Any]) -> dict[str, Any]:
        """Send a line and await the answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"the process of Syne Tune ended with code {self.process.wait()}; its error is above.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def side(self, race: TableRace, share: float, seed: int) -> str:
        """The stopping ASHA, with a random order of the candidates."""
        steps = [step_of(rung) for rung in race.rungs]
        self.version = self.say({"begin": sorted(race.curves), "steps": steps, "seed": seed})["version"]
        return peer_side(
            race,
            share,
            lambda: self.say({"ask": True})["candidate"],
            lambda score, step: bool(self.say({"score": score, "step": step})["continue"]),
        )


def syne_tune(python: Path | None) -> SyneTune | None:
    """The peer, or ``None`` with a line that says why it is skipped."""
    wanted = 'make an environment, `pip install "syne-tune==0.16.*"` there, and name its Python with --syne-tune.'
    if python is None:
        print(f"syne tune is skipped: {wanted}", flush=True)
        return None
    check = [str(python), "-c", "import syne_tune.optimizer.baselines"]
    try:
        failed = subprocess.run(check, capture_output=True, text=True, check=False)
    except OSError as error:
        print(f"syne tune is skipped: {python} cannot be started ({error}); {wanted}", flush=True)
        return None
    if failed.returncode:
        reason = (failed.stderr.strip().splitlines() or [f"exit code {failed.returncode}"])[-1]
        print(f"syne tune is skipped: {python} cannot import it ({reason}); {wanted}", flush=True)
        return None
    return SyneTune(python)


Row = tuple[str, str, float | None, float, float]
"""Side, data set, share, regret, share that was spent; without a share: where ``value`` stops by itself."""


def replays(races: Sequence[TableRace], seeds: int, peer: SyneTune | None) -> Iterator[Row]:
    """All sides at all budgets."""
    truth = true_scores(races)
    plans = (
        ReplayPlan(("value",), SHARES),
        ReplayPlan(("value",), SHARES, cold=True),
        ReplayPlan(NULLS, SHARES, repeats=seeds, until_it_stops=False),
    )
    for plan in plans:
        for result in replay_table(races, plan):
            name = f"{result.policy}, cold" if plan.cold else result.policy
            yield name, result.dataset, result.budget_share, result.regret, result.spent_share
    sides = {"others' mean": (others_mean(races), 1), "optuna": (optuna_side, seeds)}
    if peer is not None:
        sides["syne tune"] = peer.side, seeds
    for name, (side, repeats) in sides.items():
        for race in races:
            best = max(truth[race.dataset].values())
            for share in SHARES:
                for seed in range(repeats):
                    regret = 100 * (best - truth[race.dataset][side(race, share, seed)])
                    yield name, race.dataset, share, regret, share


def summary(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Side -> share -> mean regret over data sets, with its interval; ``stops``: and the share that was spent."""
    groups: dict[tuple[str, float | None], dict[str, list[Sequence[float]]]] = defaultdict(lambda: defaultdict(list))
    for side, dataset, share, regret, spent in rows:
        groups[side, share][dataset].append((regret, spent))
    rng = np.random.default_rng(0)
    table: dict[str, dict[str, Any]] = defaultdict(dict)
    for (side, share), by_set in groups.items():
        means = np.array([np.mean(values, axis=0) for values in by_set.values()])  # (n_sets, 2)
        low, high = np.quantile(rng.choice(means[:, 0], (2_000, len(means))).mean(1), (0.025, 0.975))
        interval = [round(float(value), 3) for value in (means[:, 0].mean(), low, high)]
        if share is not None:
            table[side][f"{share:g}"] = interval
        elif side.startswith("value"):
            table[side]["stops"] = {"share": round(float(means[:, 1].mean()), 3), "regret": interval}
    return table


def main() -> None:
    """All tables."""
    parser = options(__doc__)
    parser.add_argument("--tables", nargs="*", default=list(TABLES), choices=list(TABLES))
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--splits", type=int, default=10**9, help="most seeds of the table that are used per data set")
    parser.add_argument("--syne-tune", type=Path, help="a Python that has Syne Tune 0.16")
    parser.add_argument("--name", default="replay_peers", help="of the file in results/; its other tables stay in it")
    chosen = parser.parse_args()
    peer = syne_tune(chosen.syne_tune)
    earlier = RESULTS / f"{chosen.name}.json"
    with tempfile.TemporaryDirectory() as folder:
        files = write(chosen.data, Path(folder), chosen.tables)
        for name, file in files.items():
            begun = time.perf_counter()
            counts: dict[str, int] = defaultdict(int)
            races = []
            for race in read_table(file):
                counts[race.dataset] += 1
                if counts[race.dataset] <= chosen.splits:
                    races.append(race)
            table = summary(list(replays(races, chosen.seeds, peer)))
            peers = {"optuna": version("optuna")} | ({"syne-tune": peer.version} if peer else {})
            results: dict[str, Any] = (
                json.loads(earlier.read_text(encoding="utf-8"))["tables"] if earlier.exists() else {}
            )
            results[name] = {
                "data_sets": len(counts),
                "races": len(races),
                "candidates": len({candidate for race in races for candidate in race.curves}),
                "seeds": chosen.seeds,
                "peers": peers,
                "regret": table,
                "seconds": round(time.perf_counter() - begun, 1),
            }
            for side, cells in table.items():
                shown = (f"{float(s):.0%} {v[0]:.2f}" for s, v in cells.items() if s != "stops")
                print(f"{name:26s} {side:16s}", *shown, flush=True)
            keep(chosen.name, {"benchmark": "replay_peers", "tables": results} | machine())


if __name__ == "__main__":
    main()
