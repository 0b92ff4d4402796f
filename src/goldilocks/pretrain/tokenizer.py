"""Tokenizer training for pretraining: WordPiece, BPE and unigram, trained on a corpus or taken from a checkpoint.

WordPiece with BERT's rules makes every Chinese character a token; BPE works on bytes, so that no character of any
script is unknown; unigram works on characters and may give unknown tokens.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from goldilocks.errors import InputError, MissingError
from goldilocks.nets.hub.checkpoint import tokenizer_file
from goldilocks.support.files import write_text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTES = 256
_USUAL: Mapping[str, tuple[str, ...]] = {
    "pad": ("[PAD]", "<pad>", "<|padding|>"),
    "unk": ("[UNK]", "<unk>"),
    "cls": ("[CLS]", "<s>"),
    "sep": ("[SEP]", "</s>"),
    "mask": ("[MASK]", "<mask>"),
    "bos": ("<s>", "<bos>", "<|begin_of_text|>", "<|endoftext|>"),
    "eos": ("</s>", "<eos>", "<|end_of_text|>", "<|endoftext|>"),
}
"""Usual names of the special tokens, for folders that do not name them."""


@dataclass(frozen=True)
class Vocabulary:
    """A tokenizer with the roles of its special tokens."""

    tokenizer: Tokenizer
    names: Mapping[str, str]
    """Role (pad, unk, cls, sep, mask, bos, eos) -> token."""

    @property
    def size(self) -> int:
        """Vocabulary size, added tokens included."""
        return int(self.tokenizer.get_vocab_size())

    def id(self, role: str) -> int:
        """The id of the token with this role."""
        number = self.tokenizer.token_to_id(self.names[role])
        assert number is not None
        return int(number)

    def find(self, role: str) -> int | None:
        """The same; ``None`` where no token has this role."""
        return self.id(role) if role in self.names else None

    def ordinary(self) -> npt.NDArray[np.int64]:
        """Numbers of the tokens that represent text, in ascending order."""
        special = {number for number, token in self.tokenizer.get_added_tokens_decoder().items() if token.special}
        special |= {self.id(role) for role in self.names}
        return np.array(sorted(set(self.tokenizer.get_vocab().values()) - special), dtype=np.int64)

    def sentinels(self) -> list[int]:
        """Numbers of ``<extra_id_0>``, ``<extra_id_1>``, ... as far as there are any."""
        ids: list[int] = []
        while (number := self.tokenizer.token_to_id(f"<extra_id_{len(ids)}>")) is not None:
            ids.append(int(number))
        return ids


def learn(
    texts: Callable[[], Iterable[str]],
    kind: str,
    specials: Mapping[str, str],
    *,
    vocabulary: int,
    lowercase: bool,
    template: Sequence[str],
    sentinels: int = 0,
) -> Vocabulary:
    """A tokenizer trained on the texts; the same texts give the same tokenizer.

    (With ``unigram`` the same pieces and numbers: scores of a large corpus may differ in the fourth digit.)

    Args:
        texts: Gives them from the beginning each time (``wordpiece`` asks twice); only counts of words are kept.
        kind: ``wordpiece``, ``bpe`` or ``unigram``.
        specials: Role -> token; they get the first ids.
        vocabulary: Maximum number of tokens in all.
        lowercase: Whether case is lost (with WordPiece accents are then lost too, as in BERT).
        template: Templates for one text and for two, e.g. ``("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")``.
        sentinels: How many ``<extra_id_…>`` to add, counted in ``vocabulary``.

    Raises:
        InputError: the vocabulary is too small, or the corpus too small for this kind.
    """
    from tokenizers import processors

    minimum = len(specials) + sentinels + (_BYTES if kind == "bpe" else 16)
    if vocabulary < minimum:
        raise InputError(f"a vocabulary of {vocabulary} is too small for {kind}; it needs at least {minimum} tokens.")
    try:
        tokenizer = _trained(texts, kind, specials, vocabulary - sentinels, lowercase)
    except (InputError, MissingError):
        raise
    except Exception as error:  # tokenizers raises bare Exception
        cause = error.__cause__ or error.__context__
        if isinstance(cause, InputError | MissingError):
            raise cause from None
        raise InputError(
            f"no {kind} tokenizer can be trained on this corpus ({error}); give more text or a smaller vocabulary."
        ) from error
    tokenizer.add_special_tokens([f"<extra_id_{number}>" for number in range(sentinels)])
    numbers = [(token, tokenizer.token_to_id(token)) for token in specials.values()]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=template[0], pair=template[1], special_tokens=[pair for pair in numbers if pair[0] in " ".join(template)]
    )
    return Vocabulary(tokenizer, dict(specials))


def _parts(kind: str, specials: Sequence[str], size: int, lowercase: bool) -> tuple[Tokenizer, Any]:
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

    common: dict[str, Any] = {
        "vocab_size": size, "special_tokens": list(specials), "show_progress": False
    }  # fmt: skip
    if kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token=_unknown(specials)))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
        # Characters come before subwords: without a limit those of a Chinese corpus alone could fill the vocabulary.
        return tokenizer, trainers.WordPieceTrainer(limit_alphabet=max(8, size // 2), **common)
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.normalizer = normalizers.Lowercase() if lowercase else None
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        return tokenizer, trainers.BpeTrainer(initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **common)
    tokenizer = Tokenizer(models.Unigram())
    steps = [normalizers.NFKC(), normalizers.Replace(Regex(r"\s+"), " ")]
    tokenizer.normalizer = normalizers.Sequence([*steps, *([normalizers.Lowercase()] if lowercase else [])])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer.decoder = decoders.Metaspace()
    return tokenizer, trainers.UnigramTrainer(unk_token=_unknown(specials), **common)


def _trained(
    texts: Callable[[], Iterable[str]], kind: str, specials: Mapping[str, str], size: int, lowercase: bool
) -> Tokenizer:
    """A deterministic tokenizer: the ids that the trainers assign depend on the order of a hash table."""
    from tokenizers import models

    first = list(specials.values())
    tokenizer, trainer = _parts(kind, first, size, lowercase)
    tokenizer.train_from_iterator(texts(), trainer)
    if kind == "wordpiece":
        # Ids break ties between subwords of equal frequency, and those of inner characters are random: a second
        # training gets them as given.
        inner = sorted(token for token in tokenizer.get_vocab() if token.startswith("##") and len(token) == 3)
        again, trainer = _parts(kind, [*first, *inner], size, lowercase)
        again.train_from_iterator(texts(), trainer)
        rest = sorted(set(again.get_vocab()) - set(first))
        numbered = {token: number for number, token in enumerate([*first, *rest])}
        tokenizer.model = models.WordPiece(numbered, unk_token=specials["unk"])
    elif kind == "unigram":
        model = json.loads(tokenizer.to_str())["model"]
        scores = {token: round(score, 6) for token, score in model["vocab"]}
        rest = sorted(set(scores) - set(first))
        tokenizer.model = models.Unigram([(token, scores[token]) for token in [*first, *rest]], model["unk_id"], False)
    return tokenizer


def _unknown(specials: Sequence[str]) -> str:
    return next(token for token in specials if token in _USUAL["unk"])


def write(vocabulary: Vocabulary, folder: Path, max_tokens: int) -> None:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``, as transformers reads them.

    Raises:
        InputError: the folder cannot be written to.
    """
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": max_tokens,
        **{f"{role}_token": token for role, token in vocabulary.names.items()},
    }
    write_text(folder / "tokenizer_config.json", json.dumps(config, ensure_ascii=False, indent=2))
    write_text(folder / "tokenizer.json", vocabulary.tokenizer.to_str(pretty=True))


def read(folder: Path, required: Sequence[str]) -> Vocabulary:
    """The tokenizer of a checkpoint.

    Args:
        folder: In the Hub's format.
        required: Roles that must have a token.

    Raises:
        MissingError: there is no ``tokenizer.json``.
        InputError: it cannot be loaded, or has no token for a required role.
    """
    from tokenizers import Tokenizer

    path = tokenizer_file(folder)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # tokenizers raises bare Exception
        raise InputError(f"{path}: not a tokenizer ({error}); download the checkpoint again.") from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    configured = _configured_names(folder)
    names: dict[str, str] = {}
    for role, usual in _USUAL.items():
        listed = (configured[role],) if role in configured else usual
        known = next((token for token in listed if tokenizer.token_to_id(token) is not None), None)
        if known is not None:
            names[role] = known
    for role in required:
        if role not in names:
            raise InputError(
                f"{path}: has no {role} token (looked for {', '.join(_USUAL[role])}); name it as {role}_token in "
                "tokenizer_config.json, or continue another checkpoint."
            )
    return Vocabulary(tokenizer, names)


def _configured_names(folder: Path) -> dict[str, str]:
    """Role -> token, as far as the folder's configuration names them."""
    names: dict[str, str] = {}
    for name in ("special_tokens_map.json", "tokenizer_config.json"):
        try:
            raw = json.loads((folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            continue
        for role in _USUAL:
            token = raw.get(f"{role}_token") if isinstance(raw, dict) else None
            token = token.get("content") if isinstance(token, dict) else token
            if isinstance(token, str):
                names[role] = token
    return names
