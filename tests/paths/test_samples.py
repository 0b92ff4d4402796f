"""A bundle that writes programs, asked for one answer to each prompt and for several."""

from __future__ import annotations

import http.server
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import InputError
from goldilocks.fine_tune import tune_one
from goldilocks.judge import evaluate_bundle
from goldilocks.settings import RunSettings, task_from
from goldilocks.testing.endpoint import Server, say


def replies(handler: http.server.BaseHTTPRequestHandler, body: dict[str, Any]) -> None:
    """Right where the seed is even, and where nothing is drawn."""
    number = body["messages"][-1]["content"].rsplit("Set x to ", 1)[1].split("\n")[0]
    say(f"x = {number}" if body.get("seed", 0) % 2 == 0 else "x = None")(handler, body)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    made = Server()
    made.replies = [replies]
    yield made
    made.close()


@pytest.fixture(scope="module")
def bundle(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("samples")
    for name, first in (("train", 0), ("validation", 100), ("test", 200)):
        rows = [{"prompt": f"Set x to {n}", "solution": f"x = {n}"} for n in range(first, first + 20)]
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = task_from(
        {
            "name": "t",
            "task": "code_generation",
            "language": "en",
            "data": {name: f"{name}.jsonl" for name in ("train", "validation", "test")},
            "candidates": {"families": ["api"], "models": [server.source]},
            "instruction": "Write one line of Python.",
            "options": {"in_context": {"shots": 3}},
        },
        folder=folder,
    )
    host = server.source.split("//")[1].split("/")[0]
    tune_one(spec, f"api/org--small@{host}/in_context", RunSettings(out=folder / "bundle"), {})
    return folder / "bundle"


def test_task_file_says_what_is_asked_and_how_much_is_shown(server: Server, bundle: Path) -> None:
    asked = server.bodies[0]["messages"][-1]["content"]

    assert asked.startswith("Write one line of Python.\n\nText: Set x to ")
    assert asked.count("Answer: x = ") == 3
    assert json.loads((bundle / "model" / "endpoint.json").read_text())["prompt"]["goal"]["instruction"] == (
        "Write one line of Python."
    )


def test_samples_give_pass_at_k_beside_the_one_answer(server: Server, bundle: Path) -> None:
    server.bodies.clear()
    result = evaluate_bundle(bundle, str(bundle.parent / "test.jsonl"), {}, samples=5, drawn={"temperature": 0.6})

    # Seeds 0, 2 and 4 of five are right; one try is right in 3 of 5, and five tries always.
    assert {name: score.value for name, score in result.scores.items() if name.startswith("pass")} == pytest.approx(
        {"pass_at_k": 1.0, "pass_at_1": 3 / 5, "pass_at_5": 1.0}
    )
    assert result.conditions["pass_at_1, pass_at_5"].endswith(
        "from 5 answers to each item, drawn at temperature 0.6, top_p 0.95, seeds 0 to 4"
    )
    assert [body["temperature"] for body in server.bodies] == [0] * 20 + [0.6] * 100


def test_bundle_that_cannot_draw_programs_says_so(bundle: Path, tmp_path: Path) -> None:
    rows = [{"text": f"{word} {n}", "label": word} for n in range(20) for word in ("sun", "rain")]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    spec = task_from({"name": "t", "language": "en", "data": {"train": "rows.jsonl"}}, folder=tmp_path)
    tune_one(spec, "majority/shares/scratch", RunSettings(out=tmp_path / "bundle"), {})

    with pytest.raises(InputError, match="this bundle is for text_classification, by majority: leave it out"):
        evaluate_bundle(tmp_path / "bundle", str(tmp_path / "rows.jsonl"), {}, samples=5)


def test_equal_samples_are_refused(bundle: Path) -> None:
    with pytest.raises(InputError, match="at temperature 0 all samples would be the same"):
        evaluate_bundle(bundle, str(bundle.parent / "test.jsonl"), {}, samples=5, drawn={"temperature": 0.0})
