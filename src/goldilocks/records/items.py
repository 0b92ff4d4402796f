"""Items, answers and goals: the types that all other records use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum


class Output(StrEnum):
    """The kind of answer. A task needs one, a family offers some: the only place the two meet."""

    LABEL = "label"
    SCORE = "score"
    TAGS = "tags"
    SPAN = "span"
    TEXT = "text"
    LIKELIHOOD = "likelihood"

    @property
    def is_labelled(self) -> bool:
        """Whether answers are made of labels: those of an item, or a tag for each word."""
        return self in (Output.LABEL, Output.TAGS)

    @property
    def needs_language_model(self) -> bool:
        """Whether only a language model gives it: a generated text, or the likelihood of one."""
        return self in (Output.TEXT, Output.LIKELIHOOD)


Text = str | tuple[str, ...]
"""What a model reads at a time (an item): one text; several that belong together (a pair, a question and its context, a
query and its candidates, the turns of a dialogue); or, for tags, the words of a sentence, or of several with
``SENTENCE_END`` (``support/text/sentences``) between them."""


Answer = str | float | tuple[str, ...] | tuple[float, ...]
"""What a model gives back for an item, by ``Output``:

label  the label, or a sorted tuple of labels where an item may have several
score  a number, or a tuple with one for each candidate after the query
tags   a tuple with a tag for each word
span   the piece of the context, empty where it holds no answer
text   the text
likelihood  the natural logarithm of the probability the model gives the item's own text, its end included; of an item
       of several texts, that of the last one after the others
"""


Gold = Answer | tuple[tuple[int, str], ...]
"""The gold answer: as ``Answer``, but for ``span`` (start, text) of every right piece (none: there is no answer), and
for ``text`` a tuple where there are several references, and for ``likelihood`` the text itself."""


def as_text(item: Text) -> str:
    """An item as one text, e.g. to count characters or to find duplicates.

    Example:
        >>> as_text(("a", "pair"))
        'a pair'
    """
    return item if isinstance(item, str) else " ".join(item)


def labels_of(gold: Gold, output: Output) -> tuple[str, ...]:
    """The labels (or tags) in a gold answer or an answer; none for kinds of answer that are not made of labels."""
    if output.is_labelled:
        return (gold,) if isinstance(gold, str) else tuple(map(str, gold)) if isinstance(gold, tuple) else ()
    return ()


def in_words(answer: Gold) -> str:
    """A predicted or gold answer as shown in reports.

    Example:
        >>> in_words(("sport", "money")), in_words(((4, "Rome"), (20, "Rome"))), in_words(0.5)
        ('sport, money', 'Rome | Rome', '0.5')
    """
    if not isinstance(answer, tuple):
        return f"{answer:.4g}" if isinstance(answer, float) else str(answer)
    if any(isinstance(element, tuple) for element in answer):
        return " | ".join(str(element[1]) for element in answer if isinstance(element, tuple))
    return ", ".join(in_words(element) for element in answer if not isinstance(element, tuple))


@dataclass(frozen=True, slots=True)
class Generation:
    """Decoding settings of generative models; ``None``: the model's default."""

    max_tokens: int | None = None
    """Max new tokens (of the model's tokenizer); default: somewhat more than gold answers have."""
    temperature: float | None = None
    """Sampling temperature; 0 (the default, except for n-gram models, which sample at 1): greedy decoding, or beam
    search where the model uses it."""
    top_k: int | None = None
    """Sample among the k most probable tokens; 0: all."""
    top_p: float | None = None
    """Nucleus sampling: the smallest set of tokens of this probability."""
    stops: tuple[str, ...] | None = None
    """Stop sequences, excluded from the answer; default of prompted models: the end of the line, or the start of the
    next item."""
    seed: int | None = None
    """Seed of sampling; the same seed gives the same answers (an endpoint may ignore it)."""

    def updated(self, request: Generation | None) -> Generation:
        """These settings, with those that a request sets in their place.

        Example:
            >>> Generation(max_tokens=8, seed=1).updated(Generation(seed=2))
            Generation(max_tokens=8, temperature=None, top_k=None, top_p=None, stops=None, seed=2)
        """
        if request is None:
            return self
        return replace(self, **{name: value for name, value in asdict(request).items() if value is not None})


@dataclass(frozen=True, slots=True)
class Goal:
    """What a model must predict: the kind of answer and its possible values."""

    output: Output = Output.LABEL
    labels: tuple[str, ...] = ()
    """Sorted labels, or tags; empty for the other kinds."""
    several: bool = False
    """``label``: an item has any number of labels, none included."""
    instruction: str = ""
    """The instruction, for prompted models."""
    generation: Generation = field(default_factory=Generation)
    """Decoding settings."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Label -> what it means, for prompted models and decision endpoints."""
    prompt_language: str = "en"
    """Language of the words around instruction, items and answers in prompts: ``en`` or ``zh``."""

    @property
    def one_label(self) -> bool:
        """Whether the answer is exactly one of the labels."""
        return self.output is Output.LABEL and not self.several


@dataclass(frozen=True, slots=True)
class AnswerRule:
    """How probabilities become answers; as built, the most probable label is the answer and no answer is reviewed."""

    error_costs: tuple[tuple[float, ...], ...] = ()
    """Money by gold label (row) and predicted label (column), in the order of the labels; an answer then has the lowest
    expected cost. Empty: the most probable label."""
    review_below: float | None = None
    """Certainty below which an answer goes to a person: 1 less the expected cost in units of the most expensive error,
    or the model's own confidence where there are no ``error_costs``. ``None``: none does."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A measured number with its 95% interval."""

    value: float
    """The point estimate, in ``unit``."""
    low: float
    high: float
    """``low`` and ``high`` bound the 95% interval; equal to ``value`` where no spread was measured."""
    n: int
    """Number of items or repeats."""
    unit: str
