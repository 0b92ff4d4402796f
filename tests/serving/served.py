"""Services over tiny bundles and over engines that do what a test tells them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from goldilocks import plugins
from goldilocks.bundle.write import Tuned, write_tuned
from goldilocks.data.mask import find
from goldilocks.nets.generation.streaming import OnText
from goldilocks.protocols import Model
from goldilocks.records import (
    Candidate,
    DataProfile,
    Dataset,
    Goal,
    Measured,
    Output,
    Part,
    Prediction,
    Text,
)
from goldilocks.serving.app import make_app
from goldilocks.serving.deployment import OpenEngine
from goldilocks.serving.engine import Call, ModelCard, Operation, Result
from goldilocks.serving.server import listen, server_of
from goldilocks.serving.service import Service
from goldilocks.serving.settings import ServeSettings, settings_from
from goldilocks.testing import tiny

BASE = "http://127.0.0.1"
TEXTS = tuple(f"{words} {number}" for number in range(15) for words in ("the sun shines on day", "rain falls on day"))
WEATHER = Part(TEXTS, ("dry", "wet") * 15, tuple(range(1, 31)))


def weather(folder: Path, family: str = "naive_bayes") -> Path:
    """A bundle that tells rain from sun."""
    return bundle(folder, WEATHER, Goal(labels=("dry", "wet")), family, "text_classification")


def bundle(folder: Path, part: Part, goal: Goal, family: str, task: str, model: Model | None = None) -> Path:
    """A bundle of a family's first model, fitted to rows (unless it is given)."""
    facts = plugins.load("families", family).models()[0]
    if model is None:
        made = plugins.load("families", family).create(facts, None, part, goal, seed=0)
        assert hasattr(made, "fit")
        made.fit(part.texts, part.gold, seed=0)
        model = made
    return ship(folder, model, Candidate(facts, "scratch"), part, goal, task)


def ship(folder: Path, model: Model, candidate: Candidate, part: Part, goal: Goal, task: str) -> Path:
    """A model as a bundle."""
    rows = {"train": len(part), "validation": len(part)}
    profile = DataProfile(rows, {}, {}, {}, "en", {"en": 1.0})
    dataset = Dataset(
        part, part, Part(), goal.labels, "0123456789abcdef", profile, output=goal.output, several=goal.several
    )
    return write_tuned(model, Tuned(candidate, task, "accuracy", Measured(1, 1, 1, 30, "accuracy")), dataset, folder)


def decoder(place: Path, goal: Goal, part: Part, task: str) -> Path:
    """A tiny decoder as a bundle."""
    checkpoint = tiny.decoder_folder(place / "checkpoint", kind="llama")
    family = plugins.load("families", "decoder")
    facts = family.describe(checkpoint, str(checkpoint))
    assert facts is not None
    model = family.create(facts, checkpoint, part, goal, seed=0)
    return ship(place / "bundle", model, Candidate(facts, "full"), part, goal, task)


def settings(models: dict[str, Path], **more: Any) -> ServeSettings:
    """Settings that serve bundles by name."""
    return settings_from({"models": {name: {"bundle": str(folder)} for name, folder in models.items()}, **more})


@contextmanager
def client(made: ServeSettings, open_engine: OpenEngine | None = None) -> Iterator[TestClient]:
    """A client of a service in this process, every model loaded."""
    service = Service(made, open_engine, find)
    service.wait(60)
    with TestClient(make_app(service), base_url=BASE, raise_server_exceptions=False) as result:
        yield result


def service_in(api: TestClient) -> Service:
    """The service that a client asks."""
    app: Any = api.app
    service: Service = app.state.service
    return service


@contextmanager
def live(made: ServeSettings, open_engine: OpenEngine | None = None) -> Iterator[str]:
    """The address of a service behind a real socket, every model loaded; for clients that bring their own HTTP."""
    service = Service(made, open_engine)
    service.wait(60)
    sock = listen(replace(made, port=0))
    server = server_of(service)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, daemon=True)
    thread.start()
    try:
        yield f"{BASE}:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)
        server.drain.finish()
        sock.close()


class ScriptedEngine:
    """An engine that does what a function says, and remembers its batches."""

    def __init__(self, answer: Callable[[Call, Sequence[Text]], Sequence[Result]] | None = None) -> None:
        """Without a function every item is answered ``dry``."""
        self.batches: list[list[Text]] = []
        self.closed = False
        self.open = threading.Event()
        """Batches wait until it is set."""
        self.open.set()
        self.begun = threading.Event()
        """Set when the first batch has come."""
        self._answer = answer or (lambda _, items: [dry(item) for item in items])
        self.card = ModelCard(
            task="text_classification",
            family="naive_bayes",
            model="scripted",
            method="scratch",
            output=Output.LABEL,
            labels=("dry", "wet"),
            several=False,
            metric="accuracy",
            language="en",
            created_by="a test",
            operations=(Operation.PREDICT,),
        )

    @property
    def alive(self) -> bool:
        """See ``Engine``."""
        return not self.closed

    def run(self, call: Call, items: Sequence[Text], *, on_text: OnText | None = None) -> list[Result]:
        """See ``Engine``."""
        self.batches.append(list(items))
        self.begun.set()
        assert self.open.wait(20)
        return list(self._answer(call, items))

    def close(self) -> None:
        """See ``Engine``."""
        self.closed = True


def dry(item: Text) -> Prediction:
    """An answer that its score distinguishes from others: the length of the text in thousandths."""
    return Prediction("dry", len(item) / 1000, {"dry": 0.75, "wet": 0.25})
