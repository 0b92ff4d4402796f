"""The wheel has what it needs, and the README runs as written from it, in a folder outside the checkout.

The dependencies are those of the environment that the tests run in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
BUILT_FROM = ("pyproject.toml", "setup.py", "README.md", "LICENSE")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]


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
def site(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installed wheel."""
    folder = tmp_path_factory.mktemp("site")
    pip("install", "--no-deps", "--no-compile", "--target", str(folder), str(wheel))
    return folder


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README assumes."""
    folder = tmp_path_factory.mktemp("desk")
    kinds = {"card": "my card", "transfer": "the transfer", "login": "my password"}
    ways = ("has not arrived", "was refused", "please help with", "since yesterday", "why is it so slow", "cancel it")
    rows = [
        f"{3 * i + k},{subject} {ways[i % 6]} {ways[(i // 6) % 6]} case {i * 7919 % 1000},{kind}"
        for i in range(40)
        for k, (kind, subject) in enumerate(kinds.items())
    ]
    for name, part in (("tickets.csv", rows), ("fresh.csv", rows[::5])):
        (folder / name).write_text("\n".join(["id,body,topic", *part]) + "\n")
    (folder / "task.yaml").write_text(blocks("yaml")[0])
    return folder


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(encoding="utf-8"), flags=re.DOTALL)


def commands() -> list[str]:
    return [line for block in blocks("sh") for line in block.splitlines()]


def pip(*arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def environment(site: Path) -> dict[str, str]:
    """The installed wheel in front of everything else."""
    path = os.pathsep.join([str(site / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(site)}


def run(line: str, folder: Path, site: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        line, shell=True, cwd=folder, capture_output=True, text=True, env=environment(site), check=False
    )


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


def test_what_runs_is_the_wheel(site: Path, desk: Path) -> None:
    where = run(f'{sys.executable} -c "import goldilocks; print(goldilocks.__file__)"', desk, site)
    assert Path(where.stdout.strip()).is_relative_to(site)
    assert run("command -v goldilocks", desk, site).stdout.strip() == str(site / "bin" / "goldilocks")
    assert run("goldilocks --version", desk, site).stdout.startswith("goldilocks-lm ")


def test_commands_run_as_written(desk: Path, site: Path) -> None:
    ours = [
        line
        for line in commands()
        if "goldilocks" in line and not line.startswith("pip") and "goldilocks serve" not in line
    ]
    assert len(ours) >= 6
    for line in ours:
        quick = line.split("  #")[0].replace("--budget 3m", "--budget 15s")  # 120 rows need less than the example's
        quick += " --budget 10s" if "select task.yaml" in line else ""
        done = run(quick, desk, site)
        if done.returncode in (3, 4):  # budgets are wall-clock time, of which a busy machine needs more
            done = run(re.sub(r"--budget \w+", "--budget 5m", quick) + " --resume", desk, site)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert "<h1" in (desk / "run" / "report.html").read_text(encoding="utf-8")


def test_the_service_answers_as_written(tmp_path: Path, site: Path) -> None:
    rows = [
        f"{text} {number},{label}" for number in range(12) for text, label in (("rain falls", "wet"), ("sun", "dry"))
    ]
    (tmp_path / "weather.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    tune = "goldilocks tune weather.csv --candidate naive_bayes/word12/scratch --out run/bundle"
    done = run(tune, tmp_path, site)
    assert done.returncode == 0, done.stderr
    (serve,) = (line for line in commands() if line.startswith("goldilocks serve"))
    (ask,) = (line for line in commands() if line.startswith("curl"))
    command = [sys.executable, "-m", *serve.split(), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, env=environment(site), stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            address = service.stderr.readline().removeprefix("listening on ").strip()
            assert service.stderr.readline().startswith("ready: run@")
            asked = "curl -s " + ask.removeprefix("curl ").replace("http://127.0.0.1:8000", address)
            answer = run(asked, tmp_path, site)
            assert json.loads(answer.stdout)["data"][0]["label"] in ("wet", "dry")
        finally:
            service.terminate()
        assert service.wait(30) == 0


def test_python_runs_as_written(desk: Path, site: Path) -> None:
    program, out = blocks("python")[0].replace("60s", "10s"), "python-run"  # 120 rows need less
    (desk / "program.py").write_text(program)
    done = run(f"{sys.executable} program.py", desk, site)
    if done.returncode and ("BudgetError" in done.stderr or "BaselineError" in done.stderr):  # a busy machine
        program, out = program.replace("10s", "5m").replace(out, "longer-run"), "longer-run"
        (desk / "program.py").write_text(program)
        done = run(f"{sys.executable} program.py", desk, site)
    assert done.returncode == 0, done.stderr
    assert json.loads((desk / out / "decision.json").read_text())["sentence"] in done.stdout
