"""The wheel: built from the sources and installed outside the checkout; its commands run and its data files exist."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BUILT_FROM = ("pyproject.toml", "README.md", "LICENSE")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

TASK = """\
name: tickets
task: text_classification
data: {train: tickets.csv, fields: {text: body, label: topic}}
candidates: {families: [majority, naive_bayes, tfidf_linear]}
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built in a copy so that nothing is left in the checkout."""
    copy, out = tmp_path_factory.mktemp("sources"), tmp_path_factory.mktemp("wheel")
    for name in BUILT_FROM:
        shutil.copy2(ROOT / name, copy / name)
    shutil.copytree(ROOT / "src", copy / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(copy))
    (built,) = out.glob("goldilocks_lm-*.whl")
    return built


@pytest.fixture(scope="module")
def desk(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder outside the checkout with labelled rows, a task file, and the installed wheel in ``site``."""
    folder = tmp_path_factory.mktemp("desk")
    pip("install", "--no-deps", "--no-compile", "--target", str(folder / "site"), str(wheel))
    subjects = {"card": "my card", "transfer": "the transfer", "login": "my password"}
    rows = [
        f"{subject} {verb} since {number} days,{topic}"
        for number in range(20)
        for verb in ("is missing", "was refused")
        for topic, subject in subjects.items()
    ]
    (folder / "tickets.csv").write_text("\n".join(["body,topic", *rows]) + "\n", encoding="utf-8")
    (folder / "task.yaml").write_text(TASK, encoding="utf-8")
    return folder


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def installed(desk: Path, *arguments: str, text: str | None = None) -> str:
    """Standard output of Python with the wheel in front of everything else and without the checkout."""
    environment = {**os.environ, "PYTHONPATH": str(desk / "site")}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=desk, env=environment, input=text, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def goldilocks(desk: Path, *arguments: str, text: str | None = None) -> str:
    return installed(desk, "-m", "goldilocks", *arguments, text=text)


def test_every_data_file_of_the_sources_is_in_the_wheel(wheel: Path) -> None:
    source = ROOT / "src" / "goldilocks"
    wanted = {
        path.relative_to(source.parent).as_posix()
        for path in source.rglob("*")
        if path.is_file() and path.suffix != ".pyc"
    }

    names = set(zipfile.ZipFile(wheel).namelist())

    assert wanted <= names, sorted(wanted - names)
    for name in ("py.typed", "report/templates/page.html", "selection/experience.json", "catalog/models.json"):
        assert f"goldilocks/{name}" in names


def test_tests_and_benchmarks_are_not_in_the_wheel(wheel: Path) -> None:
    folders = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}

    assert {name for name in folders if not name.endswith(".dist-info")} == {"goldilocks"}


def test_commands_run_from_the_installed_wheel(desk: Path) -> None:
    where = installed(desk, "-c", "import goldilocks; print(goldilocks.__file__)").strip()
    assert Path(where).is_relative_to(desk / "site")

    assert goldilocks(desk, "--version").startswith("goldilocks-lm ")
    assert "train" in goldilocks(desk, "check", "task.yaml")
    assert "naive_bayes/word12/scratch" in goldilocks(desk, "candidates", "task.yaml")

    # It ends as soon as these few candidates are finished; the budget leaves room for a busy machine.
    goldilocks(desk, "select", "task.yaml", "--budget", "60s", "--out", "run", "--accept-baseline")
    decision = json.loads((desk / "run" / "decision.json").read_text(encoding="utf-8"))
    assert decision["winner"]["family"] in ("majority", "naive_bayes", "tfidf_linear")
    assert "<h1" in (desk / "run" / "report.html").read_text(encoding="utf-8")

    answer = json.loads(goldilocks(desk, "predict", "run/bundle", text="my card was refused\n"))
    assert answer["label"] in ("card", "transfer", "login")
    assert "accuracy" in goldilocks(desk, "evaluate", "run/bundle", "tickets.csv")
