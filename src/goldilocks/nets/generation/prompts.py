"""Prompts: an instruction, few-shot examples from the training rows, and the item to answer.

    Give the label that fits the text. The labels: food, money, sport.

    Text: soup today with bread
    Label: food

    Text: the coach saw a goal
    Label:

A model tuned on chats gets all of it as the user's message, in the frame of its chat template, and answers as the
assistant.

The first part is the same for every item (``Prompt.lead``), so that a decoder encodes it once.

An item that is the beginning of a program (HumanEval) has no instruction: the answer is its completion.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from goldilocks.records import Generation, Goal, Gold, Output, Text, as_text
from goldilocks.support.sandbox.harness import begins
from goldilocks.support.text.units import references


@dataclass(frozen=True, slots=True)
class Wording:
    """The words of a prompt in a language."""

    text: str
    """Before an item."""
    numbered: str
    """Before each text of an item that has several."""
    label: str
    """The cue for a label."""
    labels: str
    answer: str
    """The cue for a text."""
    listed: str
    """The labels, after the instruction."""
    described: str
    """A label and what it means."""
    between: str
    """Separates labels."""
    none: str
    """For no label."""
    space: str = ""
    """Between cue and answer."""


WORDINGS = {
    "en": Wording(
        text="Text: ",
        numbered="Text {}: ",
        label="Label:",
        labels="Labels:",
        answer="Answer:",
        listed=" The labels: {}.",
        described="{} ({})",
        between=", ",
        none="none",
        space=" ",
    ),
    "zh": Wording(
        text="文本：",
        numbered="文本{}：",
        label="标签：",
        labels="标签：",
        answer="回答：",
        listed="标签有：{}。",
        described="{}（{}）",
        between="、",
        none="无",
    ),
}
"""``Goal.prompt_language`` -> the words."""
MAX_LISTED_LABELS = 100
"""Maximum number of labels that the instruction lists."""
_PLACES = re.compile(r"(\{text\d*\})")
PROGRAM_STOPS = ("\nclass", "\ndef", "\n#", "\nif", "\nprint")
"""Stop strings of a function. Source: Chen et al. 2021, "Evaluating Large Language Models Trained on Code"."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Everything of a prompt but the item."""

    goal: Goal
    examples: tuple[tuple[Text, Gold], ...] = ()
    """Few-shot examples: items with their gold answers."""
    one_line: bool = True
    """Whether an answer is a single line."""
    completes_code: bool = False
    """Whether an item is the beginning of a Python program and the answer its completion."""
    chat: tuple[str, str] = ("", "")
    """What the chat template puts before the user's message and after it; not used for programs."""
    examples_first: bool = False
    """Whether the examples come before the instruction."""
    template: str = ""
    """Pattern around an item, without an instruction, e.g. ``{text} All in all, it was``; of several texts ``{text1}``,
    ``{text2}``. Empty: instruction and cue."""

    @property
    def lead(self) -> str:
        """What comes before every item: the instruction and the examples."""
        instruction = "" if self.template else self._instruction()
        after = [instruction] if instruction and not self.completes_code else []
        before = [] if self.examples_first else after
        parts = "".join(f"{part}\n\n" for part in before) + self._shown()
        return self._opening() + parts + "".join(f"{part}\n\n" for part in after if not before)

    @property
    def common(self) -> str:
        """The beginning of ``lead`` that stays the same where more examples are added."""
        return self._opening() + self._shown() if self.examples_first else self.lead

    def lead_with(self, examples: Sequence[tuple[Text, Gold]]) -> str:
        """What comes between ``common`` and an item that has examples of its own."""
        return replace(self, examples=(*self.examples, *examples)).lead.removeprefix(self.common)

    def _opening(self) -> str:
        return "" if self.completes_code else self.chat[0]

    def _shown(self) -> str:
        return "".join(f"{self._asked(item)}{self._answered(gold)}\n\n" for item, gold in self.examples)

    @property
    def _wording(self) -> Wording:
        return WORDINGS[self.goal.prompt_language]

    def _instruction(self) -> str:
        goal = self.goal
        labels = self._wording.between.join(self._described(label) for label in goal.labels)
        listed = self._wording.listed.format(labels) if 0 < len(goal.labels) <= MAX_LISTED_LABELS else ""
        return f"{goal.instruction}{listed}".strip()

    def _described(self, label: str) -> str:
        meaning = self.goal.descriptions.get(label, "")
        return self._wording.described.format(label_words(label), meaning) if meaning else label_words(label)

    def ask(self, item: Text) -> str:
        """The item, up to where the answer starts."""
        return self._asked(item) if self.completes_code else self._asked(item) + self.chat[1]

    def _asked(self, item: Text) -> str:
        """The item and the cue for its answer."""
        if self.completes_code:
            return as_text(item)
        if self.template:
            return filled(self.template, item)
        # Where answers have several lines, as programs do, line breaks of an item have a meaning too.
        formatted = _line if self.one_line else str.strip
        if isinstance(item, str) or len(item) == 1:
            return f"{self._wording.text}{formatted(as_text(item))}\n{self._cue()}"
        numbered = self._wording.numbered
        parts = "\n".join(f"{numbered.format(number)}{formatted(text)}" for number, text in enumerate(item, 1))
        return f"{parts}\n{self._cue()}"

    def _cue(self) -> str:
        if self.goal.output is not Output.LABEL:
            return self._wording.answer
        return self._wording.labels if self.goal.several else self._wording.label

    def reply(self, gold: Gold) -> str:
        """The gold answer, as it follows the cue, or as the assistant begins."""
        return self._answered(gold).removeprefix(" ") if self.chat[1] else self._answered(gold)

    def _answered(self, gold: Gold) -> str:
        """The gold answer, as it follows the cue."""
        if self.goal.output is Output.LABEL:
            labels = (gold,) if isinstance(gold, str) else gold
            words = [label_words(str(label)) for label in labels] if isinstance(labels, tuple) else [str(labels)]
            return f"{self._wording.space}{self._wording.between.join(words) or self._wording.none}"
        answer = references(gold)[0]  # of several references the first will do
        return answer.rstrip() if self.completes_code else f"{self._wording.space}{answer}"

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings of an answer."""
        if self.completes_code:
            return PROGRAM_STOPS
        next_items = (self._wording.text.rstrip(), self._wording.numbered.format(1).rstrip())
        if self.one_line:  # the next item ends it too: a line break does so after a first word only
            return ("\n", *(f"\n{cue}" for cue in next_items))
        return tuple(f"\n\n{cue}" for cue in next_items)


def why_not_promptable(output: Output) -> str | None:
    """Why answers of this kind cannot be prompted for; ``None`` where they can."""
    return "a tag for each word cannot be prompted for; it needs training" if output is Output.TAGS else None


def one_line(gold: Sequence[Gold]) -> bool:
    """Whether every gold answer is a single line."""
    return not any("\n" in reply for answer in gold for reply in references(answer))


def completes_code(texts: Sequence[Text], gold: Sequence[Gold]) -> bool:
    """Whether every item is the beginning of a program and its gold answer a completion, as its tests show."""
    pairs = zip(texts, gold, strict=True)
    return bool(texts) and all(
        any(begins(as_text(item), answer) for answer in references(right)) for item, right in pairs
    )


def label_words(label: str) -> str:
    """A label as words of a sentence.

    Example:
        >>> label_words("card_arrival")
        'card arrival'
    """
    return label.replace("_", " ").strip() or label


def _line(text: str) -> str:
    return " ".join(text.split())


def sample_examples(gold: Sequence[Gold], shots: int, *, seed: int) -> list[int]:
    """Rows of ``shots`` few-shot examples, drawn at random and balanced over the labels.

    Where there are no labels (or several at once) an answer as a whole counts as one.
    """
    rng = np.random.default_rng(seed)
    groups: dict[Gold, list[int]] = {}
    for row in rng.permutation(len(gold)).tolist():
        groups.setdefault(gold[row], []).append(row)
    order = [groups[key] for key in sorted(groups, key=repr)]
    rng.shuffle(order)
    turns = [group[turn] for turn in range(max(map(len, order), default=0)) for group in order if turn < len(group)]
    chosen = turns[:shots]
    rng.shuffle(chosen)
    return chosen


def answer_limit(lengths: Sequence[int]) -> int:
    """Maximum number of tokens of an answer: 1.5 times the 99th percentile of the gold answers, and 8 at least."""
    return int(min(512, max(8, 1.5 * float(np.quantile(lengths, 0.99)) + 4))) if len(lengths) else 64


def to_plain(prompt: Prompt) -> dict[str, Any]:
    """As JSON, for ``from_plain``."""
    generation = generation_to_plain(prompt.goal.generation)
    goal = {**asdict(prompt.goal), "output": prompt.goal.output.value, "generation": generation}
    return {**asdict(prompt), "goal": goal}


def from_plain(raw: Mapping[str, Any]) -> Prompt:
    """A prompt from the JSON of ``to_plain``."""
    goal = raw["goal"]
    examples = tuple((_tupled(item), _tupled(gold)) for item, gold in raw["examples"])
    generation = generation_from(goal.get("generation", {}))
    goal_of_prompt = Goal(
        Output(goal["output"]),
        tuple(goal["labels"]),
        goal["several"],
        goal["instruction"],
        generation,
        goal.get("descriptions", {}),
        goal.get("prompt_language", "en"),
    )
    # Bundles written before version 0.2 say "begun".
    before, after = raw.get("chat", ("", ""))
    return Prompt(
        goal_of_prompt,
        examples,
        raw["one_line"],
        raw.get("completes_code", raw.get("begun", False)),
        (before, after),
        raw.get("examples_first", False),
    )


def generation_to_plain(generation: Generation) -> dict[str, Any]:
    """The generation settings that are set, as JSON."""
    return {name: value for name, value in asdict(generation).items() if value is not None}


def generation_from(raw: Mapping[str, Any]) -> Generation:
    """Generation settings from the JSON of ``generation_to_plain``."""
    return Generation(**{name: _tupled(value) for name, value in raw.items()})


def _tupled(value: Any) -> Any:
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def filled(template: str, item: Text) -> str:
    r"""A template with the texts of an item in their places, each on one line.

    Example:
        >>> filled("{text} It was", "A\nfilm."), filled("{text1}? | {text2}", ("Was it", "It was"))
        ('A film. It was', 'Was it? | It was')
    """
    texts = (item,) if isinstance(item, str) else item
    # Markers that an item itself holds are not places: the template is cut before any text is put in.
    marks = {"{text}": _line(as_text(item))} | {f"{{text{place}}}": _line(text) for place, text in enumerate(texts, 1)}
    return "".join(marks.get(piece, piece) for piece in _PLACES.split(template))
