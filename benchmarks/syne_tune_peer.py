"""The other side of ``replay_peers.py``: the ASHA of Syne Tune, asked and told line by line. Not a benchmark itself.

Runs under a Python that has Syne Tune (``pip install "syne-tune==0.16.*"``; its dependencies are not ours). It imports
nothing of Goldilocks and sees no table: for every line of JSON on stdin it writes one on stdout.

    {"begin": [candidates], "steps": [first, ..., last], "seed": 0}   -> {"version": "0.16.0"}
    {"ask": true}                                                     -> {"candidate": name}, or {"candidate": null}
    {"score": 0.8, "step": 125}   of the last candidate asked for     -> {"continue": true}

This ASHA is the stopping kind: a trial runs on unless it is outside the best third of those seen at a rung, and one
that was stopped does not come back. Its random search draws with replacement; it gets a shuffled list of all candidates
as its first points instead, which is better for it.
"""

from __future__ import annotations

import datetime
import json
import logging
import sys
from importlib.metadata import version
from typing import Any

import numpy as np


class Peer:
    """One scheduler and its current trial."""

    def __init__(self, candidates: list[str], steps: list[int], seed: int) -> None:
        """A new search."""
        from syne_tune.config_space import choice  # type: ignore[import-not-found]
        from syne_tune.optimizer.baselines import ASHA  # type: ignore[import-not-found]

        np.random.seed(seed)
        order = np.random.default_rng(seed).permutation(candidates).tolist()
        self.scheduler = ASHA(
            {"candidate": choice(candidates)},
            metric="score",
            time_attr="step",
            max_t=steps[-1],
            grace_period=steps[0],
            reduction_factor=3,
            do_minimize=False,
            random_seed=seed,
            points_to_evaluate=[{"candidate": name} for name in order],
        )
        self.trial: Any = None
        self.asked = 0

    def ask(self) -> dict[str, Any]:
        """The next candidate."""
        from syne_tune.backend.trial_status import Trial  # type: ignore[import-not-found]

        suggestion = self.scheduler.suggest()
        if suggestion is None:
            return {"candidate": None}
        self.trial = Trial(self.asked, suggestion.config, datetime.datetime.now(tz=datetime.UTC))
        self.asked += 1
        self.scheduler.on_trial_add(self.trial)
        return {"candidate": suggestion.config["candidate"]}

    def tell(self, score: float, step: int) -> dict[str, Any]:
        """Whether the current trial runs on."""
        decision = self.scheduler.on_trial_result(self.trial, {"score": score, "step": step})
        return {"continue": decision == "CONTINUE"}


def main() -> None:
    """Answer until stdin ends."""
    logging.disable(logging.WARNING)
    peer: Peer | None = None
    for line in sys.stdin:
        message = json.loads(line)
        if "begin" in message:
            peer = Peer(message["begin"], message["steps"], message["seed"])
            answer: dict[str, Any] = {"version": version("syne-tune")}
        elif peer is None:
            raise SystemExit("the first line must begin a search.")
        else:
            answer = peer.ask() if "ask" in message else peer.tell(message["score"], message["step"])
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
