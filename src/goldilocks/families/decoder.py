"""Pretrained causal language models (decoders) in the Hub's format: prompted (zero-shot, few-shot) or tuned.

Llama-shaped checkpoints (Llama, Mistral, Qwen 2 and 3, Gemma 3) run on our own backbone; others go through
transformers. A folder may also hold a GGUF file, whole or in parts: it is brought into the Hub's format once and kept
in the cache.

Prompted, a decoder gets up to 512 tokens of an item; tuned, up to 256. Tuned for labels it has a linear head on the
state of the last token; tuned for texts it is trained to generate them. Tuned for tags, only the lower half of its
layers is used, whose states represent a word better than those above, which predict the next one (Skean et al. 2025,
"Layer by Layer", arXiv:2502.02013); as a decoder is causal, the head has a bidirectional recurrent layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldilocks.errors import InputError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.heads.token_classifier import TokenClassifier
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TEXT, Output.LIKELIHOOD, Output.TAGS})

GROUPS = ("embeddings", "attention", "mlp", "norm", "head", "prompt")
MAX_TOKENS = 256
"""Tuned decoders truncate prompt and answer to this many tokens each."""
_TOKENS_PER_WORD = 1.4
_SCALE_ITEMS = 64
"""Items from which the scale of the hidden states is estimated."""


def models() -> tuple[ModelInfo, ...]:
    """None: an untrained decoder would be of no use."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:
    """See ``protocols.Family``."""
    from goldilocks.nets.hub.checkpoint import checkpoint_info, is_checkpoint
    from goldilocks.nets.hub.config import read_config

    if not is_checkpoint(folder):
        return None
    hub = read_config(folder)
    heads = " ".join(hub.get("architectures") or ())
    if "ForCausalLM" not in heads and "LMHeadModel" not in heads:
        return None
    depth = int(hub.get("num_hidden_layers", hub.get("n_layer", 0)))
    width = int(hub.get("hidden_size", hub.get("n_embd", 0)))
    return replace(
        checkpoint_info(folder, source, "decoder"),
        architecture=f"{hub.get('model_type')} decoder, {depth} layers, {width} wide",
        pretraining="language model",
        groups=GROUPS,
        depth=depth,
        width=width,
        max_tokens=int(hub.get("max_position_embeddings", hub.get("n_positions", 1024))),
    )


def forecast(info: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``: as for an encoder, and the weights are written and read twice more."""
    config = training_config(info, work)
    tags = work.output is Output.TAGS
    tokens = _TOKENS_PER_WORD * work.words + 2
    tokens = tokens if tags else min(tokens, MAX_TOKENS)  # tagged to the end, in several rows
    tokens += min(_TOKENS_PER_WORD * work.answer_words, MAX_TOKENS)
    body = 12 * (lower_half(info.depth) if tags else info.depth) * info.width**2
    operations = 6.0 * body * tokens * work.rows * config.epochs
    speed = machine.gflops * 1e9 * (1.2 if machine.bf16 else 0.7)
    seconds = 3.0 + 3e-8 * info.parameters + operations / speed
    memory = 500e6 + 18.0 * info.parameters + 40.0 * config.batch_tokens * info.width * max(1, info.depth)
    return Forecast(seconds=seconds, memory_bytes=memory)


def training_config(info: ModelInfo, work: Workload) -> TrainingConfig:
    """At least 2 epochs and 200 steps, for tags 8 and 1,000; a lower rate for wider models. See ``protocols.Family``.

    The config for tags worked well on dev rows of CoNLL-2003; it was not tuned systematically.
    """
    if work.output is Output.TAGS:
        return TrainingConfig(
            epochs=min(20.0, max(8.0, 1_000 * 32 / work.n_sequences)),
            batch_rows=work.batch_rows,
            learning_rate=min(5e-5, max(1e-5, 5e-5 * 640 / max(1, info.width))),
            head_learning_rate=2e-3,
            deep_head=True,
            dropout=0.3,
        )
    epochs = min(10.0, max(2.0, (200 + 6 * work.labels) * 32 / max(1, work.rows)))
    rate = min(1e-4, max(1e-5, 5e-5 * 640 / max(1, info.width)))
    return TrainingConfig(epochs=epochs, learning_rate=rate, head_learning_rate=1e-3)


def create(info: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """The pretrained decoder without a prompt and with an untrained head. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together, or the decoder cannot be run here.
    """
    import torch

    from goldilocks.nets.assemble import BackboneSpec, config_for, network
    from goldilocks.nets.hub.chat_template import chat_frame
    from goldilocks.nets.hub.checkpoint import tokenizer_file
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    if folder is None:
        raise InputError(f"{info.name}: a decoder needs the folder of its checkpoint; none was given.")
    path = tokenizer_file(folder)
    tags = goal.output is Output.TAGS
    backbone, kind, options = _read(folder, read_config(folder), whole=not tags)
    precision = str(next(backbone.parameters()).dtype).removeprefix("torch.")
    backbone.float()  # for training; ``DecoderClassifier.fit`` returns to the checkpoint's precision
    generates = goal.output is Output.TEXT  # then the answer takes its share of the context
    longest = min(MAX_TOKENS, max(1, backbone.max_positions // 2 if generates else backbone.max_positions))
    tokenizer = read_tokenizer(path, longest)
    begin, end = _specials(folder, tokenizer)
    head = _head(part, goal, tokenizer)
    if not tags:
        head = replace(head, precision=precision, begin_ids=begin, end_ids=end, chat=chat_frame(folder))
    spec = BackboneSpec(kind, options, _backbone)
    config = config_for(goal, spec, head, pooling="last", max_tokens=longest, pad_id=end[0] if end else 0)
    torch.manual_seed(seed)
    built = network(backbone, tokenizer, config)
    if tags:
        cast("TokenClassifier", built).estimate_scale(part.texts[:_SCALE_ITEMS])
    return built


def _head(part: Part, goal: Goal, tokenizer: Tokenizer) -> Any:
    """The head config for a goal, without what the checkpoint says."""
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifierConfig
    from goldilocks.nets.heads.decoder_generator import DecoderGeneratorConfig
    from goldilocks.nets.heads.token_classifier import TokenClassifierConfig

    if goal.output is Output.TAGS:
        return TokenClassifierConfig(chain=True, wide=True)
    if goal.output is Output.LABEL:
        return DecoderClassifierConfig(
            instruction=goal.instruction, prompt_language=goal.prompt_language, generation=goal.generation
        )
    head = DecoderGeneratorConfig(
        instruction=goal.instruction, prompt_language=goal.prompt_language, generation=goal.generation
    )
    return replace(head, **_answer_form(part, tokenizer)) if goal.output is Output.TEXT else head


def lower_half(depth: int) -> int:
    """Number of blocks below the tags, where the decoder runs on our own backbone."""
    return max(1, (depth + 1) // 2)


def _read(folder: Path, config: Mapping[str, Any], *, whole: bool) -> tuple[Any, str, dict[str, Any]]:
    """Backbone (its lower half, unless ``whole``), its kind, and what makes it again."""
    from goldilocks.nets.backbones import llama, llama_options

    options = llama_options.read_options(config)
    if options is not None:
        backbone = llama.read_backbone(folder, options)
        backbone = backbone if whole else llama.lower_part(backbone, lower_half(backbone.depth))
        return backbone, "llama", llama.shape_options(backbone)
    from goldilocks.nets.backbones.hub_decoder import read_hub_causal

    return read_hub_causal(folder), "transformers", dict(config)


def _specials(folder: Path, tokenizer: Tokenizer) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Tokens a text begins with (BOS), and tokens that end one (EOS)."""
    import json

    ends: list[int] = []
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        eos = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        ends += [token for token in (eos if isinstance(eos, list) else [eos]) if isinstance(token, int)]
    # What the tokenizer's template puts before a text; not every model with a BOS token was trained with it.
    begin = []
    encoded = tokenizer.encode("a")
    for token, special in zip(encoded.ids, encoded.special_tokens_mask, strict=True):
        if not special:
            break
        begin.append(token)
    return tuple(begin), tuple(dict.fromkeys(ends))


def _answer_form(part: Part, tokenizer: Tokenizer) -> dict[str, Any]:
    """Length and form of the gold answers, as fields of ``DecoderGeneratorConfig``."""
    from goldilocks.nets.generation.prompts import answer_limit, completes_code, one_line
    from goldilocks.support.text.units import references

    answers = [references(answer)[0] for answer in part.gold[:1000]]
    lengths = [len(encoded.ids) for encoded in tokenizer.encode_batch_fast(answers)]
    form = {"one_line": one_line(part.gold), "continues_program": completes_code(part.texts, part.gold)}
    return {"max_tokens": answer_limit(lengths), **form}


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(config: NetworkConfig) -> Any:
    """The untrained backbone of a saved network."""
    if config.kind == "llama":
        from goldilocks.nets.backbones.llama import backbone_from

        return backbone_from(config.options)
    from goldilocks.nets.backbones.hub_decoder import hub_causal_from

    return hub_causal_from(config.options)
