"""Settings of a pre-training run, and the model sizes to start from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

OBJECTIVES = ("mlm", "clm", "denoise")
KINDS = ("wordpiece", "bpe", "unigram")


@dataclass(frozen=True, slots=True)
class Size:
    """The numbers that fix a model's size."""

    depth: int
    """Layers (for ``denoise`` as many that read and as many that write)."""
    width: int
    heads: int


SIZES: Mapping[str, Size] = {
    "tiny": Size(2, 128, 2),
    "mini": Size(4, 256, 4),
    "small": Size(4, 512, 8),
    "medium": Size(8, 512, 8),
    "base": Size(12, 768, 12),
}
"""Those of Turc et al. 2019, "Well-Read Students Learn Better"."""


@dataclass(frozen=True, slots=True)
class PretrainSettings:
    """How a model is pretrained. What is ``None`` is chosen by the objective or by the model's size."""

    out: Path = Path("pretrained")
    """Folder for the model; ``out/work`` holds tokens and checkpoint until it is finished."""
    objective: str = "mlm"
    """``mlm`` (masked tokens), ``clm`` (the next token) or ``denoise`` (cut-out spans, as T5)."""
    start: Path | None = None
    """Folder of a checkpoint to continue; ``None``: from scratch."""
    size: str = "tiny"
    """Preset of a model from scratch; see ``SIZES``."""
    tokenizer: str | None = None
    """``wordpiece``, ``bpe`` or ``unigram``; a checkpoint keeps its own."""
    vocabulary: int = 8_000
    """Maximum number of tokens of a new tokenizer."""
    lowercase: bool | None = None
    """Whether a new tokenizer lowers the case; by default only ``wordpiece`` does."""
    next_sentence: bool = False
    """``mlm``: next-sentence prediction as a second objective."""
    whole_words: bool = False
    """``mlm``: mask all tokens of a word or none. A Chinese character is a word."""
    across: bool = False
    """Let a token see tokens of other documents in its row. ``denoise`` always does."""
    length: int = 128
    """Tokens of a row."""
    epochs: float = 1.0
    """Passes over the corpus."""
    steps: int | None = None
    """Steps in all, in place of ``epochs``."""
    batch_rows: int = 32
    learning_rate: float | None = None
    """Peak rate; by default 1e-4 for a checkpoint, 1e-3 for a new model up to 256 wide, less for wider ones."""
    warmup_share: float = 0.06
    weight_decay: float = 0.01
    dropout: float = 0.0
    """Inside the layers. With few passes over the text there is little to overlearn."""
    seed: int = 0
    checkpoint_seconds: float = 300.0
    """A run that is killed loses at most this much."""
    resume: bool = False
    column: str = "text"
    """Where the text is, in corpora that have columns."""
    licence: str = "unknown"
    """For the model card."""
    languages: tuple[str, ...] = field(default=())
    """BCP 47 tags, for the model card."""


_MIN = {"vocabulary": 16, "length": 8, "batch_rows": 1, "epochs": 0, "steps": 0, "checkpoint_seconds": 0}


def check(settings: PretrainSettings) -> None:
    """Refuse what cannot be meant.

    Raises:
        InputError: a name is unknown, a number too small, or options contradict each other.
    """
    names = (("objective", OBJECTIVES), ("size", tuple(SIZES)), ("tokenizer", KINDS))
    for option, known in names:
        given = getattr(settings, option)
        if given is not None and given not in known:
            raise InputError(f"{option} is {given!r}.{suggest(given, list(known))} There are: {', '.join(known)}.")
    for option, minimum in _MIN.items():
        given = getattr(settings, option)
        if given is not None and not given >= minimum:
            raise InputError(f"{option.replace('_', ' ')} is {given}; it must be at least {minimum}.")
    for option in ("next_sentence", "whole_words"):
        if getattr(settings, option) and settings.objective != "mlm":
            raise InputError(f"{option.replace('_', ' ')} belongs to mlm; leave it out for {settings.objective}.")
    if settings.next_sentence and settings.across:
        raise InputError("next sentence needs rows whose documents do not attend to each other; leave out across.")
    if settings.start is not None and settings.tokenizer is not None:
        raise InputError("a checkpoint keeps its own tokenizer; leave out the tokenizer, or start from scratch.")
