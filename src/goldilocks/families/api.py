"""Prompted models behind an OpenAI-compatible endpoint: zero-shot and few-shot, asked only where a task file names one.

A chat endpoint gives no probabilities: a label it names has probability 1. A decision endpoint does, and writes no
text. An item for which it names none (an empty, truncated or evasive answer, a content filter) has no answer: it
counts as wrong in a search and is an error in
``predict``, and how many there are is logged. Each request costs what the task file says a token costs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks.answers import Answers, of_labels, of_values
from goldilocks.errors import EndpointError, InputError, RefusedItemError, UnfinishedError
from goldilocks.records import (
    Forecast,
    Generation,
    Goal,
    Gold,
    Machine,
    ModelInfo,
    Output,
    Part,
    Text,
    TrainingConfig,
    Workload,
    as_text,
)
from goldilocks.support.endpoints.address import parse
from goldilocks.support.endpoints.answer_text import without_fence
from goldilocks.support.endpoints.chat import Completion, labels_schema
from goldilocks.support.endpoints.client import Client
from goldilocks.support.endpoints.decision_questions import (
    DecisionRequest,
    Kind,
    final_round,
    first_round,
    joined,
)
from goldilocks.support.endpoints.label_matching import read_label, read_labels

if TYPE_CHECKING:
    from goldilocks.nets.generation.example_selection import ExampleSelector
    from goldilocks.nets.generation.prompts import Prompt
    from goldilocks.protocols import OneShotEstimator
    from goldilocks.support.endpoints.spending_log import SpendingLog

OUTPUTS = frozenset({Output.LABEL, Output.TEXT})

AT_ONCE = 4
"""Requests under way at a time."""
ITEM_CHARACTERS = 8_000
"""Characters of an item that are sent; the same for all its texts together."""
EXAMPLE_CHARACTERS = 1_000
_CHARACTERS_PER_TOKEN = 3.0
_SECONDS_PER_REQUEST = 1.0
_ASKED = 200
"""Validation texts that a forecast assumes."""
_SAMPLE = 10
"""Requests after which it is clear enough what the others will cost."""
_PATIENCE = 30
"""Items after which a search gives up an endpoint that has not given one answer: at 20 % of answers that happens to one
endpoint in 800 (0.8 ** 30)."""
_FEWEST = 5
"""Items of which nothing is concluded yet."""
_NEXT_ITEM = re.compile(r"\n\s*(?:Text(?: 1)?:|文本1?：)")
"""Stop sequence: base language models without chat training continue with another item."""
MAX_QUESTIONS = 400
"""Questions of one request to a decision endpoint."""
_UNASKED = "not answered: the endpoint failed before"
"""Problem of the items that were left when the endpoint failed."""
_MAX_SCHEMA_LABELS = 500
"""Labels up to which a JSON schema lists them all (OpenAI's limit)."""


def models() -> tuple[ModelInfo, ...]:
    """None: an endpoint is named by the task file."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:  # noqa: ARG001
    """An endpoint has no files; what is known of it is in its address."""
    if not source.startswith("api://"):
        return None
    endpoint = parse(source)
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


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:  # noqa: ARG001
    """Nothing is trained; the seconds are those of a few hundred requests. See ``protocols.Family``."""
    return Forecast(_ASKED * _SECONDS_PER_REQUEST / AT_ONCE / 0.03, 60e6)


def unsupported(info: ModelInfo, output: Output) -> str | None:
    """See ``protocols.RestrictsOutputs``."""
    if output is Output.TEXT and parse(info.source).decides:
        return "a decision endpoint gives probabilities of labels and writes no text"
    return None


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig | None:  # noqa: ARG001
    """It is prompted, not trained."""
    return None


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> OneShotEstimator:  # noqa: ARG001
    """A model without few-shot examples; nothing is sent yet."""
    from goldilocks.nets.generation.prompts import Prompt

    return RemoteModel(Client(parse(info.source)), Prompt(goal))


def restore(folder: Path) -> RemoteModel:
    """See ``protocols.Family``."""
    from goldilocks.nets.generation import prompts
    from goldilocks.nets.generation.example_selection import selector_from

    raw = json.loads((folder / "endpoint.json").read_text(encoding="utf-8"))
    model = RemoteModel(Client(parse(raw["source"])), prompts.from_plain(raw["prompt"]), raw["max_tokens"])
    model.selector = selector_from(raw.get("selector"))
    return model


@dataclass(frozen=True, slots=True)
class _Reply:
    """What came back for one item."""

    text: str = ""
    problem: str = ""
    """Why it is not an answer; empty where it is one."""
    truncated: bool = False
    empty: bool = False
    refused: bool = False
    unasked: bool = False
    """Whether the endpoint failed, at this item or at one before it."""
    shares: Mapping[str, float] = field(default_factory=dict)
    """Label -> probability, of a decision endpoint."""


class RemoteModel:
    """Sends a prompt for each item to an endpoint and reads the answers."""

    def __init__(self, client: Client, prompt: Prompt, max_tokens: int = 64) -> None:
        """``fit`` sets the rest."""
        from goldilocks.nets.generation.example_selection import Settings

        self.client, self.prompt, self.max_tokens = client, prompt, max_tokens
        self.labels = prompt.goal.labels
        self.generation = prompt.goal.generation
        """See ``protocols.SupportsGeneration``."""
        self.n_examples = 0
        """Few-shot examples that ``fit`` draws; set by the method."""
        self.demonstrations = Settings()
        """How they are chosen; set by the method."""
        self.selector: ExampleSelector | None = None
        """Chooses examples for each item; ``None``: those of ``prompt`` are for all items."""
        self.on_trial = False
        """Whether an endpoint without a single answer is an error, as in a search, and not just unanswered rows."""

    @property
    def spending_log(self) -> SpendingLog:
        """See ``protocols.TracksSpending``."""
        return self.client.spending_log

    @spending_log.setter
    def spending_log(self, log: SpendingLog) -> None:
        self.client.spending_log = log

    def rest(self) -> None:
        """See ``protocols.TracksSpending``."""
        self.client.rest()

    def fit(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """Draw few-shot examples, and see how long answers are. Nothing is sent."""
        from goldilocks.nets.generation import prompts

        one_line = self.prompt.goal.output is Output.LABEL or prompts.one_line(gold)
        self.prompt = replace(self.prompt, examples=(), one_line=one_line)
        self._choose_examples(texts, gold, seed=seed)
        replies = [self.prompt.reply(answer) for answer in gold[:1000]]
        self.max_tokens = prompts.answer_limit([int(len(reply) / 1.5) for reply in replies])
        self.on_trial = True

    def _choose_examples(self, texts: Sequence[Text], gold: Sequence[Gold], *, seed: int) -> None:
        """The same for all items, or a selector of examples for each item.

        Raises:
            InputError: the method's options need probabilities.
        """
        from goldilocks.nets.generation import example_selection

        settings, self.selector = self.demonstrations, None
        self.prompt = replace(self.prompt, examples_first=settings.position == "start")
        if "search" in (settings.order, settings.position) or settings.calibration == "contextual":
            raise InputError(
                "in_context: order: search, position: search and calibration: contextual need probabilities, which an "
                "endpoint does not give; leave them out, or leave the endpoint out."
            )
        if self.n_examples and example_selection.per_item(settings.strategy):
            rows = example_selection.pool_rows(settings.strategy, len(texts), seed=seed)
            if settings.cached:
                cached = example_selection.fixed_rows("balanced", texts, gold, settings.cached, seed=seed)
                examples = [(_cut(texts[row], EXAMPLE_CHARACTERS), gold[row]) for row in cached]
                self.prompt = replace(self.prompt, examples=tuple(examples))
                shown = {item for item, _ in examples}
                rows = [row for row in rows if _cut(texts[row], EXAMPLE_CHARACTERS) not in shown]
            pool = [_cut(texts[row], EXAMPLE_CHARACTERS) for row in rows]
            answers = [gold[row] for row in rows]
            self.selector = example_selection.ExampleSelector(settings, self.n_examples, pool, answers, seed=seed)
        elif self.n_examples:
            rows = example_selection.fixed_rows(settings.strategy, texts, gold, self.n_examples, seed=seed)
            examples = self._within(
                settings.tokens, [(_cut(texts[row], EXAMPLE_CHARACTERS), gold[row]) for row in rows]
            )
            self.prompt = replace(
                self.prompt,
                examples=tuple(example_selection.arranged(examples, settings, best_last=False, seed=seed)),
            )

    def _prompt_for(self, item: Text) -> Prompt:
        """The prompt with the item's own examples, where it has such."""
        if self.selector is None:
            return self.prompt
        examples = self.selector.examples(item, shown=_cut(item, EXAMPLE_CHARACTERS))
        examples = self._within(self.selector.settings.tokens, examples)
        return replace(self.prompt, examples=(*self.prompt.examples, *self.selector.arranged(examples)))

    def _within(self, tokens: int, examples: list[tuple[Text, Gold]]) -> list[tuple[Text, Gold]]:
        """The first examples (best first) that have so many tokens together, at least one; 0: all."""
        bare = len(replace(self.prompt, examples=()).lead)
        while tokens and len(examples) > 1:
            characters = len(replace(self.prompt, examples=tuple(examples)).lead) - bare
            if characters <= tokens * _CHARACTERS_PER_TOKEN:
                break
            examples = examples[:-1]
        return examples

    # ------------------------------------------------------------------------------------------------------- inference

    def predict(self, texts: Sequence[Text], *, generation: Generation | None = None) -> Answers:
        """See ``protocols.Model``. Where the first few show that all would cost more than is left, no more are sent.

        Raises:
            UnfinishedError: the endpoint failed, or may cost no more, after it answered some of the items.
            EndpointError: the endpoint does not answer, may cost no more, or in a search has given no answer at all.
        """
        failures: list[EndpointError] = []
        asked = partial(self._reply, settings=self.generation.updated(generation), failures=failures)
        replies: list[_Reply] = []
        try:
            with ThreadPoolExecutor(AT_ONCE) as threads:
                # The first alone: it finds out what the server accepts.
                for begins, ends in ((0, 1), (1, _SAMPLE), (_SAMPLE, _PATIENCE), (_PATIENCE, len(texts))):
                    replies += threads.map(asked, texts[begins:ends])
                    if failures:
                        raise failures[0]
                    if ends >= _SAMPLE:
                        self._check(replies, len(texts) - len(replies))
        except EndpointError as error:
            if self.on_trial or all(reply.unasked for reply in replies):
                raise
            replies += [_Reply(problem=_UNASKED, unasked=True)] * (len(texts) - len(replies))
            raise UnfinishedError(str(error), self._answers(replies)) from error
        finally:
            self.client.note_unanswered(sum(bool(reply.problem) and not reply.unasked for reply in replies))
        return self._answers(replies)

    def _check(self, replies: Sequence[_Reply], left: int) -> None:
        """See whether it is worth the money to go on."""
        answered = any(not reply.problem for reply in replies)
        if (
            self.on_trial
            and replies
            and not answered
            and (len(replies) >= _PATIENCE or (left <= 0 and len(replies) >= _FEWEST))
        ):
            raise EndpointError(f"{self.client.endpoint}: {self._no_answer(replies)}")
        if left > 0:
            self.client.afford(left)

    def _no_answer(self, replies: Sequence[_Reply]) -> str:
        """That there is not one answer, and what to do about the commonest cause."""
        wanted = "named none of the labels" if self.prompt.goal.output is Output.LABEL else "wrote no text"
        n = len(replies)
        refused, truncated, empty = (
            sum(getattr(reply, name) for reply in replies) for name in ("refused", "truncated", "empty")
        )
        counts = (
            f"{wanted} in {n} answers ({empty} empty, {truncated} cut off at the limit on tokens, {refused} refused)"
        )
        if refused > n / 2 or self.client.endpoint.decides:
            return f"{counts}; the first: {replies[0].problem.rstrip('.')}. Leave the endpoint out."
        if truncated > n / 2:
            return (
                f"{counts}; a model that reasons first needs more tokens: set generation: {{max_tokens: 1024}} in the "
                "task file, or turn its reasoning off on the server."
            )
        if empty > n / 2:
            return f"{counts}; see whether the model answers chat requests at all, or leave the endpoint out."
        return f"{counts}; {replies[0].problem}. Reword instruction: in the task file, or use the method in_context."

    def _reply(self, item: Text, settings: Generation, failures: list[EndpointError]) -> _Reply:
        """The reply to an item; an error that ends the batch goes to ``failures``, and nothing is sent after it."""
        if failures:
            return _Reply(problem=_UNASKED, unasked=True)
        try:
            return self._decided(item) if self.client.endpoint.decides else self._written(item, settings)
        except RefusedItemError as error:
            return _Reply(problem=str(error), refused=True)
        except EndpointError as error:
            failures.append(error)
            return _Reply(problem=_UNASKED, unasked=True)

    def _decided(self, item: Text) -> _Reply:
        """The answer of a decision endpoint: probabilities of all labels."""
        goal = self.prompt.goal
        kind: Kind = "systemone" if self.client.endpoint.kind == "systemone" else "decisions"
        text = _as_one(_cut(item, ITEM_CHARACTERS))
        questions = first_round(
            self.labels, several=goal.several, instructions=goal.instruction, descriptions=goal.descriptions
        )
        answers: list[Mapping[str, float]] = []
        for begins in range(0, len(questions), MAX_QUESTIONS):
            completion = self.client.send(DecisionRequest(text, questions[begins : begins + MAX_QUESTIONS], kind))
            if completion.refusal:
                return _Reply(problem=completion.refusal, empty=True)
            answers += completion.probabilities
        if goal.several or len(self.labels) == 1:
            return _Reply(shares={label: share for shares in answers for label, share in shares.items()})
        final = final_round(answers, questions[0])
        if final is None:
            return _Reply(shares=answers[0])
        completion = self.client.send(DecisionRequest(text, [final], kind))
        if completion.refusal:
            return _Reply(problem=completion.refusal, empty=True)
        return _Reply(shares=joined(answers, completion.probabilities[0]))

    def _written(self, item: Text, settings: Generation) -> _Reply:
        """The answer of an endpoint that writes text."""
        prompt = self._prompt_for(item)
        system = "Answer as in the examples, without explanation." if prompt.examples else "Answer without explanation."
        messages = [
            {"role": "system", "content": system},
            {"role": "user", "content": f"{prompt.lead}{prompt.ask(_cut(item, ITEM_CHARACTERS))}"},
        ]
        own = () if self.prompt.one_line else self.prompt.stops
        stops = own if settings.stops is None else settings.stops
        given = {
            "temperature": settings.temperature,
            "top_p": settings.top_p,
            "top_k": settings.top_k,
            "seed": settings.seed,
        }
        sampling = {name: value for name, value in given.items() if value is not None}
        limit = settings.max_tokens or self.max_tokens
        completion = self.client.ask(messages, max_tokens=limit, stops=stops, sampling=sampling, schema=self._schema())
        return self._checked(completion, settings)

    def _schema(self) -> dict[str, Any] | None:
        goal = self.prompt.goal
        if goal.output is not Output.LABEL or not 0 < len(goal.labels) <= _MAX_SCHEMA_LABELS:
            return None
        return labels_schema(goal.labels, several=goal.several)

    def _checked(self, completion: Completion, settings: Generation) -> _Reply:
        """The completion, with the problem where no answer can be read from it."""
        text, truncated = completion.text.strip(), completion.truncated
        if completion.refusal and not text:
            return _Reply(problem=f"the endpoint withheld its answer ({completion.refusal})", empty=True)
        cut = f", cut off at {completion.limit} tokens: raise generation.max_tokens" if truncated else ""
        if not text:
            return _Reply(problem=f"the endpoint's answer is empty{cut}", truncated=truncated, empty=True)
        if self.prompt.goal.output is Output.TEXT:
            text = self._own_text(text, settings)
            return _Reply(text, "" if text else "the endpoint's answer is empty", truncated, not text)
        if self._read(text) is None:
            begins = " ".join(text.split())[:60]
            return _Reply(text, f"the endpoint's answer names no label (it begins {begins!r}{cut})", truncated)
        return _Reply(text, "", truncated)

    def _own_text(self, text: str, settings: Generation) -> str:
        """A generated text without the fence around it and the cue before it; its first line where answers have one."""
        text = without_fence(text).strip().removeprefix("Answer:").strip()
        first_line = self.prompt.one_line and settings.stops is None
        return text.splitlines()[0] if first_line and text else text

    def _read(self, text: str) -> tuple[str, ...] | None:
        """The labels that an answer names; ``None``: it names none. What follows the next item is another answer."""
        first = _NEXT_ITEM.split(text, maxsplit=1)[0]
        for part in dict.fromkeys((first, text)):
            if self.prompt.goal.several:
                labels = read_labels(part, self.labels)
            else:
                label = read_label(part, self.labels)
                labels = None if label is None else (label,)
            if labels is not None:
                return labels
        return None

    def _answers(self, replies: Sequence[_Reply]) -> Answers:
        goal = self.prompt.goal
        problems = tuple(reply.problem for reply in replies)
        if goal.output is Output.TEXT:
            return replace(of_values(["" if reply.problem else reply.text for reply in replies]), problems=problems)
        table = np.full((len(replies), len(goal.labels)), np.nan, dtype=np.float32)
        for row, reply in zip(table, replies, strict=True):
            if reply.shares:
                row[:] = [reply.shares[label] for label in goal.labels]
                continue
            named = None if reply.problem else self._read(reply.text)
            if named is not None:
                row[:] = [label in named for label in goal.labels]
        return replace(of_labels(table, goal.labels, several=goal.several), problems=problems)

    # ---------------------------------------------------------------------------------------------------------- on disk

    def size_bytes(self) -> int:
        """Bytes of the prompt and of the examples that are chosen from: there is nothing else here."""
        selector_bytes = 0 if self.selector is None else self.selector.size_bytes()
        return len(self.prompt.lead.encode()) + 1 + selector_bytes

    def save(self, folder: Path) -> None:
        """Write ``endpoint.json``: where to ask, in which dialect, with which prompt; never the key."""
        from goldilocks.nets.generation import prompts

        folder.mkdir(parents=True, exist_ok=True)
        raw = {
            "source": self.client.settled().source,
            "max_tokens": self.max_tokens,
            "prompt": prompts.to_plain(self.prompt),
        }
        if self.selector is not None:
            raw["selector"] = self.selector.to_plain()
        (folder / "endpoint.json").write_text(json.dumps(raw, ensure_ascii=False, indent=2), encoding="utf-8")


def _as_one(item: Text) -> str:
    """The item as one text; several texts are numbered, as in prompts."""
    if isinstance(item, str) or len(item) == 1:
        return as_text(item)
    return "\n".join(f"Text {number}: {text}" for number, text in enumerate(item, 1))


def _cut(item: Text, characters: int) -> Text:
    if isinstance(item, str):
        return item[:characters]
    share = max(1, characters // max(1, len(item)))
    return tuple(text[:share] for text in item)
