from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from goldilocks import plugins
from goldilocks.errors import MissingError
from goldilocks.events import Event, TrackerFailed, TrainingStep
from goldilocks.records import TaskSpec
from goldilocks.selection.tracking import Tracking
from goldilocks.settings import task_from


class Recorder:
    """A tracker that keeps what it is given, and fails where it should."""

    def __init__(self, fails_at: str = "") -> None:
        self.fails_at, self.lines, self.closed = fails_at, [], 0  # type: ignore[var-annotated]

    def start(self, folder: Path, name: str, settings: Mapping[str, str], *, offline: bool) -> Any:
        if self.fails_at == "start":
            raise ConnectionError("no route\nto host")
        self.settings, self.name = settings, name
        return self

    def log(self, values: Mapping[str, float], step: int) -> None:
        if self.fails_at == "log":
            raise OSError("disk full")
        self.lines.append((self.name, dict(values), step))

    def close(self) -> None:
        self.closed += 1
        if self.fails_at == "close":
            raise TimeoutError("late")


def spec(*names: str) -> TaskSpec:
    return task_from({"data": {"train": "x.csv"}, "tracking": list(names), "seed": 3})


def tracked(trackers: dict[str, Recorder], monkeypatch: pytest.MonkeyPatch, events: list[Event]) -> Tracking:
    monkeypatch.setattr(plugins, "load", lambda shelf, name: trackers[name])
    return Tracking(spec(*trackers), Path("nowhere"), events.append, offline=True)


def test_losses_and_scores_are_written_and_events_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    recorder, events = Recorder(), []  # type: ignore[var-annotated]
    with tracked({"a": recorder}, monkeypatch, events) as tracking:
        tracking(TrainingStep("m", 0.25, 1.5))
        tracking(TrainingStep("m", 0.5))  # no loss: nothing to write
        tracking.log_score("m", 0.75)
    assert recorder.lines == [("m", {"training_loss": 1.5}, 250), ("m", {"validation_score": 0.75}, 1000)]
    assert (recorder.settings["seed"], recorder.settings["candidate"], recorder.closed) == ("3", "m", 1)
    assert events == [TrainingStep("m", 0.25, 1.5), TrainingStep("m", 0.5)]


@pytest.mark.parametrize(
    ("fails_at", "reason"),
    [
        ("start", "ConnectionError: no route to host"),
        ("log", "OSError: disk full"),
        ("close", "TimeoutError: late"),
    ],
)
def test_a_tracker_that_fails_is_reported_once_and_the_others_go_on(
    fails_at: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad, events = Recorder(), Recorder(fails_at), []  # type: ignore[var-annotated]
    with tracked({"bad": bad, "good": good}, monkeypatch, events) as tracking:
        for step in range(1, 4):
            tracking(TrainingStep("m", step / 4, 1.0))
    assert [event for event in events if isinstance(event, TrackerFailed)] == [TrackerFailed("bad", reason)]
    assert len(good.lines) == 3
    assert good.closed == 1


def test_a_tracker_that_is_not_installed_names_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def start(*_: Any, **__: Any) -> Any:
        raise ModuleNotFoundError("No module named 'wandb'", name="wandb")

    events: list[Event] = []
    trackers: Any = {"wandb": SimpleNamespace(start=start)}
    with tracked(trackers, monkeypatch, events) as tracking:
        tracking(TrainingStep("m", 0.5, 1.0))
    (failed,) = (event for event in events if isinstance(event, TrackerFailed))
    assert failed.reason == "wandb is not installed: pip install 'goldilocks-lm[wandb]'"


def test_an_unknown_tracker_is_named() -> None:
    with pytest.raises(MissingError, match=r"No trackers plug-in is named 'tensorbord'. Did you mean 'tensorboard'"):
        Tracking(spec("tensorbord"), Path("nowhere"), lambda event: None, offline=True)
