"""Augmenters: augmenters/NAME.py, and what they may use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from goldilocks.records import Output


class AugmentationResources(Protocol):
    """What augmenters may use in addition to the texts. Folders are relative to the task file's."""

    def embed_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        """Vectors of words, ``(n_words, width)``, from a table of static embeddings; ``None``: none is installed."""

    def segmented(self, texts: Sequence[str]) -> list[list[str]] | None:
        """The words of texts that are written without spaces; joined they are the text. ``None``: nothing is installed
        that knows words of several characters.
        """

    def embed_unspaced_words(self, words: Sequence[str]) -> npt.NDArray[np.float32] | None:
        """As ``embed_words``, of words from ``segmented``; of a word that is no token the mean of its tokens."""

    def model_folder(self, name: str) -> Path:
        """The folder of a pretrained model: a local folder, or ``org/name`` from the Hub.

        Raises:
            MissingError: it is not on this machine and cannot be fetched.
        """

    def is_bundle(self, folder: str) -> bool:
        """Whether a folder holds a bundle."""

    def translated(self, bundle: str, texts: Sequence[str], *, temperature: float, seed: int) -> list[str]:
        """Translations of texts by a bundle.

        Raises:
            InputError: the bundle does not translate.
        """


class Augmenter(Protocol):
    """augmenters/NAME.py: varied copies of training texts whose gold answer stays valid."""

    @property
    def OUTPUTS(self) -> frozenset[Output]:  # noqa: N802
        """Kinds of output whose gold answer survives. For tags it is given single words without an entity."""

    @property
    def PARAPHRASES(self) -> bool:  # noqa: N802
        """Whether a copy may have other words throughout; otherwise at least half of the words must stay."""

    @property
    def SOURCE(self) -> str:  # noqa: N802
        """Paper the augmenter follows, and where we differ."""

    @property
    def Options(self) -> type[Any]:  # noqa: N802
        """Frozen dataclass of its options, each with a default."""

    def unavailable(self, options: Any, resources: AugmentationResources) -> str | None:
        """Why it cannot be used here, for the user; ``None``: it can."""

    def varied(self, texts: Sequence[str], options: Any, resources: AugmentationResources, *, seed: int) -> list[str]:
        """A copy of each text, in order, blank only where the text is; a text that cannot be varied comes back
        unchanged.

        The same texts and seed give the same copies.
        """
