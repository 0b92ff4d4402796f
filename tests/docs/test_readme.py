"""The README does what it says: its commands, its task file and its Python run as written, on a small tickets.csv."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from goldilocks import plugins

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), flags=re.DOTALL)


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
    (folder / "task.yaml").write_text(blocks(READMES[0], "yaml")[0])
    return folder


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        line, shell=True, cwd=folder, capture_output=True, text=True, env={**os.environ, "PATH": path}, check=False
    )


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_commands_run_as_written(desk: Path) -> None:
    lines = [line for block in blocks(READMES[0], "sh") for line in block.splitlines()]
    ours = [
        line for line in lines if "goldilocks" in line and not line.startswith("pip") and "goldilocks serve" not in line
    ]
    assert len(ours) >= 6
    for line in ours:
        quick = line.split("  #")[0].replace("--budget 3m", "--budget 15s")  # 120 rows need less than the example's
        quick += " --budget 10s" if "select task.yaml" in line else ""
        done = run(quick, desk)
        if done.returncode in (3, 4):  # budgets are wall-clock time, of which a busy machine needs more
            done = run(re.sub(r"--budget \w+", "--budget 5m", quick) + " --resume", desk)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"


@pytest.mark.slow
def test_the_service_answers_as_written(tmp_path: Path) -> None:  # the Chinese README has the same blocks, see below
    rows = [
        f"{text} {number},{label}" for number in range(12) for text, label in (("rain falls", "wet"), ("sun", "dry"))
    ]
    (tmp_path / "weather.csv").write_text("text,label\n" + "\n".join(rows) + "\n")
    tune = "goldilocks tune weather.csv --candidate naive_bayes/word12/scratch --out run/bundle"
    done = run(tune, tmp_path)
    assert done.returncode == 0, done.stderr
    lines = [line for block in blocks(READMES[0], "sh") for line in block.splitlines()]
    (serve,) = (line for line in lines if line.startswith("goldilocks serve"))
    (ask,) = (line for line in lines if line.startswith("curl"))
    command = [sys.executable, "-m", *serve.split(), "--port", "0"]
    with subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True) as service:
        assert service.stderr is not None
        try:
            address = service.stderr.readline().removeprefix("listening on ").strip()
            assert service.stderr.readline().startswith("ready: run@")
            answer = run("curl -s " + ask.removeprefix("curl ").replace("http://127.0.0.1:8000", address), tmp_path)
            assert json.loads(answer.stdout)["data"][0]["label"] in ("wet", "dry")
        finally:
            service.terminate()
        assert service.wait(30) == 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_python_runs_as_written(desk: Path) -> None:
    program, out = blocks(READMES[0], "python")[0].replace("60s", "10s"), "python-run"  # 120 rows need less
    (desk / "program.py").write_text(program)
    done = run(f"{sys.executable} program.py", desk)
    if done.returncode and ("BudgetError" in done.stderr or "BaselineError" in done.stderr):  # a busy machine
        program, out = program.replace("10s", "5m").replace(out, "longer-run"), "longer-run"
        (desk / "program.py").write_text(program)
        done = run(f"{sys.executable} program.py", desk)
    assert done.returncode == 0, done.stderr
    assert json.loads((desk / out / "decision.json").read_text())["sentence"] in done.stdout


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_task_files_are_read(readme: Path, tmp_path: Path) -> None:
    from goldilocks.settings import read_task

    for number, text in enumerate(blocks(readme, "yaml")):
        (tmp_path / f"{number}.yaml").write_text(text)
        assert read_task(tmp_path / f"{number}.yaml").name


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_links_lead_somewhere(readme: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", readme.read_text(encoding="utf-8")):
        assert (ROOT / target).exists(), target


def test_two_commands_of_the_readme_are_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in ("demo", "test"):
        assert f"make {name}" in READMES[0].read_text()
        assert re.search(rf"^{name}:", makefile, flags=re.MULTILINE)


def test_the_chinese_readme_has_the_sections_and_blocks_of_the_english_one() -> None:
    english, chinese = (path.read_text(encoding="utf-8") for path in READMES)

    assert len(re.findall(r"^## ", chinese, flags=re.MULTILINE)) == len(
        re.findall(r"^## ", english, flags=re.MULTILINE)
    )
    for language in ("sh", "python", "text"):
        assert blocks(READMES[1], language) == blocks(READMES[0], language)
    assert len(re.findall(r"^\|", chinese, flags=re.MULTILINE)) == len(re.findall(r"^\|", english, flags=re.MULTILINE))


def test_the_chinese_readme_names_what_the_english_one_names() -> None:
    english, chinese = (re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL) for path in READMES)
    translated = {"J = cost + α · loss", "goldilocks tune --from run CANDIDATE"}
    for pattern, excepted in ((r"`([^`]+)`", translated), (r"\]\(([^)]+)\)", {"README.zh-CN.md"})):
        named, there = ({name.replace("\n", " ") for name in re.findall(pattern, text)} for text in (english, chinese))
        assert named - there == excepted


def test_number_of_training_methods_is_right() -> None:
    without = {"cosine", "zero_shot", "in_context"}  # see docs/methods.md: none of the three trains
    assert len(set(plugins.names("methods")) - without) == 20
    assert "Twenty training methods" in READMES[0].read_text(encoding="utf-8")
    assert "二十种训练方法" in READMES[1].read_text(encoding="utf-8")


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_outputs_fit_80_columns(readme: Path) -> None:
    wide = [line for block in blocks(readme, "text") for line in block.splitlines() if len(line) > 80]

    assert wide == []
