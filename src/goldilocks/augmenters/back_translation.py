"""Back-translation: texts are translated into another language and back, by two translation bundles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from goldilocks.protocols import AugmentationResources
from goldilocks.records import Output

SOURCE = 'Sennrich, Haddow and Birch 2016; as augmentation Xie et al. 2020, "Unsupervised Data Augmentation".'
OUTPUTS = frozenset({Output.LABEL, Output.SCORE, Output.SPAN})
PARAPHRASES = True


@dataclass(frozen=True, slots=True)
class Options:
    """The two bundles, and how freely they translate."""

    there: str = ""
    """Folder of a translation bundle from the language of the texts."""
    back: str = ""
    """Folder of a translation bundle into it."""
    temperature: float = 0.0
    """Sampling temperature of the way back; 0: the most probable translation, the same in each copy."""


def unavailable(options: Options, resources: AugmentationResources) -> str | None:
    """See ``protocols.Augmenter``."""
    if not options.there or not options.back:
        return "needs two translation bundles; write options: {there: FOLDER, back: FOLDER}"
    missing = [folder for folder in (options.there, options.back) if not resources.is_bundle(folder)]
    return f"{missing[0]} is not a bundle" if missing else None


def varied(texts: Sequence[str], options: Options, resources: AugmentationResources, *, seed: int) -> list[str]:
    """See ``protocols.Augmenter``."""
    if not texts:
        return []
    abroad = resources.translated(options.there, texts, temperature=0.0, seed=seed)
    copies = resources.translated(options.back, abroad, temperature=options.temperature, seed=seed)
    return [copy if copy.strip() else text for text, copy in zip(texts, copies, strict=True)]
