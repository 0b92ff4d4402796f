"""Networks put together from their parts: the one place where the kind of answer wanted becomes a class."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from goldilocks.errors import InputError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.generation.prompts import answer_limit, said
from goldilocks.nets.network import Network, NetworkConfig, read_config
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.nets.tokenization.word_vocabulary import PAD_ID, learn_words
from goldilocks.records import Goal, Output, Part, as_text
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def network(backbone: Backbone, tokenizer: Tokenizer, shape: NetworkConfig) -> Network:
    """Backbone, tokenizer and a head that knows nothing, as the network that gives the shape's kind of answer.

    Raises:
        InputError: no network gives that kind of answer.
    """
    match Output(shape.output):
        case Output.LABEL if shape.settled.get("marked"):
            from goldilocks.nets.heads.relation_classifier import RelationClassifier

            return RelationClassifier(backbone, tokenizer, shape)
        case Output.LABEL:
            return Network(backbone, tokenizer, shape)
        case Output.TEXT if shape.settled.get("onward"):
            from goldilocks.nets.heads.recurrent_lm import RecurrentLM

            return RecurrentLM(backbone, tokenizer, shape)
        case Output.TEXT:
            from goldilocks.nets.heads.seq2seq_generator import Seq2SeqGenerator

            return Seq2SeqGenerator(backbone, tokenizer, shape)
        case Output.TAGS:
            from goldilocks.nets.heads.token_classifier import TokenClassifier

            return TokenClassifier(backbone, tokenizer, shape)
        case Output.SPAN:
            from goldilocks.nets.heads.span_extractor import SpanExtractor

            return SpanExtractor(backbone, tokenizer, shape)
        case Output.SCORE:
            from goldilocks.nets.heads.pair_scorer import PairScorer

            return PairScorer(backbone, tokenizer, shape)
        case Output.LIKELIHOOD:
            from goldilocks.nets.heads.recurrent_lm import RecurrentLM

            return RecurrentLM(backbone, tokenizer, shape)
        case other:
            raise InputError(f"no network gives {other}; choose a task that asks for something else.")


def config_for(
    goal: Goal, kind: str, options: Mapping[str, Any], *, pooling: str, max_tokens: int, pad_id: int = 0
) -> NetworkConfig:
    """The shape of a network for ``goal``; see ``NetworkConfig`` for the rest."""
    return NetworkConfig(kind, dict(options), goal.labels, pooling, max_tokens, pad_id, goal.output.value, goal.several)


def from_words(
    kind: str,
    options: Mapping[str, Any],
    backbone_of: Callable[[NetworkConfig], Backbone],
    part: Part,
    goal: Goal,
    *,
    max_words: int,
    seed: int,
) -> Network:
    """An untrained network over the words of the training texts, its strongest answers pooled.

    Args:
        kind: The family.
        options: The backbone's own numbers, but for ``vocabulary``: that is counted here.
        backbone_of: Makes the backbone from the shape.
        part: The training rows.
        goal: The kind of answer wanted.
        max_words: Words after which an item is cut.
        seed: Of the weights.
    """
    torch.manual_seed(seed)
    tokenizer = learn_words([as_text(one) for one in part.texts], max_tokens=max_words)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    shape = config_for(goal, kind, given, pooling="max", max_tokens=max_words, pad_id=PAD_ID)
    if goal.output is Output.TAGS:  # what starts from nothing has to learn what follows what
        shape = replace(shape, settled={"chain": True})
    return network(backbone_of(shape), tokenizer, shape)


def from_pieces(
    kind: str,
    options: Mapping[str, Any],
    backbone_of: Callable[[NetworkConfig], Backbone],
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
        options: The backbone's own numbers, but for ``vocabulary``: that is counted here.
        backbone_of: Makes the backbone from the shape.
        part: The training rows.
        goal: The kind of answer wanted: a text.
        max_pieces: Pieces after which a source or a target is cut.
        vocabulary: Most pieces there are.
        decoder: The numbers of an ``AttentionDecoder``, where the backbone brings no decoder of its own.
        seed: Of the weights.
    """
    from goldilocks.nets.generation.beam_search import Search
    from goldilocks.nets.heads import seq2seq_generator
    from goldilocks.nets.tokenization import bpe

    torch.manual_seed(seed)
    tokenizer = bpe.learn_pieces(seq2seq_generator.texts_of(part), limit=vocabulary)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    search = Search(bpe.START_ID, bpe.END_ID, never=(bpe.PAD_ID, bpe.UNKNOWN_ID, bpe.START_ID))
    shape = replace(
        config_for(goal, kind, given, pooling="mean", max_tokens=max_pieces, pad_id=bpe.PAD_ID),
        settled=seq2seq_generator.settled_for(
            tokenizer, part, goal.generation, search=search, max_tokens=max_pieces, decoder=decoder
        ),
    )
    return network(backbone_of(shape), tokenizer, shape)


def from_running_text(
    kind: str,
    options: Mapping[str, Any],
    backbone_of: Callable[[NetworkConfig], Backbone],
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
        options: The numbers of a ``RnnBackbone`` that reads one way, but for ``vocabulary``: that is counted here.
        backbone_of: Makes the backbone from the shape.
        part: The training rows.
        goal: The kind of answer wanted: a likelihood, or a text.
        vocabulary: Most pieces there are.
        max_read: Last pieces of an item that are read before its answer is written.
        seed: Of the weights.
    """
    from goldilocks.nets.heads import recurrent_lm
    from goldilocks.nets.tokenization import bpe

    torch.manual_seed(seed)
    texts = (text for item in part.texts for text in ((item,) if isinstance(item, str) else item))
    writes = goal.output is Output.TEXT
    answers = [references(one)[0] for one in part.gold] if writes else []  # a likelihood is that of the item itself
    tokenizer = bpe.learn_pieces(chain(texts, answers), limit=vocabulary, faithful=True)
    given = {"vocabulary": tokenizer.get_vocab_size(), **options}
    length = recurrent_lm.WARM_UP + recurrent_lm.STRETCH
    shape = config_for(goal, kind, given, pooling="mean", max_tokens=length, pad_id=bpe.PAD_ID)
    if writes:
        lengths = [len(one.ids) for one in tokenizer.encode_batch_fast(answers[:1000])]
        settled = {"onward": True, "read": max_read, "max_tokens": answer_limit(lengths)}
        shape = replace(shape, settled={**settled, "generation": said(goal.generation)})
    return network(backbone_of(shape), tokenizer, shape)


def restored(folder: Path, backbone_of: Callable[[NetworkConfig], Backbone]) -> Network:
    """What ``Network.save`` wrote, ready to answer."""
    shape = read_config(folder)
    found = network(backbone_of(shape), read_tokenizer(folder / "tokenizer.json", shape.max_tokens), shape)
    found.load_weights(folder)
    return found
