"""The slider of the page: its data, and that its script decides as the rule does."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from fake_run import make_run

from goldilocks.records import LossNoise
from goldilocks.report import board
from goldilocks.report.what_if import slider_data

SCRIPT = Path(__file__).parents[2] / "src" / "goldilocks" / "report" / "what_if.js"


def data(critical: float = 2.0) -> str:
    run = make_run()
    names = [candidate.candidate for candidate in run.decision.candidates if candidate.J is not None][:5]
    errors = tuple(tuple(0.0 if a == b else 0.01 for b in names) for a in names)
    decision = replace(run.decision, loss_noise=LossNoise(tuple(names), errors, critical, 0.001))
    content = slider_data(decision, board.losses_of(decision, run.trials), {name: f"<{name}>" for name in names})
    assert content is not None
    return str(content)


def test_data_of_the_slider_hold_what_the_decision_holds_and_cannot_end_their_element() -> None:
    text = data()
    assert "<" not in text
    content = json.loads(text)
    run = make_run()
    first = content["candidates"][0]
    standing = next(candidate for candidate in run.decision.candidates if f"<{candidate.candidate}>" == first["name"])
    assert standing.cost is not None
    assert first["cost"] == standing.cost.total
    assert content["from"] < content["alpha"] < content["to"]


def test_decision_of_an_earlier_version_has_no_slider() -> None:
    run = make_run()
    assert slider_data(run.decision, board.losses_of(run.decision, run.trials), {}) is None


def moved(text: str, *values: str) -> list[dict[str, str]]:
    """What the page says with the slider at these places: the winner, and the price of an error."""
    page = """
      const elements = {};
      const make = () => ({ append() {}, replaceChildren() {}, addEventListener(_, f) { this.move = f; } });
      globalThis.document = { getElementById: (id) => (elements[id] ??= make()), createElement: make };
      elements["what-if-data"] = { textContent: process.argv[2] };
      require(process.argv[1]);
      const shown = [];
      for (const value of process.argv.slice(3)) {
        if (value) { elements.alpha.value = value; elements.alpha.move(); }
        shown.push({ winner: elements["what-if-winner"].textContent, price: elements["what-if-price"].textContent });
      }
      console.log(JSON.stringify(shown));
    """
    command = ["node", "-e", page, str(SCRIPT), text, *values]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shown: list[dict[str, str]] = json.loads(done.stdout)
    return shown


needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the script of the page")


@needs_node
def test_script_moves_the_winner_from_the_cheapest_to_the_best() -> None:
    text = data(critical=0.0)
    cheap, good = (shown["winner"] for shown in moved(text, "0", "1000"))
    candidates = json.loads(text)["candidates"]
    assert cheap.startswith(min(candidates, key=lambda candidate: candidate["cost"])["name"] + ":")
    assert good.startswith(min(candidates, key=lambda candidate: candidate["expected"])["name"] + ":")


@needs_node
def test_script_orders_what_the_timing_cannot_tell_apart_by_loss_then_size() -> None:
    content = json.loads(data())
    first, second, third = (
        {"cost": cost, "timing": 0.5, "loss": loss} for cost, loss in ((1.0, 0.1), (1.1, 0.1), (9, 0))
    )
    rows = [first | {"expected": 0.1}, second | {"expected": 0.1}, third | {"expected": 0.1}]
    ranks = (2, 1, 0)  # the second is smaller than the first
    content["candidates"] = [row | {"name": f"m{i}", "rank": ranks[i]} for i, row in enumerate(rows)]
    content["errors"] = [[0.01] * 3] * 3

    assert moved(json.dumps(content), "")[0]["winner"].startswith("m1:")

    content["candidates"][0]["loss"] = 0.09
    assert moved(json.dumps(content), "")[0]["winner"].startswith("m0:")


@needs_node
def test_small_price_is_not_shown_as_nothing() -> None:
    content = json.loads(data()) | {"from": 7.2, "to": 720.0, "requests": 100_000.0, "currency": "USD"}
    assert moved(json.dumps(content), "0")[0]["price"].startswith("0.000072 USD")
