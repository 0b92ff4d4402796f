"""Does any response of an endpoint cause a traceback, reveal the key, or get scored without naming a label?

Run:    python benchmarks/fuzz_endpoints.py --examples 5000 --loopback 500
Needs:  CPU only; no data, no network beyond loopback; a few minutes.

Measured: nothing is timed. Hypothesis makes sequences of 1 to 3 answers (well-formed completions, errors of many
shapes, mutated bytes, failures of the transport) and one item is predicted from each; ``--loopback`` further ones are
raw bytes that a real server sends. Endpoints are of all four kinds (chat, responses, decisions, systemone), those of
the raw bytes of the first. The contract is that of ``goldilocks.testing.odd_answers.check``. A violation ends the
script with Hypothesis's smallest example. The last line of output is one JSON object: how many examples ended how.
"""

from __future__ import annotations

import argparse
import json
import platform
from collections import Counter
from pathlib import Path
from typing import Any

import hypothesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from goldilocks.answers import NO_LABEL
from goldilocks.errors import EndpointError
from goldilocks.families import api
from goldilocks.records import Goal, Output
from goldilocks.support.endpoints.address import KINDS
from goldilocks.testing.endpoint import Server, write
from goldilocks.testing.odd_answers import KEY, LABELS, answers, check, raw_answers


def main() -> None:
    """Fuzz, then print how the examples ended."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--examples", type=int, default=5_000, help="Sequences of answers, given to the client directly."
    )
    parser.add_argument("--loopback", type=int, default=500, help="Raw answers, sent by a server on loopback.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="Where to write the JSON too.")
    chosen = parser.parse_args()
    result = {
        "examples": {kind: dict(direct(chosen.examples, chosen.seed, kind)) for kind in KINDS},
        "loopback": dict(over_loopback(chosen.loopback, chosen.seed)),
        "seed": chosen.seed,
        "hypothesis": hypothesis.__version__,
        "python": platform.python_version(),
    }
    print(f"{result['examples']} directly, {result['loopback']} over loopback; the contract held for all")
    line = json.dumps(result)
    if chosen.out:
        chosen.out.write_text(line + "\n", encoding="utf-8")
    print(line)


def direct(examples: int, seed: int, kind: str) -> Counter[str]:
    """Answers given to the client of an endpoint of a kind in place of its HTTP library."""
    ended: Counter[str] = Counter()

    @_settings(examples)
    @hypothesis.seed(seed)
    @given(replies=st.lists(answers(kind), min_size=1, max_size=3), several=st.booleans())
    def fuzz(replies: Any, several: bool) -> None:
        ended[check(replies, several=several, kind=kind)] += 1

    fuzz()
    return ended


def over_loopback(examples: int, seed: int) -> Counter[str]:
    """Answers sent by a server, whole HTTP included."""
    ended: Counter[str] = Counter()
    server = Server()
    facts = api.describe(Path(), f"{server.source}?timeout=2")
    assert facts is not None

    @_settings(examples)
    @hypothesis.seed(seed)
    @given(raw=raw_answers())
    def fuzz(raw: bytes) -> None:
        server.replies = [write(raw)]
        model: Any = api.create(facts, None, None, Goal(Output.LABEL, LABELS), seed=0)  # type: ignore[arg-type]
        model.client.sleep = lambda _: None
        try:
            given_answers = model.predict(["an item"])
        except EndpointError:
            ended["error"] += 1
            return
        assert given_answers.values[0] in (*LABELS, NO_LABEL)
        assert (given_answers.values[0] == NO_LABEL) == bool(given_answers.problems[0])
        ended["unanswered" if given_answers.problems[0] else "answered"] += 1

    try:
        fuzz()
    finally:
        server.close()
    return ended


def _settings(examples: int) -> settings:
    return settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck), print_blob=False
    )


if __name__ == "__main__":
    assert KEY not in "".join(LABELS)
    main()
