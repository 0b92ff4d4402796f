"""``--out`` never names what a command reads."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import goldilocks
from goldilocks.bundle.verify import verify
from goldilocks.cli.main import app
from goldilocks.errors import InputError

ROWS = "text,label\nrain falls,wet\nthe sun shines,dry\n"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    words = [
        f"{first}{last}" for first in ("ba", "de", "ki", "lo", "mu", "sa") for last in ("ne", "ti", "ro", "la", "zu")
    ]
    texts = [" ".join(words[number : number + 5]) for number in range(25)]
    rows = "".join(f"rain {text},wet\nsun {text[::-1]},dry\n" for text in texts)
    (folder / "train.csv").write_text(f"text,label\n{rows}")
    goldilocks.tune(str(folder / "train.csv"), "naive_bayes/word12/scratch", out=folder / "bundle")
    return folder / "bundle"


@pytest.mark.parametrize(
    "arguments",
    [
        ["evaluate", "BUNDLE", "DATA", "--out", "DATA"],
        ["evaluate", "BUNDLE", "DATA", "--out", "BUNDLE/evaluation.json"],
        ["predict", "BUNDLE", "DATA", "--out", "DATA"],
        ["predict", "BUNDLE", "DATA", "--out", "BUNDLE/model/predictions.jsonl"],
        ["label-next", "BUNDLE", "DATA", "--out", "DATA"],
        ["compress", "BUNDLE", "--data", "DATA", "--out", "BUNDLE/small"],
        ["export", "BUNDLE", "--out", "BUNDLE/exported"],
        ["deploy", "BUNDLE", "--to", "systemd", "--out", "BUNDLE/deploy"],
    ],
    ids=lambda arguments: f"{arguments[0]} to {arguments[-1]}",
)
def test_inputs_are_not_written_to(bundle: Path, tmp_path: Path, arguments: list[str]) -> None:
    data = tmp_path / "data.csv"
    data.write_text(ROWS)
    given = [part.replace("BUNDLE", str(bundle)).replace("DATA", str(data)) for part in arguments]

    done = CliRunner().invoke(app, given)

    assert isinstance(done.exception, InputError)
    assert "choose another --out" in str(done.exception)
    assert data.read_text() == ROWS
    assert verify(bundle).ok
