"""What runs a model: one operation over a batch of items. ``LocalEngine`` runs it in this process."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from goldilocks.errors import InputError
from goldilocks.nets.generation.streaming import OnText, observed_by
from goldilocks.nets.generation.token_logprobs import SupportsTokenLogprobs, TokenLogprobs
from goldilocks.records import Generation, Goal, Output, Prediction, Text

if TYPE_CHECKING:
    from goldilocks.bundle.read import Bundle

_INFO = "bundle.json"


class Operation(StrEnum):
    """What a model is asked to do with items."""

    PREDICT = "predict"
    EMBED = "embed"
    GENERATE = "generate"
    PROMPT_LOGPROBS = "prompt_logprobs"
    CONTINUE = "continue"


@dataclass(frozen=True, slots=True)
class Call:
    """An operation with its options; items of equal calls may share a batch."""

    operation: Operation = Operation.PREDICT
    generation: Generation = field(default_factory=Generation)
    """``GENERATE``: what is not said is as the bundle was tuned."""
    domain: str | None = None
    """``PREDICT``: whose part answers, of a model with a part for each domain; ``None``: each item is routed."""


Result = Prediction | tuple[float, ...] | TokenLogprobs
"""``PREDICT``, ``GENERATE`` and ``CONTINUE``: a prediction; ``EMBED``: a vector; ``PROMPT_LOGPROBS``: of its tokens."""


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What the service tells about a model."""

    task: str
    family: str
    model: str
    method: str
    output: Output
    labels: tuple[str, ...]
    several: bool
    metric: str
    language: str
    created_by: str
    operations: tuple[Operation, ...]
    size_bytes: int = 0
    domains: tuple[str, ...] = ()
    """Of a model with a part for each."""

    @property
    def goal(self) -> Goal:
        """What the model is asked for."""
        return Goal(self.output, self.labels, self.several)


class Engine(Protocol):
    """A model that is ready to answer."""

    @property
    def card(self) -> ModelCard:
        """What it is."""

    @property
    def alive(self) -> bool:
        """Whether it can still answer."""

    def run(self, call: Call, items: Sequence[Text], *, on_text: OnText | None = None) -> list[Result]:
        """The result of each item, in order; it does not depend on the other items.

        Args:
            call: What is asked.
            items: The items that the operation is applied to.
            on_text: Called with the text of a single item while it is generated; what it raises ends the call.

        Raises:
            InputError: an item cannot be answered.
        """

    def close(self) -> None:
        """Free what it holds."""


class LocalEngine:
    """A bundle in this process."""

    def __init__(self, folder: Path) -> None:
        """Load a bundle; every file's SHA-256 is checked.

        Raises:
            GoldilocksError: it is not there, or damaged.
        """
        from goldilocks.bundle.read import load

        self._bundle: Bundle = load(folder)
        self.card = _card(self._bundle)

    @property
    def alive(self) -> bool:
        """See ``Engine``."""
        return True

    def run(self, call: Call, items: Sequence[Text], *, on_text: OnText | None = None) -> list[Result]:
        """See ``Engine``."""
        with observed_by(on_text):
            return self._run(call, items)

    def _run(self, call: Call, items: Sequence[Text]) -> list[Result]:
        match call.operation:
            case Operation.PREDICT:
                stated = None if call.domain is None else [call.domain] * len(items)
                return list(self._bundle.answers(items, domains=stated).predictions())
            case Operation.GENERATE:
                return list(self._bundle.answers(items, generation=call.generation).predictions())
            case Operation.EMBED:
                from goldilocks.serving.embeddings import embed

                return list(embed(self._bundle.model, items))
            case Operation.PROMPT_LOGPROBS:
                model = _language_model(self._bundle.model)
                return [model.token_logprobs(item) for item in items]
            case Operation.CONTINUE:
                model = _language_model(self._bundle.model)
                return [Prediction(text, float("nan")) for text in model.continued(items, call.generation)]

    def close(self) -> None:
        """See ``Engine``."""


def _language_model(model: object) -> SupportsTokenLogprobs:
    if not isinstance(model, SupportsTokenLogprobs):
        raise InputError("this model is not a causal language model; it has no log-probabilities of tokens.")
    return model


def _card(bundle: Bundle) -> ModelCard:
    from goldilocks.protocols import SupportsGeneration
    from goldilocks.serving.embeddings import gives_embeddings

    info = bundle.info
    operations = [Operation.PREDICT]
    if isinstance(bundle.model, SupportsGeneration) and info.output is Output.TEXT:
        operations.append(Operation.GENERATE)
    if gives_embeddings(bundle.model):
        operations.append(Operation.EMBED)
    if isinstance(bundle.model, SupportsTokenLogprobs) and bundle.model.models_text:
        operations += [Operation.PROMPT_LOGPROBS, Operation.CONTINUE]
    return ModelCard(
        task=info.task,
        family=info.family,
        model=info.model,
        method=info.method,
        output=info.output,
        labels=info.labels,
        several=info.several,
        metric=info.metric,
        language=info.language,
        created_by=info.created_by,
        operations=tuple(operations),
        size_bytes=bundle.model.size_bytes(),
        domains=bundle.domains,
    )


def version_of(folder: Path) -> str:
    """The version of a bundle: the beginning of the SHA-256 of its ``bundle.json``, which lists all its files.

    Raises:
        InputError: there is no bundle.
    """
    path = folder / _INFO
    try:
        if stat.S_ISREG(path.stat().st_mode):  # reading a FIFO would wait for ever, and a device have no end
            return hashlib.sha256(path.read_bytes()).hexdigest()[:10]
    except (OSError, ValueError) as error:  # ValueError: a NUL or a lone surrogate in the path
        if isinstance(error, FileNotFoundError) and (folder / "bundle" / _INFO).is_file():
            raise InputError(f"{folder} is the folder of a run; pass {folder / 'bundle'}.") from error
        raise InputError(f"{str(folder)!r} holds no {_INFO}, so it is not a bundle; pass a bundle's folder.") from error
    raise InputError(
        f"{str(path)!r} is not a regular file, so {str(folder)!r} is not a bundle; pass a bundle's folder."
    )
