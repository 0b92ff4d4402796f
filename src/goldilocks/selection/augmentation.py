"""Augmented training rows: the augmenter that the task file names, with the resources it may use."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks import plugins
from goldilocks.bundle.layout import INFO
from goldilocks.bundle.read import Bundle, load
from goldilocks.catalog.fetch import folder_of
from goldilocks.catalog.known import catalogue, source_of
from goldilocks.data.augment import BoundAugmenter, copies_of
from goldilocks.errors import GoldilocksError, InputError
from goldilocks.nets.tokenization.token_vectors import segments, token_vectors
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.protocols import Augmenter
from goldilocks.records import Augmentation, Candidate, Dataset, Generation, Output, Part, Text, TrainingConfig
from goldilocks.support.options import options_from

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_TABLE = "embedding.weight"
_LONGEST = 100_000
"""Tokens of a text to vary; no text is cut."""


def with_copies(dataset: Dataset, choice: Augmentation | None, folder: Path, *, offline: bool, seed: int) -> Dataset:
    """The data set with varied copies after its training rows; validation and test rows stay as they are.

    Args:
        dataset: With its validation part, which no copy may equal.
        choice: The augmenter, and how many copies; ``None``: none.
        folder: Where relative folders of its options start.
        offline: Whether the Hub must not be asked.
        seed: The same seed gives the same copies.

    Raises:
        InputError: the augmenter does not fit the task, an option is unknown, or it loses the evidence of the answers.
        MissingError: there is no such augmenter, or what it needs is not there.
    """
    if choice is None:
        return dataset
    augmenter, options = _chosen(choice, dataset.output)
    resources = _Resources(folder, offline)
    reason = augmenter.unavailable(options, resources)
    if reason is not None:
        raise InputError(f"task file: augment: {choice.method} {reason}.")
    copies = copies_of(
        dataset.train,
        dataset.output,
        BoundAugmenter(
            choice.method,
            lambda texts, at: augmenter.varied(texts, options, resources, seed=at),
            augmenter.PARAPHRASES,
        ),
        copies=choice.copies,
        seed=seed,
        held_out=dataset.validation,
    )
    return replace(dataset, train=_joined(dataset.train, copies.part))


def varied_texts(items: Sequence[Text], choice: Augmentation, folder: Path, *, offline: bool, seed: int) -> list[Text]:
    """A varied copy of each item with a label, in order; no copy is left out.

    Raises:
        InputError: the augmenter cannot be used here.
        MissingError: there is no such augmenter, or what it needs is not there.
    """
    augmenter, options = _chosen(choice, Output.LABEL)
    resources = _Resources(folder, offline)
    reason = augmenter.unavailable(options, resources)
    if reason is not None:
        raise InputError(f"task file: augment: {choice.method} {reason}.")
    flat = [text for item in items for text in ((item,) if isinstance(item, str) else item)]
    copies = iter(augmenter.varied(flat, options, resources, seed=seed))
    return [next(copies) if isinstance(item, str) else tuple(next(copies) for _ in item) for item in items]


def is_prompted(candidate: Candidate) -> bool:
    """Whether a candidate is prompted and not trained: copies of its few-shot examples would only take their place."""
    method = plugins.load("methods", candidate.method)
    trained = method.training_config(TrainingConfig(epochs=1, learning_rate=1, head_learning_rate=1)) is not None
    return "prompt" in candidate.model.groups and not trained


def check_augmentation(choice: Augmentation | None, output: Output) -> None:
    """Check that there is such an augmenter with such options, and that it fits the kind of output.

    Raises:
        InputError: it does not.
        MissingError: there is no such augmenter.
    """
    if choice is not None:
        _chosen(choice, output)


def _chosen(choice: Augmentation, output: Output) -> tuple[Augmenter, Any]:
    augmenter = plugins.load("augmenters", choice.method)
    if output not in augmenter.OUTPUTS:
        fitting = [name for name in plugins.names("augmenters") if output in plugins.load("augmenters", name).OUTPUTS]
        remedy = f"use {', '.join(fitting)}" if fitting else "no augmenter does; leave it out"
        raise InputError(
            f"task file: augment: {choice.method} does not keep right answers of the kind {output.value}; {remedy}."
        )
    return augmenter, options_from(augmenter.Options, choice.options, source="task file", section="augment.options")


def _joined(train: Part, copies: Part) -> Part:
    return Part(
        train.texts + copies.texts,
        train.gold + copies.gold,
        train.rows + copies.rows,
        train.documents + copies.documents,
        {name: cells + copies.attributes[name] for name, cells in train.attributes.items()},
    )


# ----------------------------------------------------------------------------------------------------------- resources


@dataclass(frozen=True, slots=True)
class _Resources:
    """See ``protocols.AugmentationResources``."""

    folder: Path
    offline: bool

    def embed_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        source = next((info.source for info in catalogue() if info.family == "static_embedding"), None)
        try:
            folder = folder_of(source, offline=True) if source else None
        except GoldilocksError:  # the package is not installed
            return None
        return None if folder is None else _embedded(folder, words)

    def segmented(self, texts: Sequence[str]) -> list[list[str]] | None:
        model = _multilingual()
        return None if model is None else [segments(model[1], text) for text in texts]

    def embed_unspaced_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        model = _multilingual()
        return None if model is None else token_vectors(*model, words)

    def model_folder(self, name: str) -> Path:
        return folder_of(source_of(name, self.folder), offline=self.offline)

    def is_bundle(self, folder: str) -> bool:
        return (self.folder / folder / INFO).is_file()

    def translated(self, bundle: str, texts: Sequence[str], *, temperature: float, seed: int) -> list[str]:
        opened = _opened(self.folder / bundle)
        if opened.info.output != Output.TEXT:
            raise InputError(f"{bundle}: answers with {opened.info.output}, not with text; name a translation bundle.")
        answers = opened.answers(list(texts), generation=Generation(temperature=temperature, seed=seed))
        return [str(value) for value in answers.values]


@cache
def _multilingual() -> tuple[Path, Tokenizer] | None:
    """Folder and tokenizer of an installed encoder whose tokens are words of Chinese too; ``None``: there is none."""
    from tokenizers import models

    for info in catalogue():
        if info.family != "encoder" or not {"zh", "*"} & set(info.languages):
            continue
        try:
            folder = folder_of(info, offline=True)
            tokenizer = read_tokenizer(folder / "tokenizer.json", _LONGEST)
        except GoldilocksError:  # it is not on this machine
            continue
        if isinstance(tokenizer.model, models.Unigram):  # WordPiece has single characters
            return folder, tokenizer
    return None


@cache
def _opened(folder: Path) -> Bundle:
    return load(folder)


def _embedded(folder: Path, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
    """Mean of the vectors of each word's tokens, from a folder laid out as wordllama's."""
    from safetensors import safe_open
    from tokenizers import Tokenizer

    tables, tokenizers = sorted(folder.glob("weights/*.safetensors")), sorted(folder.glob("tokenizers/*.json"))
    if not tables or not tokenizers or not words:
        return None
    with safe_open(tables[0], framework="numpy") as file:
        table = np.asarray(file.get_tensor(_TABLE), dtype=np.float32)
    tokenizer = Tokenizer.from_str(json.dumps(json.loads(tokenizers[0].read_text(encoding="utf-8"))))
    tokenizer.no_padding()
    encoded = tokenizer.encode_batch([f" {word}" for word in words], add_special_tokens=False)
    ids = [[number for number in code.ids if number < len(table)] or [0] for code in encoded]
    return np.stack([table[tokens].mean(0) for tokens in ids])
