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
    one = next(candidate for candidate in run.decision.candidates if f"<{candidate.candidate}>" == first["name"])
    assert one.cost is not None
    assert first["cost"] == one.cost.total
    assert content["from"] < content["alpha"] < content["to"]


def test_decision_of_an_earlier_version_has_no_slider() -> None:
    run = make_run()
    assert slider_data(run.decision, board.losses_of(run.decision, run.trials), {}) is None


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node to run the script of the page")
def test_script_moves_the_winner_from_the_cheapest_to_the_best() -> None:
    page = """
      const elements = {};
      const make = () => ({ append() {}, replaceChildren() {}, addEventListener(_, f) { this.move = f; } });
      globalThis.document = { getElementById: (id) => (elements[id] ??= make()), createElement: make };
      elements["what-if-data"] = { textContent: process.argv[2] };
      require(process.argv[1]);
      const words = () => elements["what-if-winner"].textContent;
      const shown = [];
      for (const value of ["0", "1000"]) { elements.alpha.value = value; elements.alpha.move(); shown.push(words()); }
      console.log(JSON.stringify(shown));
    """
    text = data(critical=0.0)
    done = subprocess.run(["node", "-e", page, str(SCRIPT), text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    cheap, good = json.loads(done.stdout)
    candidates = json.loads(text)["candidates"]
    assert cheap.startswith(min(candidates, key=lambda candidate: candidate["cost"])["name"] + ":")
    assert good.startswith(min(candidates, key=lambda candidate: candidate["expected"])["name"] + ":")
