"""What every augmenter must do, beyond having the right names; raises ``AssertionError``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from goldilocks.data.augment import BoundAugmenter, copies_of, problem
from goldilocks.protocols import Augmenter
from goldilocks.records import Part
from goldilocks.testing import tiny


class FakeResources:
    """Resources without models: words that begin alike are similar, and translation turns texts to upper case."""

    def __init__(self, model: Path | None = None) -> None:
        """``model``: the folder of a masked language model."""
        self.model = model

    def embed_words(self, words: Sequence[str]) -> npt.NDArray[np.float32]:
        """See ``protocols.AugmentationResources``; one dimension for each first letter."""
        vectors = np.zeros((len(words), 128), dtype=np.float32)
        vectors[np.arange(len(words)), [ord(word[0].lower()) % 128 for word in words]] = 1.0
        return vectors

    def segmented(self, texts: Sequence[str]) -> list[list[str]] | None:
        """See ``protocols.AugmentationResources``; words of two characters."""
        return [[text[at : at + 2] for at in range(0, len(text), 2)] for text in texts]

    def embed_unspaced_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        """See ``protocols.AugmentationResources``; as ``embed_words``."""
        return self.embed_words(words)

    def model_folder(self, name: str) -> Path:
        """See ``protocols.AugmentationResources``."""
        return self.model or Path(name)

    def is_bundle(self, folder: str) -> bool:
        """See ``protocols.AugmentationResources``."""
        return folder.startswith("to-")

    def translated(self, bundle: str, texts: Sequence[str], *, temperature: float, seed: int) -> list[str]:  # noqa: ARG002
        """See ``protocols.AugmentationResources``."""
        if bundle == "to-english":  # the words come back in another order
            return [" ".join(reversed(text.lower().split())) for text in texts]
        return [text.upper() for text in texts]


def check_augmenter(augmenter: Augmenter, options: Any, resources: FakeResources) -> None:
    """Copies come in order, are the same for the same seed, are blank only where the text is, and keep the evidence."""
    assert augmenter.SOURCE.strip(), "SOURCE is empty; name the paper the augmenter follows"
    assert augmenter.OUTPUTS, "OUTPUTS is empty; say for which kinds of output right answers survive"
    assert is_dataclass(augmenter.Options), "Options is not a dataclass"
    assert all(hasattr(augmenter.Options(), field.name) for field in fields(augmenter.Options)), (
        "an option has no default"
    )
    reason = augmenter.unavailable(options, resources)
    assert reason is None, reason

    assert augmenter.varied([], options, resources, seed=0) == []
    odd = list(tiny.odd_texts())
    for texts in (list(tiny.part(20).texts), list(tiny.part(20, language="zh").texts), odd):
        plain = [str(text) for text in texts]
        copies = augmenter.varied(plain, options, resources, seed=3)
        assert len(copies) == len(plain), f"{len(copies)} copies of {len(plain)} texts"
        assert copies == augmenter.varied(plain, options, resources, seed=3), "the same seed gives other copies"
        assert all(copy.strip() or not text.strip() for text, copy in zip(plain, copies, strict=True)), "a blank copy"
    for case in tiny.cases({output for output in augmenter.OUTPUTS if not output.needs_language_model}):
        _check_evidence(augmenter, options, resources, case)


def _check_evidence(augmenter: Augmenter, options: Any, resources: FakeResources, case: tiny.Case) -> None:
    held_out = Part(case.part.texts[:5], case.part.gold[:5], case.part.rows[:5])
    copies = copies_of(
        case.part,
        case.goal.output,
        BoundAugmenter(
            "augmenter",
            lambda texts, seed: augmenter.varied(texts, options, resources, seed=seed),
            augmenter.PARAPHRASES,
        ),
        copies=2,
        seed=0,
        held_out=held_out,
    )
    place = {row: at for at, row in enumerate(case.part.rows)}
    for copy, gold, row in zip(copies.part.texts, copies.part.gold, copies.part.rows, strict=True):
        item = case.part.texts[place[row]]
        assert gold == case.part.gold[place[row]], f"row {row}: the right answer changed"
        lost = problem(item, gold, copy, case.goal.output, paraphrases=augmenter.PARAPHRASES)
        assert lost is None, f"row {row}: {lost}"
        assert copy not in held_out.texts, f"row {row}: the copy is a validation row"
