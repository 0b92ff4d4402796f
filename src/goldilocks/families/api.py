"""Models behind an OpenAI-compatible endpoint, told in words what to do; asked only where the task file names one.

An endpoint says nothing of how sure it is: a label it names has probability 1, and where its answer names none every
label is as likely as another. Each question costs what the task file says a token costs; ``account`` keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.answers import Answers, of_labels, of_values
from goldilocks.records import Forecast, Goal, Gold, Machine, ModelInfo, Output, Part, Text, TrainingConfig, Workload
from goldilocks.support import endpoints
from goldilocks.support.endpoints import Client

if TYPE_CHECKING:
    from goldilocks.nets.generation.prompts import Prompt
    from goldilocks.protocols import OneShotEstimator
    from goldilocks.support.account import Account

OUTPUTS = frozenset({Output.LABEL, Output.TEXT})

AT_ONCE = 4
"""Questions under way at a time."""
ITEM_CHARACTERS = 8_000
"""Characters of an item that are sent; the same for all its texts together."""
EXAMPLE_CHARACTERS = 1_000
_CHARACTERS_PER_TOKEN = 3.0
_SECONDS_PER_QUESTION = 1.0
_ASKED = 200
"""Validation texts a forecast thinks of."""
_TASTE = 10
"""Questions after which it is clear enough what the others will cost."""


def models() -> tuple[ModelInfo, ...]:
    """None: an endpoint is named by the task file."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """An endpoint has no files; what is known of it stands in its name."""
    if not source.startswith("api://"):
        return None
    endpoint = endpoints.parse(source)
    return ModelInfo(
        name=f"{endpoint.model}@{endpoint.url.split('://', 1)[1].split('/')[0]}",
        family="api",
        source=source,
        architecture="not stated (an endpoint)",
        pretraining="not stated",
        languages=("*",),
        licence="terms-of-the-endpoint",
        parameters=0,
        size_bytes=0,
        groups=("prompt",),
        max_tokens=int(ITEM_CHARACTERS / _CHARACTERS_PER_TOKEN),
    )


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Nothing is trained; the seconds are those of a few hundred questions. See ``protocols.Family``."""
    return Forecast(_ASKED * _SECONDS_PER_QUESTION / AT_ONCE / 0.03, 60e6)


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig | None:  # noqa: ARG001
    """It is told, not trained."""
    return None


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """A model that has been told nothing; no question is asked yet."""
    from goldilocks.nets.generation.prompts import Prompt

    return Asked(Client(endpoints.parse(facts.source)), Prompt(goal))


def restore(folder: Path) -> Asked:
    """See ``protocols.Family``."""
    from goldilocks.nets.generation import prompts

    raw = json.loads((folder / "endpoint.json").read_text(encoding="utf-8"))
    return Asked(Client(endpoints.parse(raw["source"])), prompts.from_plain(raw["prompt"]), raw["max_tokens"])


class Asked:
    """Puts each item to an endpoint."""

    def __init__(self, client: Client, prompt: Prompt, max_tokens: int = 64) -> None:
        """``fit`` fills in the rest."""
        self.client, self.prompt, self.max_tokens = client, prompt, max_tokens
        self.labels = prompt.goal.labels
        self.generation = prompt.goal.generation
        """See ``protocols.SupportsGeneration``."""
        self.shots = 0
        """Examples that ``fit`` draws; set by the method."""

    @property
    def account(self) -> Account:
        """See ``protocols.TracksSpending``."""
        return self.client.account

    @account.setter
    def account(self, account: Account) -> None:
        self.client.account = account

    def rest(self) -> None:
        """See ``protocols.TracksSpending``."""
        self.client.rest()

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Draw examples, and see how long answers are. Nothing is asked."""
        from goldilocks.nets.generation import prompts

        chosen = prompts.draw(gold, self.shots, seed=seed)
        goal = self.prompt.goal
        examples = tuple((_cut(texts[i], EXAMPLE_CHARACTERS), gold[i]) for i in chosen)
        one_line = goal.output is Output.LABEL or prompts.one_line(gold)
        self.prompt = replace(self.prompt, examples=examples, one_line=one_line)
        replies = [self.prompt.reply(one) for one in gold[:1000]]
        self.max_tokens = prompts.answer_limit([int(len(one) / 1.5) for one in replies])

    def predict(self, texts: Sequence[Text]) -> Answers:
        """See ``protocols.Model``. Where the first few show that all would cost more than is left, no more are asked.

        Raises:
            EndpointError: the endpoint does not answer, or may cost no more.
        """
        with ThreadPoolExecutor(AT_ONCE) as threads:
            said = list(threads.map(self._said, texts[:_TASTE]))
            if len(texts) > _TASTE:
                self.client.afford(len(texts) - _TASTE)
                said += threads.map(self._said, texts[_TASTE:])
        return self._answers(said)

    def _said(self, item: Text) -> str:
        told = (
            "Answer as in the examples, without explanation." if self.prompt.examples else "Answer without explanation."
        )
        messages = [
            {"role": "system", "content": told},
            {"role": "user", "content": f"{self.prompt.lead}{self.prompt.ask(_cut(item, ITEM_CHARACTERS))}"},
        ]
        how = self.generation
        own = () if self.prompt.one_line else self.prompt.stops
        stops = own if how.stops is None else how.stops
        given = {"temperature": how.temperature, "top_p": how.top_p, "top_k": how.top_k, "seed": how.seed}
        sampling = {name: value for name, value in given.items() if value is not None}
        found = self.client.ask(messages, max_tokens=how.max_tokens or self.max_tokens, stops=stops, sampling=sampling)
        return found.text.strip()

    def _answers(self, said: Sequence[str]) -> Answers:
        from goldilocks.nets.generation import prompts

        goal = self.prompt.goal
        if goal.output is Output.TEXT:
            first = self.prompt.one_line and self.generation.stops is None
            return of_values([one.splitlines()[0] if first and one else one for one in said])
        found = np.zeros((len(said), len(goal.labels)), dtype=np.float32)
        for row, text in zip(found, said, strict=True):
            if goal.several:
                row[[goal.labels.index(one) for one in prompts.read_labels(text, goal.labels)]] = 1
                continue
            label = prompts.read_label(text, goal.labels)
            row[:] = 1 / len(goal.labels) if label is None else np.eye(len(goal.labels))[goal.labels.index(label)]
        return of_labels(found, goal.labels, several=goal.several)

    def size_bytes(self) -> int:
        """Bytes of what it is told: there is nothing else here."""
        return len(self.prompt.lead.encode()) + 1

    def save(self, folder: Path) -> None:
        """Write ``endpoint.json``: where to ask, what to say; never the key."""
        from goldilocks.nets.generation import prompts

        folder.mkdir(parents=True, exist_ok=True)
        raw = {
            "source": self.client.endpoint.source,
            "max_tokens": self.max_tokens,
            "prompt": prompts.to_plain(self.prompt),
        }
        (folder / "endpoint.json").write_text(json.dumps(raw, ensure_ascii=False, indent=2), encoding="utf-8")


def _cut(item: Text, characters: int) -> Text:
    if isinstance(item, str):
        return item[:characters]
    share = max(1, characters // max(1, len(item)))
    return tuple(one[:share] for one in item)
