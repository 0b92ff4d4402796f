"""Networks assembled from backbone, tokenizer and head config, and loaded from disk.

``network.json`` holds a ``NetworkConfig``; files written before version 0.2 have ``settled``, an untyped dictionary, in
place of ``head``, and are still read.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from goldilocks.errors import GoldilocksError, InputError, IntegrityError
from goldilocks.nets.backbones.base import Backbone
from goldilocks.nets.generation.prompts import answer_limit
from goldilocks.nets.network import Addition, HeadConfig, Network, NetworkConfig
from goldilocks.nets.tokenization.tokenizer import read_tokenizer
from goldilocks.nets.tokenization.word_vocabulary import PAD_ID, learn_words, number_texts
from goldilocks.records import Goal, Output, Part, as_text
from goldilocks.support.text.entity_markers import all_marked
from goldilocks.support.text.units import references

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.heads.seq2seq_generator import DecoderOptions


@dataclass(frozen=True, slots=True)
class BackboneSpec:
    """A backbone that is built once the vocabulary is known."""

    kind: str
    """``NetworkConfig.kind``: the family."""
    options: Mapping[str, Any]
    """Arguments of the backbone but for ``vocabulary``, which is counted on the training rows."""
    build: Callable[[NetworkConfig], Backbone]
    """Makes the untrained backbone from the config."""


def network_class(kind: str) -> type[Network]:
    """The network with this kind of head (``HeadConfig.KIND``); only its own module is imported.

    Raises:
        InputError: no head has this name.
    """
    match kind:
        case "classifier":
            return Network
        case "relation_classifier":
            from goldilocks.nets.heads.relation_classifier import RelationClassifier

            return RelationClassifier
        case "token_classifier":
            from goldilocks.nets.heads.token_classifier import TokenClassifier

            return TokenClassifier
        case "span_extractor":
            from goldilocks.nets.heads.span_extractor import SpanExtractor

            return SpanExtractor
        case "pair_classifier":
            from goldilocks.nets.heads.pair_classifier import PairClassifier

            return PairClassifier
        case "pair_scorer":
            from goldilocks.nets.heads.pair_scorer import PairScorer

            return PairScorer
        case "seq2seq_generator":
            from goldilocks.nets.heads.seq2seq_generator import Seq2SeqGenerator

            return Seq2SeqGenerator
        case "recurrent_lm":
            from goldilocks.nets.heads.recurrent_lm import RecurrentLM

            return RecurrentLM
        case "masked_lm_classifier":
            from goldilocks.nets.heads.masked_lm_classifier import MaskedLMClassifier

            return MaskedLMClassifier
        case "decoder_classifier":
            from goldilocks.nets.heads.decoder_classifier import DecoderClassifier

            return DecoderClassifier
        case "decoder_generator":
            from goldilocks.nets.heads.decoder_generator import DecoderGenerator

            return DecoderGenerator
        case _:
            raise InputError(f"network.json: no head is named {kind!r}; the file is damaged or of a newer version.")


def network(backbone: Backbone, tokenizer: Tokenizer, config: NetworkConfig) -> Network:
    """Backbone, tokenizer and the untrained head that ``config.head`` describes."""
    return network_class(config.head.KIND)(backbone, tokenizer, config)


def config_for(
    goal: Goal, spec: BackboneSpec, head: HeadConfig, *, pooling: str, max_tokens: int, pad_id: int = 0
) -> NetworkConfig:
    """The ``NetworkConfig`` for a goal; see there."""
    config = NetworkConfig(spec.kind, dict(spec.options), goal.labels, pooling, max_tokens, pad_id, head=head)
    return replace(config, output=goal.output.value, several=goal.several)


def word_level_network(
    spec: BackboneSpec, part: Part, goal: Goal, *, max_words: int, interactions: bool = False, seed: int
) -> Network:
    """An untrained network over the words of the training texts, max-pooled.

    Args:
        spec: The backbone.
        part: The training rows.
        goal: Labels, scores or tags.
        max_words: Items are truncated to this many words.
        interactions: Whether the backbone compares the two texts of a pair within one input (cross-encoder). Otherwise
            pairs and lists go to a bi-encoder.
        seed: Seed of the weights.
    """
    tokenizer = learn_words([as_text(item) for item in part.texts], max_tokens=max_words)
    if interactions:
        number_texts(tokenizer)
        head = head_with_interactions(part, goal)
    else:
        head = _relation_head() if all_marked(part.texts) else head_without_interactions(part, goal)
    config = config_for(goal, _sized(spec, tokenizer), head, pooling="max", max_tokens=max_words, pad_id=PAD_ID)
    return _untrained(spec, tokenizer, config, seed)


def span_network(spec: BackboneSpec, part: Part, goal: Goal, *, max_words: int, seed: int) -> Network:
    """An untrained span extractor over the words of the training texts.

    Args:
        spec: A backbone that compares a question with its context (``question_aware_rnn``).
        part: The training rows.
        goal: A span.
        max_words: Words of a row; longer contexts are split into windows.
        seed: Seed of the weights.
    """
    from goldilocks.nets.heads.span_extractor import SpanExtractorConfig

    texts = dict.fromkeys(text for item in part.texts for text in ((item,) if isinstance(item, str) else item))
    tokenizer = learn_words(list(texts), max_tokens=max_words)
    config = config_for(
        goal, _sized(spec, tokenizer), SpanExtractorConfig(), pooling="max", max_tokens=max_words, pad_id=PAD_ID
    )
    return _untrained(spec, tokenizer, config, seed)


def _relation_head() -> HeadConfig:
    from goldilocks.nets.heads.relation_classifier import RelationClassifierConfig

    return RelationClassifierConfig(positions=True)


def head_with_interactions(part: Part, goal: Goal) -> HeadConfig:
    """The head of a cross-encoder: a linear layer for labels, a score scaled by the range of the training rows."""
    from goldilocks.nets.heads.pair_scorer import config_from

    return config_from(part, cross_encoder=True) if goal.output is Output.SCORE else HeadConfig()


def head_without_interactions(part: Part, goal: Goal) -> HeadConfig:
    """The head for a backbone that cannot compare two texts within one input: pairs and lists go to a bi-encoder."""
    from goldilocks.nets.heads.pair_classifier import PairClassifierConfig
    from goldilocks.nets.heads.pair_scorer import config_from
    from goldilocks.nets.heads.token_classifier import TokenClassifierConfig

    if goal.output is Output.TAGS:
        # Without pretraining the emissions say little about tag transitions: a CRF learns them.
        return TokenClassifierConfig(chain=True)
    if goal.output is Output.SCORE:
        return config_from(part, cross_encoder=False)
    pairs = bool(part.texts) and all(isinstance(item, tuple) and len(item) == 2 for item in part.texts)
    return PairClassifierConfig() if pairs else HeadConfig()


def seq2seq_network(
    spec: BackboneSpec,
    part: Part,
    goal: Goal,
    *,
    max_tokens: int,
    vocabulary: int,
    decoder: DecoderOptions | None = None,
    seed: int,
) -> Network:
    """An untrained encoder-decoder over subwords learnt from both sides of the training rows.

    Args:
        spec: The backbone.
        part: The training rows.
        goal: A text.
        max_tokens: Sources and targets are truncated to this many tokens.
        vocabulary: Maximum number of subwords.
        decoder: Options of an ``AttentionDecoder``, where the backbone has no decoder of its own.
        seed: Seed of the weights.
    """
    from goldilocks.nets.generation.beam_search import BeamSearch
    from goldilocks.nets.heads import seq2seq_generator
    from goldilocks.nets.tokenization import bpe

    tokenizer = bpe.learn_bpe(seq2seq_generator.texts_of(part), limit=vocabulary)
    search = BeamSearch(bpe.START_ID, bpe.END_ID, never=(bpe.PAD_ID, bpe.UNKNOWN_ID, bpe.START_ID))
    head = seq2seq_generator.config_from(tokenizer, part, goal.generation, search=search, max_tokens=max_tokens)
    head = replace(head, decoder=decoder)
    config = config_for(goal, _sized(spec, tokenizer), head, pooling="mean", max_tokens=max_tokens, pad_id=bpe.PAD_ID)
    return _untrained(spec, tokenizer, config, seed)


def language_model_network(
    spec: BackboneSpec, part: Part, goal: Goal, *, vocabulary: int, context_tokens: int, seed: int
) -> Network:
    """An untrained recurrent language model over subwords learnt from the training texts.

    Args:
        spec: A unidirectional ``RnnBackbone``.
        part: The training rows.
        goal: A likelihood, or a text that continues the item.
        vocabulary: Maximum number of subwords.
        context_tokens: Last tokens of an item that a continuation is conditioned on.
        seed: Seed of the weights.
    """
    from goldilocks.nets.heads import recurrent_lm
    from goldilocks.nets.tokenization import bpe

    texts = (text for item in part.texts for text in ((item,) if isinstance(item, str) else item))
    generates = goal.output is Output.TEXT
    answers = [references(gold)[0] for gold in part.gold] if generates else []  # a likelihood is that of the item
    tokenizer = bpe.learn_bpe(chain(texts, answers), limit=vocabulary, lossless=True)
    head = recurrent_lm.RecurrentLMConfig(generation=goal.generation)
    if generates:
        lengths = [len(encoded.ids) for encoded in tokenizer.encode_batch_fast(answers[:1000])]
        head = replace(head, context_tokens=context_tokens, max_tokens=answer_limit(lengths))
    length = recurrent_lm.WARM_UP + recurrent_lm.STRETCH
    config = config_for(goal, _sized(spec, tokenizer), head, pooling="mean", max_tokens=length, pad_id=bpe.PAD_ID)
    return _untrained(spec, tokenizer, config, seed)


def _sized(spec: BackboneSpec, tokenizer: Tokenizer) -> BackboneSpec:
    return replace(spec, options={"vocabulary": tokenizer.get_vocab_size(), **spec.options})


def _untrained(spec: BackboneSpec, tokenizer: Tokenizer, config: NetworkConfig, seed: int) -> Network:
    torch.manual_seed(seed)
    return network(spec.build(config), tokenizer, config)


# ------------------------------------------------------------------------------------------------------------- on disk


def restored(folder: Path, build: Callable[[NetworkConfig], Backbone]) -> Network:
    """The network that ``Network.save`` wrote, ready for inference.

    Raises:
        IntegrityError: it would need far more memory than its weights take on the disk.
    """
    config = read_config(folder)
    _refuse_larger(config, build, (folder / "weights.safetensors").stat().st_size)
    backbone = build(config)
    if config.int8_embeddings:
        from goldilocks.nets.layers.int8_embedding import empty_table

        empty_table(backbone, str(backbone.word_embedding))
    if config.weight_bits:
        from goldilocks.nets.quantised_decoder import empty_quantised

        empty_quantised(backbone, config.weight_bits)
    loaded = network(backbone, read_tokenizer(folder / "tokenizer.json", config.max_tokens), config)
    if config.additions:
        from goldilocks.nets.additions import build as build_addition

        for addition in config.additions:
            build_addition(loaded, addition)
    loaded.load_weights(folder)
    return loaded


_ROOM = 1 << 26
_GROWTH = 32
"""A backbone may take so many times the bytes of its file: packed weights are unpacked (4 bits: 8 times)."""


def _refuse_larger(config: NetworkConfig, build: Callable[[NetworkConfig], Backbone], stored: int) -> None:
    """Build the backbone without memory for its weights first, so that a forged size does not take all there is."""
    try:
        with torch.device("meta"):
            backbone = build(config)
    except (GoldilocksError, RuntimeError, NotImplementedError, TypeError, ValueError, LookupError):
        return  # building it in earnest says what is wrong
    needed = sum(tensor.numel() * tensor.element_size() for tensor in backbone.state_dict().values())
    needed += 4 * backbone.width * len(config.labels)
    if needed > _GROWTH * stored + _ROOM:
        raise IntegrityError(
            f"network.json describes weights of {needed / 1e6:,.0f} MB, their file has {stored / 1e6:,.1f} MB; the "
            "bundle is damaged, create it again."
        )


def read_config(folder: Path) -> NetworkConfig:
    """The ``NetworkConfig`` in ``network.json``, also of versions before 0.2.

    Raises:
        InputError: no head has the name in the file.
        ValueError: the file is damaged.
    """
    raw: dict[str, Any] = json.loads((folder / "network.json").read_text(encoding="utf-8"))
    settled = raw.pop("settled", None)
    head = raw.pop("head", None) or _head_of_settled(str(raw.get("output", Output.LABEL)), settled or {})
    additions = tuple(
        Addition(str(addition["kind"]), dict(addition["options"])) for addition in raw.pop("additions", ())
    )
    return NetworkConfig(**{**raw, "labels": tuple(raw["labels"]), "head": _head_config(head)}, additions=additions)


def _head_config(raw: Mapping[str, Any]) -> HeadConfig:
    from pydantic import TypeAdapter

    head: type[HeadConfig] = network_class(str(raw["kind"])).HEAD
    head_config: HeadConfig = TypeAdapter(head).validate_python({name: raw[name] for name in raw if name != "kind"})
    return head_config


_RENAMED = {
    "silent": "may_be_empty",
    "read": "context_tokens",
    "ratio": "length_ratio",
    "begin": "begin_ids",
    "ends": "end_ids",
    "begun": "continues_program",
}
"""Keys of ``settled`` -> fields of today's head configs."""


def _head_of_settled(output: str, settled: Mapping[str, Any]) -> dict[str, Any]:
    """The head that an old ``settled`` describes; what its config has no field for is ignored."""
    raw = {_RENAMED.get(name, name): value for name, value in settled.items()}
    kind = _old_kind(output, settled)
    if "longest" in raw:
        raw["max_tokens" if kind == "seq2seq_generator" else "max_answer_tokens"] = raw["longest"]
    raw["bi_encoder"] = raw.get("way") == "apart"
    raw["decoder"] = raw.get("decoder") or None
    return raw | {"kind": kind}


def _old_kind(output: str, settled: Mapping[str, Any]) -> str:
    match Output(output):
        case Output.TAGS:
            return "token_classifier"
        case Output.SPAN:
            return "span_extractor"
        case Output.SCORE:
            return "pair_scorer"
        case Output.LABEL if settled.get("marked"):
            return "relation_classifier"
        case Output.LABEL:
            return "decoder_classifier" if "precision" in settled else "classifier"
        case _ if "precision" in settled:
            return "decoder_generator"
        case Output.TEXT if not settled.get("onward"):
            return "seq2seq_generator"
        case _:
            return "recurrent_lm"
