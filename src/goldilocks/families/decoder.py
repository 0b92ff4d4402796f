"""Decoders in the Hub's format: language models that go on from text, told in words what to do or tuned.

Llama-shaped checkpoints (Llama, Mistral, Qwen 2 and 3, Gemma 3) run on our own backbone; others go through
transformers. A folder may also hold a GGUF file, whole or in parts: it is brought into the Hub's format once and kept
in the cache.

Told, a decoder reads an item up to 512 tokens; tuned, up to 256. Tuned for labels it has a linear head on the state of
the last token; tuned for texts it learns to write them. Tuned for tags, the lower half of its layers is read, whose
states say more about a word than those above, which turn to the next one (Skean et al. 2025, "Layer by Layer",
arXiv:2502.02013); a recurrent head reads them again from both ends, as a decoder itself looks back only.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from goldilocks.errors import InputError, MissingError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.heads.token_classifier import TokenClassifier
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TEXT, Output.LIKELIHOOD, Output.TAGS})

GROUPS = ("embeddings", "attention", "mlp", "norm", "head", "prompt")
MAX_TOKENS = 256
"""Tokens of a text that are read by one that is tuned, of the prompt and of the answer each."""
_TOKENS_PER_WORD = 1.4
_LOOKED_OVER = 64
"""Items whose states show how large they are."""


def models() -> tuple[ModelInfo, ...]:
    """None: a decoder that starts from nothing has nothing to say."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:
    """See ``protocols.Family``. Licence and languages stay open: they stand on the model card."""
    from goldilocks.nets.hub.config import count_weights, read_config

    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    heads = " ".join(config.get("architectures") or ())
    if "ForCausalLM" not in heads and "LMHeadModel" not in heads:
        return None
    kind = config.get("model_type")
    depth = int(config.get("num_hidden_layers", config.get("n_layer", 0)))
    width = int(config.get("hidden_size", config.get("n_embd", 0)))
    files = sorted(folder.glob("*.safetensors"))
    return ModelInfo(
        name=source.rstrip("/").rsplit("/", 1)[-1].split("@")[0],
        family="decoder",
        source=source,
        architecture=f"{kind} decoder, {depth} layers, {width} wide",
        pretraining="language model",
        languages=(),
        licence="unknown",
        parameters=sum(count_weights(one) for one in files),
        size_bytes=sum(one.stat().st_size for one in [*files, folder / "tokenizer.json"] if one.exists()),
        groups=GROUPS,
        depth=depth,
        width=width,
        max_tokens=int(config.get("max_position_embeddings", config.get("n_positions", 1024))),
    )


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``: as for an encoder, and the weights twice more to be written and read."""
    recipe_ = recipe(facts, work)
    tags = work.output is Output.TAGS
    tokens = _TOKENS_PER_WORD * work.words + 2
    tokens = tokens if tags else min(tokens, MAX_TOKENS)  # tagged to the end, in several rows
    tokens += min(_TOKENS_PER_WORD * work.answer_words, MAX_TOKENS)
    body = 12 * (lower_half(facts.depth) if tags else facts.depth) * facts.width**2
    operations = 6.0 * body * tokens * work.rows * recipe_.epochs
    speed = machine.gflops * 1e9 * (1.2 if machine.bf16 else 0.7)
    seconds = 3.0 + 3e-8 * facts.parameters + operations / speed
    memory = 500e6 + 18.0 * facts.parameters + 40.0 * recipe_.batch_tokens * facts.width * max(1, facts.depth)
    return Forecast(seconds=seconds, memory_bytes=memory)


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig:
    """At least 2 passes and 200 steps, for tags 8 and 1,000; a lower rate for wider models. See ``protocols.Family``.

    The recipe for tags is one that learnt well on dev rows of CoNLL-2003; it was not searched for.
    """
    if work.output is Output.TAGS:
        return TrainingConfig(
            epochs=min(20.0, max(8.0, 1_000 * 32 / work.lessons)),
            batch_rows=work.batch_rows,
            learning_rate=min(5e-5, max(1e-5, 5e-5 * 640 / max(1, facts.width))),
            head_learning_rate=2e-3,
            deep_head=True,
            dropout=0.3,
        )
    epochs = min(10.0, max(2.0, (200 + 6 * work.labels) * 32 / max(1, work.rows)))
    rate = min(1e-4, max(1e-5, 5e-5 * 640 / max(1, facts.width)))
    return TrainingConfig(epochs=epochs, learning_rate=rate, head_learning_rate=1e-3)


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """The pretrained decoder, which has been told nothing and whose head knows nothing. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together, or the decoder cannot be run here.
    """
    import torch

    from goldilocks.nets.generation.prompts import said
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    if folder is None:
        raise InputError(f"{facts.name}: a decoder needs the folder of its checkpoint; none was given.")
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.exists():
        raise MissingError(
            f"{tokenizer_file}: there is no such file; write it with "
            "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    tags = goal.output is Output.TAGS
    backbone, kind, options = _read(folder, read_config(folder), whole=not tags)
    precision = str(next(backbone.parameters()).dtype).removeprefix("torch.")
    backbone.float()  # to learn in; ``DecoderClassifier.fit`` goes back
    writes = goal.output is Output.TEXT  # then the answer is read too
    longest = min(MAX_TOKENS, max(1, backbone.reach // 2 if writes else backbone.reach))
    tokenizer = read_tokenizer(tokenizer_file, longest)
    settled: dict[str, Any] = {"precision": precision, "instruction": goal.instruction, **_specials(folder, tokenizer)}
    settled["generation"] = said(goal.generation)
    settled |= _lengths(part, tokenizer) if writes else {}
    settled |= {"chain": True, "wide": True} if tags else {}
    pad = settled["ends"][0] if settled["ends"] else 0
    torch.manual_seed(seed)
    made = _network(backbone, tokenizer, _shape(goal, kind, options, longest, pad, settled))
    if tags:
        cast("TokenClassifier", made).look_over(part.texts[:_LOOKED_OVER])
    return made


def lower_half(depth: int) -> int:
    """How many blocks tags are read off from, where we run the decoder ourselves."""
    return max(1, (depth + 1) // 2)


def _read(folder: Path, config: Mapping[str, Any], *, whole: bool) -> tuple[Any, str, dict[str, Any]]:
    """Backbone (its lower half, unless ``whole``), its kind, and what makes it again."""
    from goldilocks.nets.backbones import llama

    options = llama.read_options(config)
    if options is not None:
        own = llama.read_backbone(folder, options)
        own = own if whole else llama.lower_part(own, lower_half(own.depth))
        return own, "llama", llama.shape_options(own)
    from goldilocks.nets.backbones.hub_decoder import read_hub_causal

    return read_hub_causal(folder), "transformers", dict(config)


def _shape(
    goal: Goal, kind: str, options: Mapping[str, Any], longest: int, pad: int, settled: dict[str, Any]
) -> NetworkConfig:
    from dataclasses import replace

    from goldilocks.nets.assemble import config_for

    made = config_for(goal, kind, options, pooling="last", max_tokens=longest, pad_id=pad)
    return replace(made, settled=settled)


def _network(backbone: Any, tokenizer: Tokenizer, shape: NetworkConfig) -> Network:
    from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
    from goldilocks.nets.heads.decoder_generator import DecoderGenerator

    if shape.output == Output.TAGS:
        from goldilocks.nets.heads.token_classifier import TokenClassifier

        return TokenClassifier(backbone, tokenizer, shape)
    made = DecoderClassifier if shape.output == Output.LABEL else DecoderGenerator
    return made(backbone, tokenizer, shape)


def _specials(folder: Path, tokenizer: Tokenizer) -> dict[str, list[int]]:
    """Tokens a text begins with, and tokens that end one."""
    import json

    ends: list[int] = []
    for name in ("config.json", "generation_config.json"):
        path = folder / name
        said = json.loads(path.read_text(encoding="utf-8")).get("eos_token_id") if path.exists() else None
        ends += [one for one in (said if isinstance(said, list) else [said]) if isinstance(one, int)]
    # What the tokenizer itself sets before a text; not every model that has such a token was trained with it.
    begin = []
    encoded = tokenizer.encode("a")
    for token, special in zip(encoded.ids, encoded.special_tokens_mask, strict=True):
        if not special:
            break
        begin.append(token)
    return {"begin": begin, "ends": list(dict.fromkeys(ends))}


def _lengths(part: Part, tokenizer: Tokenizer) -> dict[str, Any]:
    """How long the right answers are, and what form they have."""
    from goldilocks.nets.generation.prompts import answer_limit, begun, one_line
    from goldilocks.support.text.units import references

    answers = [references(one)[0] for one in part.gold[:1000]]
    lengths = [len(one.ids) for one in tokenizer.encode_batch_fast(answers)]
    form = {"one_line": one_line(part.gold), "begun": begun(part.texts, part.gold)}
    return {"max_tokens": answer_limit(lengths), **form}


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.network import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer

    shape = read_config(folder)
    if shape.kind == "llama":
        from goldilocks.nets.backbones.llama import backbone_from

        backbone: Any = backbone_from(shape.options)
    else:
        from goldilocks.nets.backbones.hub_decoder import hub_causal_from

        backbone = hub_causal_from(shape.options)
    network = _network(backbone, read_tokenizer(folder / "tokenizer.json", shape.max_tokens), shape)
    network.load_weights(folder)
    return network
