"""Does any damage to a run's folder end a command in a traceback, or lead to another decision without a word?

Run:    python benchmarks/fuzz_runs.py --every 1
Needs:  CPU and loopback only; no data; about 11 s a case on one core of an AMD EPYC (2,182 cases with
        --every 1): give each of several processes a part of them with --every and --first, and the same --made.

Measured: nothing is timed. Two small runs are made, one finished and one interrupted. Each file and folder of them is
damaged in every way of ``goldilocks.testing.damage``, in a copy each, and commands are run on the copy. A command keeps
the contract if it ends in time; with exit code 0, 2, 3 or 4; without a traceback; with one line of error where the code
is not 0; and with all other files as they were. With exit code 0 it must do what it does on the whole run: ``select``
with ``--resume`` and ``decide`` come to the same scores and winner, ``tune --from`` and ``predict`` give the same
answers. Latency and memory are measured once, in this process. Violations are printed and counted. The last line of
output is one JSON object.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import goldilocks.fine_tune  # everything that commands import, before processes are forked
import goldilocks.tuning.loop  # noqa: F401
from goldilocks import flow, load
from goldilocks.cli.main import run as command_line
from goldilocks.evaluation.efficiency import Timing, footprint
from goldilocks.events import Event, PurchaseFinished
from goldilocks.selection import run_store
from goldilocks.selection.footprint_process import stored_model
from goldilocks.settings import RunSettings, read_task
from goldilocks.testing.damage import damages

SECONDS = 300
"""Time limit of a command."""
_QUICK = Timing(0.02, 0.01)
COMMANDS = "verify,report,decide,changed,experience,predict,tune,clean,resume,last"
MODELS = ("majority/shares/scratch", "naive_bayes/word12/scratch", "cnn/textcnn/scratch")
TAKEN = MODELS[1]
OWN = {
    "resume": ("task.yaml", "data.json", "candidates.json", ".lock", "report.html", "validation_gold.json", "runs"),
    "report": ("report.html",),
    "clean": ("cleaned.json", "runs", ".lock"),
}
"""Files that a command may write or remove; after an error ``runs`` too must be as it was but for the damaged part."""


def main() -> None:
    """Damage runs, then print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="Try every so-manieth damage only.")
    parser.add_argument("--first", type=int, default=0, help="The first damage that is tried.")
    parser.add_argument("--only", default="", help="Files whose path contains this.")
    parser.add_argument("--commands", default=COMMANDS, help="What is done with each copy, in turn.")
    parser.add_argument("--made", type=Path, help="Folder of the two runs; made there if it is not there yet.")
    parser.add_argument("--out", type=Path, help="Where to write the JSON too.")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="goldilocks-fuzz-") as scratch:
        fuzz = Fuzz(Path(scratch), chosen.made, chosen.commands.split(","))
        result = fuzz.all(chosen.every, chosen.first, chosen.only)
    line = json.dumps(result)
    if chosen.out:
        chosen.out.write_text(line + "\n", encoding="utf-8")
    print(line)


class Fuzz:
    """The runs, what commands do on them whole, and the damage."""

    def __init__(self, folder: Path, made: Path | None, commands: Sequence[str]) -> None:
        self.folder, self.chosen = folder, commands
        self.footprints: dict[str, Any] = {}
        made = made or folder / "made"
        self.task = made / "task.yaml"
        vars(run_store)["footprint_of"] = self._footprint
        if not made.exists():
            # In a child: threads that training leaves behind would make later forks hang.
            code, _, err = forked(lambda: self._make(made))
            assert code == 0, err
        self.runs = {"done": made / "done", "half": made / "half"}
        self.texts = made / "some.txt"
        self.texts.write_text("my card is lost today\nthe transfer is late\n", encoding="utf-8")
        self.expected: dict[tuple[str, str], Any] = {}
        for name, run in self.runs.items():
            copy = Path(shutil.copytree(run, folder / f"whole-{name}"))
            for command, action in self.commands(copy).items():
                code, out, err = forked(action)
                assert "Traceback" not in err, err
                self.expected[name, command] = (code, self.outcome(command, copy, out))
            shutil.rmtree(folder / "again", ignore_errors=True)
            shutil.rmtree(folder / "taken", ignore_errors=True)
        for key, value in self.expected.items():
            print(key, value[0], str(value[1])[:100])

    def _make(self, made: Path) -> None:
        """A finished run and an interrupted one."""
        made.mkdir()
        _write_task(made)
        flow.select(read_task(self.task), RunSettings(out=made / "done", policy="exhaustive"))
        self._interrupted(made / "half")
        raise SystemExit(0)

    def _interrupted(self, out: Path) -> None:
        def progress(event: Event) -> None:
            if (
                isinstance(event, PurchaseFinished)
                and event.trial.candidate.startswith("cnn")
                and event.trial.share < 1
            ):
                raise KeyboardInterrupt

        try:
            flow.select(read_task(self.task), RunSettings(out=out, policy="exhaustive"), progress)
        except KeyboardInterrupt:
            return
        raise AssertionError("the run was to be interrupted")

    def commands(self, run: Path) -> dict[str, Callable[[], None]]:
        """Name -> what is done in a process of its own; ``resume`` last, as it repairs."""
        again, taken = self.folder / "again", self.folder / "taken"
        lines: dict[str, list[str | Path]] = {
            "verify": ["verify", run],
            "report": ["report", run],
            "decide": ["decide", run, "--out", again],
            "changed": ["decide", run, "--out", again, "--error-cost", "0.5"],
            "experience": ["experience", "import", run],
            "predict": ["predict", run / "bundle", self.texts, "--scores"],
            "tune": ["tune", "--from", run, TAKEN, "--out", taken],
            "clean": ["clean", run, "--dry-run"],
            "resume": ["select", self.task, "--out", run, "--policy", "exhaustive", "--accept-baseline", "--resume"],
            "last": ["verify", run],
        }
        return {name: self._action(line) for name, line in lines.items() if name in self.chosen}

    def _action(self, line: list[str | Path]) -> Callable[[], None]:
        def action() -> None:
            os.environ["XDG_DATA_HOME"] = os.environ["GOLDILOCKS_HOME"] = str(self.folder / "home")
            sys.argv = ["goldilocks", *map(str, line)]
            command_line()

        return action

    def _footprint(self, family: str, folder: Path, texts: Any, _: Any = None, *, engine: str = "native") -> Any:
        model, key = stored_model(engine, family, folder), folder.parent.name
        model.predict(list(texts[:2]))
        if key not in self.footprints:
            self.footprints[key] = footprint(model.predict, texts, load_seconds=0.1, size_bytes=1_000, timing=_QUICK)
        return self.footprints[key]

    def outcome(self, command: str, run: Path, out: str) -> Any:
        """What a command that ended well has done, in a form that can be compared."""
        if command in ("resume", "decide", "changed"):
            path = (run if command == "resume" else self.folder / "again") / "decision.json"
            return _gist(path) if path.exists() else None
        if command == "tune":
            if not (self.folder / "taken").exists():
                return None
            bundle = load(self.folder / "taken")
            return bundle.probabilities(self.texts.read_text().splitlines()).round(5).tolist()
        return out if command == "predict" else None

    def all(self, every: int, first: int, only: str) -> dict[str, Any]:
        """Every so-manieth case."""
        ended: Counter[str] = Counter()
        violations: list[str] = []
        cases = [
            (name, path.relative_to(run), kind, damage)
            for name, run in self.runs.items()
            for path in sorted(run.rglob("*"))
            if only in str(path.relative_to(run)) and path.name != ".lock"
            for kind, damage in damages(path)
        ]
        begun = time.monotonic()
        chosen = cases[first::every]
        for number, (name, relative, kind, damage) in enumerate(chosen):
            copy = Path(shutil.copytree(self.runs[name], self.folder / "copy", symlinks=True))
            damage(copy / relative)
            for command, action in self.commands(copy).items():
                problem, code = self.try_one(name, command, action, copy, relative)
                ended[f"{command} {code}"] += 1
                if problem:
                    violations.append(f"{name}/{relative}, {kind}, {command}: {problem}")
                    print(violations[-1], flush=True)
                for left in ("again", "taken"):
                    shutil.rmtree(self.folder / left, ignore_errors=True)
                if command == "resume" and code:
                    break
            shutil.rmtree(self.folder / "copy")
            if number % 50 == 49:
                print(f"{number + 1} of {len(chosen)} cases, {time.monotonic() - begun:.0f} s", flush=True)
        return {"cases": len(chosen), "commands": sum(ended.values()), "ended": dict(ended), "violations": violations}

    def try_one(
        self, name: str, command: str, action: Callable[[], None], copy: Path, damaged: Path
    ) -> tuple[str, int]:
        """What is wrong with how a command ended (empty: nothing), and its exit code."""
        before = _contents(copy)
        code, out, err = forked(action)
        expected_code, expected = self.expected[name, command]
        if code == -signal.SIGALRM:
            return "did not end", code
        if "Traceback" in err or code not in (0, 2, 3, 4):
            return f"code {code}: {err[-1500:]}", code
        errors = [line for line in err.splitlines() if line.startswith("error:")]
        if code and (len(errors) != 1 or not err.splitlines()[-1].startswith("error:")):
            return f"code {code}, and not one line: {err[-600:]}", code
        if not code and expected_code:
            return "ended well, which it does not on the whole run", code
        if not code and (got := self.outcome(command, copy, out)) != expected:
            return f"came to something else: {str(got)[:300]} for {str(expected)[:300]}", code
        if code or command not in OWN:
            lost = _lost(before, _contents(copy), damaged, OWN.get(command, ()) if code != 0 else ())
            if lost:
                return f"code {code}, and changed {lost} ({err[-300:]})", code
        return "", code


def _lost(before: dict[str, str], after: dict[str, str], damaged: Path, own: tuple[str, ...]) -> list[str]:
    """Files that are gone or other than before, but for the damaged one and those that the command writes."""
    return sorted(
        name
        for name, digest in before.items()
        if after.get(name) != digest
        and name != str(damaged)
        and not name.startswith(f"{damaged}/")
        and not any(name == owned for owned in own)
    )


def _contents(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def _gist(path: Path) -> Any:
    """Of a decision what does not depend on the clock."""
    decision = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        (entry["candidate"], entry["status"] == "winner", entry["dropped"], (entry["score"] or {}).get("value"))
        for entry in decision["candidates"]
    ]
    return sorted(rows, key=str)


def forked(action: Callable[[], None]) -> tuple[int, str, str]:
    """Exit code (negative: the signal), standard output and standard error of an action in a child process."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        sys.stdout.flush()
        child = os.fork()
        if not child:
            _in_child(action, out.fileno(), err.fileno())
        _, status = os.waitpid(child, 0)
        out.seek(0)
        err.seek(0)
        return os.waitstatus_to_exitcode(status), out.read(), err.read()


def _in_child(action: Callable[[], None], out: int, err: int) -> None:
    import traceback

    code = 70
    try:
        os.dup2(out, 1)
        os.dup2(err, 2)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(SECONDS)
        action()
    except SystemExit as ended:
        code = int(str(ended.code or 0))
    except BaseException:  # noqa: BLE001 (it is what is looked for)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _write_task(folder: Path) -> None:
    drawn = np.random.default_rng(0)
    kinds = {"card": "my card is lost", "login": "I forgot my password", "bank": "the transfer is pending"}
    rows = []
    for number in range(180):
        kind = list(kinds)[number % 3]
        said = kind if drawn.random() < 0.8 else str(drawn.choice(list(kinds)))
        rows.append({"text": f"{kinds[said]} on day {number * 7919}", "label": kind})
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = {
        "name": "tickets",
        "data": {"train": "rows.jsonl"},
        "metric": "accuracy",
        "budget": "30m",
        "objective": {"error_cost": 1.0},
        "training": {"epochs": 2},
        "candidates": {"families": [name.split("/")[0] for name in MODELS], "exclude": ["*/char24/*"]},
    }
    (folder / "task.yaml").write_text(json.dumps(task), encoding="utf-8")


if __name__ == "__main__":
    main()
