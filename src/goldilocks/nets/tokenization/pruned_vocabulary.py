"""A subword tokenizer with fewer tokens, which still spells every text.

A text that is made of kept tokens only is tokenized as before: WordPiece (longest match first) and Unigram (most
probable path) choose among fewer tokens, none of which they chose before. Of BPE all merges are kept that lead to a
kept token, so that the same merges apply in the same order.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MODELS = ("WordPiece", "Unigram", "BPE")
"""Kinds of tokenizer models that can be pruned."""
FIXED_IDS = 8
"""Ids below this keep their place: networks may write special tokens themselves (``tuning/working_copy.py``)."""


def model_of(tokenizer: Tokenizer) -> str:
    """The kind of a tokenizer's model."""
    return str(json.loads(tokenizer.to_str())["model"].get("type", ""))


def with_vocabulary(tokenizer: Tokenizer, used: Collection[int]) -> tuple[Tokenizer, list[int]]:
    """The tokenizer with only some of its tokens.

    Args:
        tokenizer: With a model of ``MODELS``.
        used: Ids to keep, in addition to special tokens, single characters, bytes and those below ``FIXED_IDS``.

    Returns:
        The tokenizer, and the old id of each of its tokens, in ascending order: the new id is the position there.
    """
    from tokenizers import Tokenizer

    content = json.loads(tokenizer.to_str())
    model = content["model"]
    pieces = _pieces(model)
    kept = {number for number in (*used, *range(FIXED_IDS)) if number < len(pieces)}
    kept |= {number for number, piece in enumerate(pieces) if _spells(piece)}
    kept |= set(_ids_of(content["post_processor"])) | {token["id"] for token in content["added_tokens"]}
    if model["type"] == "BPE":
        kept = _closed(kept, pieces, model["merges"])
    order = sorted(kept)
    place = {old: new for new, old in enumerate(order)}
    _prune_model(model, pieces, place)
    for token in content["added_tokens"]:
        token["id"] = place[token["id"]]
    content["post_processor"] = _renumbered(content["post_processor"], place)
    return Tokenizer.from_str(json.dumps(content, ensure_ascii=False)), order


def _pieces(model: Mapping[str, Any]) -> list[str]:
    """The tokens by id."""
    if model["type"] == "Unigram":
        return [piece for piece, _ in model["vocab"]]
    by_id = {number: piece for piece, number in model["vocab"].items()}
    return [by_id.get(number, "") for number in range(max(by_id) + 1)]


def _spells(piece: str) -> bool:
    """Whether a token is a single character (a byte, in byte-level vocabularies), wherever it is in a word."""
    bare = piece.removeprefix("##").removeprefix("▁") or piece
    return len(bare) == 1 or (len(piece) == 6 and piece.startswith("<0x") and piece.endswith(">"))


def _merge(merge: str | list[str]) -> tuple[str, str]:
    first, second = merge.split(" ") if isinstance(merge, str) else merge
    return first, second


def _closed(kept: set[int], pieces: list[str], merges: Iterable[str | list[str]]) -> set[int]:
    """The ids, and those of everything that a kept token is merged from."""
    number = {piece: place for place, piece in enumerate(pieces)}
    parts: dict[str, list[str]] = {}
    for first, second in map(_merge, merges):
        parts.setdefault(first + second, []).extend((first, second))
    waiting, whole = [pieces[place] for place in kept if place < len(pieces)], set(kept)
    while waiting:
        for part in parts.get(waiting.pop(), ()):
            if part in number and number[part] not in whole:
                whole.add(number[part])
                waiting.append(part)
    return whole


def _prune_model(model: dict[str, Any], pieces: list[str], place: Mapping[int, int]) -> None:
    if model["type"] == "Unigram":
        model["vocab"] = [piece for number, piece in enumerate(model["vocab"]) if number in place]
        if model.get("unk_id") is not None:
            model["unk_id"] = place[model["unk_id"]]
        return
    model["vocab"] = {pieces[old]: new for old, new in place.items() if old < len(pieces)}
    if model["type"] == "BPE":
        vocabulary = model["vocab"]
        model["merges"] = [
            merge
            for merge in model["merges"]
            if all(part in vocabulary for part in (*_merge(merge), "".join(_merge(merge))))
        ]


def _ids_of(processor: Any) -> Iterator[int]:
    """Ids that a post-processor adds."""
    if isinstance(processor, dict):
        for token in (processor.get("special_tokens") or {}).values():
            yield from token["ids"]
        for name in ("cls", "sep"):
            if name in processor:
                yield processor[name][1]
        for inner in processor.get("processors") or ():
            yield from _ids_of(inner)


def _renumbered(processor: Any, place: Mapping[int, int]) -> Any:
    if not isinstance(processor, dict):
        return processor
    changed = dict(processor)
    if changed.get("special_tokens"):
        changed["special_tokens"] = {
            name: {**token, "ids": [place[old] for old in token["ids"]]}
            for name, token in changed["special_tokens"].items()
        }
    for name in ("cls", "sep"):
        if name in changed:
            changed[name] = [changed[name][0], place[changed[name][1]]]
    if changed.get("processors"):
        changed["processors"] = [_renumbered(inner, place) for inner in changed["processors"]]
    return changed
