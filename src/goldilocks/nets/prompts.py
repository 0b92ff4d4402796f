"""How a task becomes words: an instruction, worked examples drawn from the training rows, and the item to answer.

    Give the label that fits the text. The labels: food, money, sport.

    Text: soup today with bread
    Label: food

    Text: the coach saw a goal
    Label:

The first part is the same for every item (``Prompt.lead``), so that a decoder reads it once.

An item that begins a program (HumanEval) is not told about: the answer is what is written behind it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from goldilocks.records import Generation, Goal, Gold, Output, Text, as_text
from goldilocks.support.programs import begins
from goldilocks.support.suggest import closest
from goldilocks.support.text_units import references

MOST_LISTED = 100
"""Labels up to which the instruction names them all."""
PROGRAM_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Where the rest of a function ends. Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code"."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is told besides the item."""

    goal: Goal
    examples: tuple[tuple[Text, Gold], ...] = ()
    """Items with their right answers."""
    one_line: bool = True
    """Whether an answer ends with its line."""
    begun: bool = False
    """Whether an item begins a Python program of which the answer is the rest."""

    @property
    def lead(self) -> str:
        """What stands before every item: the instruction and the examples."""
        if self.begun:
            return "".join(f"{self.ask(item)}{self.reply(gold)}\n\n" for item, gold in self.examples)
        told = [self._instruction()] if self._instruction() else []
        shown = [f"{self.ask(item)}{self.reply(gold)}" for item, gold in self.examples]
        return "".join(f"{one}\n\n" for one in (*told, *shown))

    def _instruction(self) -> str:
        goal = self.goal
        labels = ", ".join(map(label_words, goal.labels))
        listed = f" The labels: {labels}." if 0 < len(goal.labels) <= MOST_LISTED else ""
        return f"{goal.instruction}{listed}".strip()

    def ask(self, item: Text) -> str:
        """The item, up to where the answer begins."""
        if self.begun:
            return as_text(item)
        # Where answers have lines of their own, as programs do, the lines of an item mean something too.
        laid = _line if self.one_line else str.strip
        if isinstance(item, str) or len(item) == 1:
            return f"Text: {laid(as_text(item))}\n{self._cue()}"
        parts = "\n".join(f"Text {number}: {laid(one)}" for number, one in enumerate(item, 1))
        return f"{parts}\n{self._cue()}"

    def _cue(self) -> str:
        if self.goal.output is not Output.LABEL:
            return "Answer:"
        return "Labels:" if self.goal.several else "Label:"

    def reply(self, gold: Gold) -> str:
        """The right answer, as it stands behind the cue."""
        if self.goal.output is Output.LABEL:
            labels = (gold,) if isinstance(gold, str) else gold
            words = [label_words(str(one)) for one in labels] if isinstance(labels, tuple) else [str(labels)]
            return f" {', '.join(words) or 'none'}"
        said = references(gold)[0]  # of several references the first will do
        return said.rstrip() if self.begun else f" {said}"

    @property
    def stops(self) -> tuple[str, ...]:
        """Where a written answer ends."""
        if self.begun:
            return PROGRAM_STOPS
        if self.one_line:  # the next item ends it too: a line's end does so behind a first word only
            return ("\n", "\nText:", "\nText 1:")
        return ("\n\nText:", "\n\nText 1:")


def unaskable(output: Output) -> str | None:
    """Why answers of this kind cannot be had by telling a model what to do, in words; ``None`` where they can."""
    return "tags for each word cannot be asked for in words; they have to be learnt" if output is Output.TAGS else None


def one_line(gold: Sequence[Gold]) -> bool:
    """Whether no right answer goes over its line."""
    return not any("\n" in reply for one in gold for reply in references(one))


def begun(texts: Sequence[Text], gold: Sequence[Gold]) -> bool:
    """Whether every item begins a program of which the answer is the rest, as its tests say."""
    pairs = zip(texts, gold, strict=True)
    return bool(texts) and all(any(begins(as_text(item), one) for one in references(right)) for item, right in pairs)


def label_words(label: str) -> str:
    """A label as a reader would say it.

    Example:
        >>> label_words("card_arrival")
        'card arrival'
    """
    return label.replace("_", " ").strip() or label


def _line(text: str) -> str:
    return " ".join(text.split())


def draw(gold: Sequence[Gold], shots: int, *, seed: int) -> list[int]:
    """Positions of ``shots`` examples, drawn at random; labels take turns, so that none comes twice before all came.

    Where there are no labels (or several at once) an answer as a whole counts as one.
    """
    rng = np.random.default_rng(seed)
    groups: dict[Gold, list[int]] = {}
    for place in rng.permutation(len(gold)).tolist():
        groups.setdefault(gold[place], []).append(place)
    order = [groups[key] for key in sorted(groups, key=repr)]
    rng.shuffle(order)
    turns = [group[turn] for turn in range(max(map(len, order), default=0)) for group in order if turn < len(group)]
    chosen = turns[:shots]
    rng.shuffle(chosen)
    return chosen


def answer_limit(lengths: Sequence[int]) -> int:
    """Tokens an answer may have: half as many again as nearly all right answers, and 8 at least."""
    return int(min(512, max(8, 1.5 * float(np.quantile(lengths, 0.99)) + 4))) if len(lengths) else 64


def read_label(text: str, labels: Sequence[str]) -> str | None:
    """The label a written answer means: the same words, else the first one in it, else the nearest; ``None``: none."""
    said = _line(text).strip(" .\"'`*").lower()
    words = {label_words(label).lower(): label for label in labels} | {label.lower(): label for label in labels}
    if said in words:
        return words[said]
    # Longer names first: "card" also stands in "card arrival".
    inside = [(said.find(name), -len(name), label) for name, label in words.items() if name in said]
    if inside:
        return min(inside)[2]
    near = closest(said, words)
    return None if near is None else words[near]


def read_labels(text: str, labels: Sequence[str]) -> tuple[str, ...]:
    """The labels a written list means, sorted."""
    found = (read_label(one, labels) for one in text.replace(";", ",").split(",") if one.strip())
    return tuple(sorted({one for one in found if one is not None}))


def to_plain(prompt: Prompt) -> dict[str, Any]:
    """What ``from_plain`` reads; JSON."""
    goal = {**asdict(prompt.goal), "output": prompt.goal.output.value, "generation": said(prompt.goal.generation)}
    return {**asdict(prompt), "goal": goal}


def from_plain(raw: Mapping[str, Any]) -> Prompt:
    """What ``to_plain`` made, after its way through JSON."""
    goal = raw["goal"]
    examples = tuple((_tupled(item), _tupled(gold)) for item, gold in raw["examples"])
    how = generation_from(goal.get("generation", {}))
    made = Goal(Output(goal["output"]), tuple(goal["labels"]), goal["several"], goal["instruction"], how)
    return Prompt(made, examples, raw["one_line"], raw.get("begun", False))


def said(generation: Generation) -> dict[str, Any]:
    """What of it was said at all; JSON."""
    return {name: value for name, value in asdict(generation).items() if value is not None}


def generation_from(raw: Mapping[str, Any]) -> Generation:
    """What ``said`` gave, after its way through JSON."""
    return Generation(**{name: _tupled(value) for name, value in raw.items()})


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value
