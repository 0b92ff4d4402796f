"""Networks put together from their parts: the one place where the kind of answer wanted becomes a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from goldilocks.errors import InputError
from goldilocks.nets.network import Network, Shape, Trunk, read_shape, read_tokenizer
from goldilocks.nets.prompts import answer_limit, said
from goldilocks.nets.words import PAD_ID, learn_words
from goldilocks.records import Goal, Output, Part, as_text
from goldilocks.support.text_units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def network(trunk: Trunk, tokenizer: Tokenizer, shape: Shape) -> Network:
    """Trunk, tokenizer and a head that knows nothing, as the network that gives the shape's kind of answer.

    Raises:
        InputError: no network gives that kind of answer.
    """
    match Output(shape.output):
        case Output.LABEL if shape.settled.get("marked"):
            from goldilocks.nets.relater import Relater

            return Relater(trunk, tokenizer, shape)
        case Output.LABEL:
            return Network(trunk, tokenizer, shape)
        case Output.TEXT if shape.settled.get("onward"):
            from goldilocks.nets.foreteller import Foreteller

            return Foreteller(trunk, tokenizer, shape)
        case Output.TEXT:
            from goldilocks.nets.writer import Writer

            return Writer(trunk, tokenizer, shape)
        case Output.TAGS:
            from goldilocks.nets.tagger import Tagger

            return Tagger(trunk, tokenizer, shape)
        case Output.SPAN:
            from goldilocks.nets.reader import Reader

            return Reader(trunk, tokenizer, shape)
        case Output.SCORE:
            from goldilocks.nets.scorer import Scorer

            return Scorer(trunk, tokenizer, shape)
        case Output.LIKELIHOOD:
            from goldilocks.nets.foreteller import Foreteller

            return Foreteller(trunk, tokenizer, shape)
        case other:
            raise InputError(f"no network gives {other}; choose a task that asks for something else.")


def shape_for(
    goal: Goal, kind: str, options: Mapping[str, Any], *, pooling: str, max_tokens: int, pad_id: int = 0
) -> Shape:
    """The shape of a network for ``goal``; see ``Shape`` for the rest."""
    return Shape(kind, dict(options), goal.labels, pooling, max_tokens, pad_id, goal.output.value, goal.several)


def from_words(
    kind: str,
    options: Mapping[str, Any],
    trunk_of: Callable[[Shape], Trunk],
    part: Part,
    goal: Goal,
    *,
    max_words: int,
    seed: int,
) -> Network:
    """An untrained network over the words of the training texts, its strongest answers pooled.

    Args:
        kind: The family.
        options: The trunk's own numbers, but for ``vocabulary``: that is counted here.
        trunk_of: Makes the trunk from the shape.
        part: The training rows.
        goal: The kind of answer wanted.
        max_words: Words after which an item is cut.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = learn_words([as_text(one) for one in part.texts], max_tokens=max_words)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    shape = shape_for(goal, kind, given, pooling="max", max_tokens=max_words, pad_id=PAD_ID)
    if goal.output is Output.TAGS:  # what starts from nothing has to learn what follows what
        shape = replace(shape, settled={"chain": True})
    return network(trunk_of(shape), tokenizer, shape)


def from_pieces(
    kind: str,
    options: Mapping[str, Any],
    trunk_of: Callable[[Shape], Trunk],
    part: Part,
    goal: Goal,
    *,
    max_pieces: int,
    vocabulary: int,
    decoder: Mapping[str, Any] | None = None,
    seed: int,
) -> Network:
    """An untrained network that writes, over pieces of the words on both sides of the training rows.

    Args:
        kind: The family.
        options: The trunk's own numbers, but for ``vocabulary``: that is counted here.
        trunk_of: Makes the trunk from the shape.
        part: The training rows.
        goal: The kind of answer wanted: a text.
        max_pieces: Pieces after which a source or a target is cut.
        vocabulary: Most pieces there are.
        decoder: The numbers of an ``AttentionDecoder``, where the trunk brings no decoder of its own.
        seed: Of the weights.
    """
    from goldilocks.nets import pieces, writer
    from goldilocks.nets.beam import Search

    torch.manual_seed(seed)
    tokenizer = pieces.learn_pieces(writer.texts_of(part), limit=vocabulary)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    search = Search(pieces.START_ID, pieces.END_ID, never=(pieces.PAD_ID, pieces.UNKNOWN_ID, pieces.START_ID))
    shape = replace(
        shape_for(goal, kind, given, pooling="mean", max_tokens=max_pieces, pad_id=pieces.PAD_ID),
        settled=writer.settled_for(
            tokenizer, part, goal.generation, search=search, max_tokens=max_pieces, decoder=decoder
        ),
    )
    return network(trunk_of(shape), tokenizer, shape)


def from_running_text(
    kind: str,
    options: Mapping[str, Any],
    trunk_of: Callable[[Shape], Trunk],
    part: Part,
    goal: Goal,
    *,
    vocabulary: int,
    max_read: int,
    seed: int,
) -> Network:
    """An untrained network that says how probable a text is, or goes on from it, over pieces of the training texts.

    Args:
        kind: The family.
        options: The numbers of a ``RecurrentTrunk`` that reads one way, but for ``vocabulary``: that is counted here.
        trunk_of: Makes the trunk from the shape.
        part: The training rows.
        goal: The kind of answer wanted: a likelihood, or a text.
        vocabulary: Most pieces there are.
        max_read: Last pieces of an item that are read before its answer is written.
        seed: Of the weights.
    """
    from goldilocks.nets import foreteller, pieces

    torch.manual_seed(seed)
    texts = (text for item in part.texts for text in ((item,) if isinstance(item, str) else item))
    writes = goal.output is Output.TEXT
    answers = [references(one)[0] for one in part.gold] if writes else []  # a likelihood is that of the item itself
    tokenizer = pieces.learn_pieces(chain(texts, answers), limit=vocabulary, faithful=True)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    length = foreteller.WARM_UP + foreteller.STRETCH
    shape = shape_for(goal, kind, given, pooling="mean", max_tokens=length, pad_id=pieces.PAD_ID)
    if writes:
        lengths = [len(one.ids) for one in tokenizer.encode_batch_fast(answers[:1000])]
        settled = {"onward": True, "read": max_read, "max_tokens": answer_limit(lengths)}
        shape = replace(shape, settled={**settled, "generation": said(goal.generation)})
    return network(trunk_of(shape), tokenizer, shape)


def restored(folder: Path, trunk_of: Callable[[Shape], Trunk]) -> Network:
    """What ``Network.save`` wrote, ready to answer."""
    shape = read_shape(folder)
    found = network(trunk_of(shape), read_tokenizer(folder / "tokenizer.json", shape.max_tokens), shape)
    found.load_weights(folder)
    return found
