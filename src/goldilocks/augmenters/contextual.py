"""Contextual substitution: a share of the words is masked, and a masked language model fills the gaps.

Only whole words of one token are replaced. The model is a folder or Hub model with a masked-LM head, such as one that
`goldilocks pretrain` made; its predictions keep the grammar better than the meaning.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from goldilocks.protocols import AugmentationResources
from goldilocks.records import Output

if TYPE_CHECKING:
    from tokenizers import Encoding

SOURCE = (
    'Kobayashi 2018, "Contextual Augmentation: Data Augmentation by Words with Paradigmatic Relations", without the '
    "label as a condition."
)
OUTPUTS = frozenset({Output.LABEL, Output.SCORE, Output.SPAN})
PARAPHRASES = False

_CANDIDATES = 8
_BATCH = 32
_MASKS = ("[MASK]", "<mask>")


@dataclass(frozen=True, slots=True)
class Options:
    """The model, and how much is changed."""

    model: str = ""
    """Folder, or ``org/name`` on the Hub, of a model with a masked-LM head."""
    share: float = 0.15
    """Share of the words that are replaced, at least one."""


def unavailable(options: Options, resources: AugmentationResources) -> str | None:
    """See ``protocols.Augmenter``."""
    if not options.model:
        return "needs a masked language model; write options: {model: FOLDER}"
    folder = resources.model_folder(options.model)
    if not (folder / "tokenizer.json").is_file():
        return f"{folder} has no tokenizer.json"
    if _mask_of(folder) is None:
        return f"the tokenizer of {folder} has no mask token, so it is not a masked language model"
    return None


def varied(texts: Sequence[str], options: Options, resources: AugmentationResources, *, seed: int) -> list[str]:
    """See ``protocols.Augmenter``."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModelForMaskedLM

    from goldilocks.nets.hub.quiet_transformers import quiet

    folder = resources.model_folder(options.model)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    with quiet():
        model = AutoModelForMaskedLM.from_pretrained(
            folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
        ).eval()
    longest = int(getattr(model.config, "max_position_embeddings", 512)) - 2
    tokenizer.enable_truncation(longest)
    mask, pad = _mask_of(folder), int(model.config.pad_token_id or 0)
    copies: list[str] = []
    for start in range(0, len(texts), _BATCH):
        batch = list(texts[start : start + _BATCH])
        encoded = tokenizer.encode_batch(batch)
        rngs = [np.random.default_rng((seed, start + number)) for number in range(len(batch))]
        places = [_gaps(text, code, options.share, rng) for text, code, rng in zip(batch, encoded, rngs, strict=True)]
        ids = torch.full((len(batch), max(len(code.ids) for code in encoded)), pad)
        for row, (code, gaps) in enumerate(zip(encoded, places, strict=True)):
            masked = [mask if at in gaps else token for at, token in enumerate(code.ids)]
            ids[row, : len(masked)] = torch.tensor(masked)
        attention = torch.tensor([[int(at < len(code.ids)) for at in range(ids.shape[1])] for code in encoded])
        with torch.inference_mode():
            scores = model(input_ids=ids, attention_mask=attention).logits
        for row, (text, code, gaps) in enumerate(zip(batch, encoded, places, strict=True)):
            copies.append(_filled(text, code, gaps, scores[row], tokenizer, rngs[row]))
    return copies


def _mask_of(folder: Path) -> int | None:
    """The id of the mask token."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    return next((number for name in _MASKS if (number := tokenizer.token_to_id(name)) is not None), None)


def _gaps(text: str, code: Encoding, share: float, rng: np.random.Generator) -> set[int]:
    """Positions of tokens to replace: each is a whole word of letters."""
    whole = [at for at, (word, span) in enumerate(_words(code)) if word is not None and _is_word(text, code, at, span)]
    count = min(len(whole), max(1, round(share * len(whole))))
    return set(rng.choice(whole, count, replace=False).tolist()) if whole else set()


def _words(code: Encoding) -> Iterator[tuple[int | None, tuple[int, int]]]:
    yield from zip(code.word_ids, code.offsets, strict=True)


def _is_word(text: str, code: Encoding, at: int, span: tuple[int, int]) -> bool:
    alone = code.word_ids.count(code.word_ids[at]) == 1
    return alone and text[span[0] : span[1]].strip().isalpha()


def _filled(text: str, code: Encoding, gaps: set[int], scores: Any, tokenizer: Any, rng: np.random.Generator) -> str:
    """The text with each gap filled by one of the most probable words, drawn by their probability."""
    for at in sorted(gaps, reverse=True):  # from the end, so that earlier offsets stay valid
        begin, end = code.offsets[at]
        old = text[begin:end]
        best = scores[at].topk(min(4 * _CANDIDATES, scores.shape[-1]))
        words = [tokenizer.decode([number]).strip() for number in best.indices.tolist()]
        fitting = [
            (word, float(score))
            for word, score in zip(words, best.values.tolist(), strict=True)
            if word.isalpha() and word.lower() != old.strip().lower()
        ][:_CANDIDATES]
        if fitting:
            shares = np.exp(np.array([score for _, score in fitting]) - fitting[0][1])
            word = fitting[int(rng.choice(len(fitting), p=shares / shares.sum()))][0]
            text = text[:begin] + old[: len(old) - len(old.lstrip())] + word + text[end:]
    return text
