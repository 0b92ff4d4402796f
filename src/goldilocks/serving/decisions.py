"""Typed questions (predicate, choice, score) answered from a bundle's label probabilities.

A bundle answers for its own labels. Choices (or levels) that are some of its labels get its probabilities, renormalised
over those offered; the share that was on them is reported. Anything else is refused with the labels there are.

Confidence runs from 0 (all options equally likely) to 1 (one option certain): (n · p_max − 1) / (n − 1) for n options.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from goldilocks.errors import RequestError
from goldilocks.records import Output
from goldilocks.serving.engine import ModelCard

POSITIVE = frozenset({"yes", "true", "1", "positive", "pos", "entailment", "paraphrase", "duplicate", "spam", "toxic"})
"""Labels that mean "yes" where a model has two and only one of them is here."""


@dataclass(frozen=True, slots=True)
class Distribution:
    """Probabilities of the options of a question, in their order."""

    probabilities: tuple[float, ...]
    share: float
    """Share of the model's probability on these options; 1 where they are all its labels."""

    @property
    def best(self) -> int:
        """Place of the most probable option."""
        return max(range(len(self.probabilities)), key=self.probabilities.__getitem__)

    @property
    def confidence(self) -> float:
        """See the module.

        Example:
            >>> Distribution((0.25, 0.75), 1.0).confidence
            0.5
        """
        count = len(self.probabilities)
        return min(1.0, max(0.0, (count * max(self.probabilities) - 1) / (count - 1)))

    @property
    def expected(self) -> float:
        """Mean of the options' places (from 0): the score of ordered levels."""
        return sum(place * probability for place, probability in enumerate(self.probabilities))


def over(options: Sequence[str], scores: Mapping[str, float], card: ModelCard, where: str) -> Distribution:
    """The distribution over some labels.

    Args:
        options: Labels, at least two.
        scores: Probability of each label of the model.
        card: Card of the model.
        where: The question, for an error.

    Raises:
        RequestError: the model has no such labels, or they are not exclusive (400); an option occurs twice (422).
    """
    _need_labels(card, where)
    if card.several:
        raise RequestError(
            400, "not_exclusive", f"{where}: the labels are not exclusive; ask a yes/no question for each."
        )
    unknown = [option for option in options if option not in scores]
    if unknown:
        raise RequestError(
            400,
            "unknown_labels",
            f"{where}: {unknown[0][:100]!r} is not a label of this model; its labels are: {_listed(card)}.",
        )
    if len(set(options)) < len(options):
        raise RequestError(422, "invalid_input", f"{where}: an option occurs twice; name each once.")
    mass = sum(scores[option] for option in options)
    shares = [scores[option] / mass if mass > 0 else 1 / len(options) for option in options]
    return Distribution(tuple(shares), 1.0 if len(options) == len(card.labels) else mass)


def probability(
    scores: Mapping[str, float], card: ModelCard, *, name: str | None, text: str, positive: str | None, where: str
) -> float:
    """The probability that a yes/no question is answered with yes.

    It is that of a label: the one that the question's name (or its text) is, else the positive one of two.

    Raises:
        RequestError: it is ambiguous which label means yes (400).
    """
    _need_labels(card, where)
    for label in (name, text.strip().strip("\"'")):
        if label is not None and label in scores:
            return scores[label]
    meant = positive_label(card, positive)
    if meant is not None:
        return scores[meant]
    raise RequestError(
        400,
        "no_positive_label",
        f"{where}: it is open which label means yes; name the question after one of: {_listed(card)} "
        "(or have the operator set models.NAME.positive).",
    )


def positive_label(card: ModelCard, positive: str | None) -> str | None:
    """The label of two that means yes; ``None`` if that is ambiguous."""
    if positive in card.labels:
        return positive
    meant = [label for label in card.labels if label.casefold() in POSITIVE]
    return meant[0] if len(card.labels) == 2 and len(meant) == 1 else None


def _need_labels(card: ModelCard, where: str) -> None:
    if card.output is not Output.LABEL:
        raise RequestError(
            400, "not_supported", f"{where}: this model gives {card.output.value}, no labels; use a classifier."
        )


def _listed(card: ModelCard) -> str:
    shown = ", ".join(card.labels[:300])
    return shown if len(card.labels) <= 300 else f"{shown}, ..."
