"""Tiny data and models for tests: separable texts in English and Chinese, and a BERT."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from goldilocks.records import Goal, Gold, Output, Part, Text

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from goldilocks.nets.network import Network

LABELS = ("food", "money", "sport")
"""Sorted, as in a ``Dataset``."""
GOAL = Goal(labels=LABELS)
TAGS = ("B-food", "B-money", "B-sport", "O")

_WORDS = {
    "en": {
        "food": ("soup", "bread", "kitchen", "recipe", "delicious", "oven", "salt", "dinner"),
        "money": ("bank", "loan", "invoice", "payment", "account", "interest", "credit", "budget"),
        "sport": ("match", "goal", "coach", "stadium", "league", "player", "tournament", "referee"),
    },
    "zh": {
        "food": ("面包", "厨房", "菜谱", "好吃", "晚饭", "烤箱", "米饭", "鸡汤"),
        "money": ("银行", "贷款", "发票", "付款", "账户", "利息", "信用", "预算"),
        "sport": ("比赛", "进球", "教练", "球场", "联赛", "球员", "裁判", "冠军"),
    },
}
_FILLING = {
    "en": ("the", "a", "we", "saw", "today", "about", "with", "very", "again", "they"),
    "zh": ("我们", "今天", "看到", "一个", "关于", "非常", "他们", "又", "了", "的"),
}


def part(rows: int = 60, *, language: str = "en", seed: int = 0) -> Part:
    """Labelled texts: two words of the label's eight among four that say nothing.

    Args:
        rows: How many; the labels take turns, then the rows are shuffled.
        language: ``en`` or ``zh`` (written without spaces).
        seed: The same seed gives the same rows.
    """
    rng = np.random.default_rng(seed)
    between = " " if language == "en" else ""
    gold = [LABELS[i % len(LABELS)] for i in range(rows)]
    rng.shuffle(gold)
    texts = []
    for label in gold:
        words = [*rng.choice(_WORDS[language][label], 2), *rng.choice(_FILLING[language], 4)]
        rng.shuffle(words)
        texts.append(between.join(words))
    return Part(texts=tuple(texts), gold=tuple(gold), rows=tuple(range(1, rows + 1)))


@dataclass(frozen=True, slots=True)
class Case:
    """Rows of one kind of answer, which a model that learns anything can learn."""

    name: str
    part: Part
    goal: Goal
    odd: Sequence[Text] = ()
    """Items a service is sent sooner or later."""


def cases(outputs: Collection[Output]) -> list[Case]:
    """Rows for every kind of answer in ``outputs``: texts in two languages, pairs, several labels, words, contexts."""
    english, chinese = part(), part(language="zh")
    cases: list[Case] = []
    if Output.LABEL in outputs:
        cases += [Case("en", english, GOAL, odd_texts()), Case("zh", chinese, GOAL, odd_texts())]
        cases.append(Case("pairs", _mapped(english, _halves), GOAL, (("", ""), ("?", ""), ("soup " * 99, "x"))))
        both = Goal(labels=LABELS, several=True)
        cases.append(Case("several", _mapped(english, lambda text: text, _every_label), both, odd_texts()))
    if Output.TAGS in outputs:
        goal = Goal(Output.TAGS, TAGS)
        odd = (("",), ("?",), ("🙂🙃", "\u200b"), ("soup",) * 150)
        cases.append(Case("tags", _mapped(english, _words, lambda text: tuple(map(tag_of, _words(text)))), goal, odd))
    if Output.SCORE in outputs:
        goal = Goal(Output.SCORE)
        cases.append(Case("scores", _mapped(english, _halves, _share_of_food), goal, (("", ""), ("x", "soup " * 99))))
        cases.append(
            Case("ranking", _mapped(english, _query, lambda text: tuple(map(_share_of_food, _query(text)[1:]))), goal)
        )
    if Output.SPAN in outputs:
        spans = _mapped(english, lambda text: ("which word is not filling", text), _span)
        cases.append(Case("spans", spans, Goal(Output.SPAN), (("?", ""), ("", "soup"), ("which", "soup bread " * 99))))
    if Output.TEXT in outputs:
        turned = _mapped(english, lambda text: text, lambda text: " ".join(reversed(text.split())))
        cases.append(Case("text", turned, Goal(Output.TEXT), ("", "?", "soup " * 99)))
    if Output.LIKELIHOOD in outputs:
        after = _mapped(english, _halves, lambda text: _halves(text)[1])
        strange: tuple[Text, ...] = (*odd_texts(), ("", ""), ("soup bread", "soup"))
        for name, own in (("likelihood", _mapped(chinese, lambda text: text, lambda text: text)), ("continued", after)):
            cases.append(Case(name, own, Goal(Output.LIKELIHOOD), strange))
    return cases


def _mapped(rows: Part, item: Callable[[str], Text], gold: Callable[[str], Gold] | None = None) -> Part:
    texts = [str(text) for text in rows.texts]
    answers = rows.gold if gold is None else tuple(map(gold, texts))
    return Part(tuple(map(item, texts)), answers, rows.rows)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _halves(text: str) -> tuple[str, str]:
    words = text.split()
    return " ".join(words[:3]), " ".join(words[3:])


def _query(text: str) -> tuple[str, ...]:
    return (text, "soup bread", "bank loan", "match goal")


def tag_of(word: str) -> str:
    """The right tag of a word: ``B-`` and its label, or ``O``."""
    return next((f"B-{label}" for label, words in _WORDS["en"].items() if word in words), "O")


def _every_label(text: str) -> tuple[str, ...]:
    tags = {tag_of(word) for word in text.split()} - {"O"}
    more = {"money"} if "today" in text.split() else set()
    return tuple(sorted({tag.removeprefix("B-") for tag in tags} | more))


def _share_of_food(text: str) -> float:
    words = text.split()
    return sum(tag_of(word) == "B-food" for word in words) / max(1, len(words))


def _span(text: str) -> tuple[tuple[int, str], ...]:
    word = next((word for word in text.split() if tag_of(word) != "O"), "")
    return ((text.index(word), word),) if word else ()


def odd_texts() -> Sequence[str]:
    """Texts a service is sent sooner or later: nothing, only spaces, one sign, signs of no language, a long one."""
    return ("", "  \t\n", "?", "🙂🙃", "\u200b\ufeff", "x", "soup " * 150, "面" * 150, "Ωμέγα naïve Straße")


def encoder_folder(path: Path, *, width: int = 32, depth: int = 2, seed: int = 0) -> Path:
    """A tiny BERT with random weights, in the Hub's format; ``path`` (made if need be) is returned.

    Its weights are random but its words are its own, so that tuning it learns the tiny data. No library but numpy,
    tokenizers and safetensors is loaded.

    Args:
        path: Folder to write ``config.json``, ``model.safetensors`` and ``tokenizer.json`` to.
        width: Width of the hidden states, a multiple of 4 (the heads).
        depth: Layers.
        seed: The same seed gives the same weights.
    """
    from safetensors.numpy import save_file

    path.mkdir(parents=True, exist_ok=True)
    tokenizer = _word_pieces()
    tokenizer.save(str(path / "tokenizer.json"))
    config = {
        "architectures": ["BertModel"],
        "model_type": "bert",
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": 4,
        "intermediate_size": 2 * width,
        "max_position_embeddings": 64,
        "type_vocab_size": 2,
        "hidden_act": "gelu",
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    (path / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    rng = np.random.default_rng(seed)
    weights = {
        name: np.ones(shape, np.float32)
        if name.endswith("LayerNorm.weight")
        else rng.normal(0, 0.1, shape).astype(np.float32)
        for name, shape in _bert_shapes(tokenizer.get_vocab_size(), width, depth).items()
    }
    save_file(weights, path / "model.safetensors")
    return path


def encoder(folder: Path, rows: Part, goal: Goal = GOAL, *, width: int = 32, depth: int = 2) -> Network:
    """The encoder of ``encoder_folder`` (written to ``folder``) with an untrained head."""
    from goldilocks import plugins
    from goldilocks.nets.network import Network

    family = plugins.load("families", "encoder")
    info = family.describe(encoder_folder(folder, width=width, depth=depth), str(folder))
    assert info is not None
    network = family.create(info, folder, rows, goal, seed=0)
    assert isinstance(network, Network)
    return network


def _word_pieces() -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    words = [word for language in _WORDS.values() for words in language.values() for word in words]
    words += [word for filling in _FILLING.values() for word in filling]
    letters = sorted({letter for word in words for letter in word} | set("abcdefghijklmnopqrstuvwxyz"))
    pieces = [*letters, *(f"##{letter}" for letter in letters), *words]
    vocabulary = {
        piece: number for number, piece in enumerate(dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *pieces]))
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])]
    )
    return tokenizer


def _bert_shapes(vocabulary: int, width: int, depth: int) -> dict[str, tuple[int, ...]]:
    """Weight name -> shape, as the Hub's BERT checkpoints have them (without the pooler)."""
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (vocabulary, width),
        "embeddings.position_embeddings.weight": (64, width),
        "embeddings.token_type_embeddings.weight": (2, width),
    }
    layers: dict[str, tuple[int, ...]] = {"embeddings.LayerNorm": (width,)}
    for number in range(depth):
        parts = {
            "attention.self.query": (width, width),
            "attention.self.key": (width, width),
            "attention.self.value": (width, width),
            "attention.output.dense": (width, width),
            "attention.output.LayerNorm": (width,),
            "intermediate.dense": (2 * width, width),
            "output.dense": (width, 2 * width),
            "output.LayerNorm": (width,),
        }
        layers |= {f"encoder.layer.{number}.{name}": shape for name, shape in parts.items()}
    for name, shape in layers.items():
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = shape, shape[:1]
    return shapes


def hub_encoder_folder(path: Path, *, seed: int = 0) -> Path:
    """A tiny ModernBERT (an encoder that transformers runs) with random weights; ``path`` is returned."""
    import torch
    from transformers import ModernBertConfig, ModernBertModel

    encoder_folder(path)  # for the tokenizer
    vocabulary = json.loads((path / "config.json").read_text(encoding="utf-8"))["vocab_size"]
    config = ModernBertConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
        cls_token_id=2,
        sep_token_id=3,
        max_position_embeddings=64,
    )
    torch.manual_seed(seed)
    ModernBertModel(config).save_pretrained(path)
    return path


def decoder_folder(path: Path, *, kind: str = "gemma3_text", width: int = 32, depth: int = 2, seed: int = 0) -> Path:
    """A tiny decoder with random weights, in the Hub's format; ``path`` (made if need be) is returned.

    Its tokens are bytes, so that any text can be read and written. No library but numpy, tokenizers and safetensors is
    loaded.

    Args:
        path: Folder to write ``config.json``, ``model.safetensors`` and ``tokenizer.json`` to.
        kind: ``gemma3_text`` or ``llama``.
        width: Width of the hidden states, a multiple of 8 (the heads).
        depth: Layers; of Gemma's all but the last look back 16 tokens only.
        seed: The same seed gives the same weights.
    """
    from safetensors.numpy import save_file

    path.mkdir(parents=True, exist_ok=True)
    tokenizer = _bytes()
    tokenizer.save(str(path / "tokenizer.json"))
    gemma = kind == "gemma3_text"
    config = {
        "architectures": ["Gemma3ForCausalLM" if gemma else "LlamaForCausalLM"],
        "model_type": kind,
        "vocab_size": tokenizer.get_vocab_size(),
        "hidden_size": width,
        "num_hidden_layers": depth,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": width // 4,
        "intermediate_size": 2 * width,
        "max_position_embeddings": 2048,
        "rms_norm_eps": 1e-6,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "bos_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 1,
        "tie_word_embeddings": gemma,
        "hidden_act": "silu",
    }
    if gemma:
        layers = ["sliding_attention"] * (depth - 1) + ["full_attention"]
        ropes = dict.fromkeys(("full_attention", "sliding_attention"), config["rope_parameters"])
        config |= {"layer_types": layers, "sliding_window": 16, "query_pre_attn_scalar": width // 4}
        config |= {"rope_parameters": ropes, "hidden_activation": "gelu_pytorch_tanh"}
    (path / "config.json").write_text(json.dumps(config, indent=2), encoding="utf-8")
    rng = np.random.default_rng(seed)
    shapes = _decoder_shapes(tokenizer.get_vocab_size(), width, depth, gemma=gemma)
    weights = {
        name: np.full(shape, 0.0 if gemma else 1.0, np.float32)
        if "norm" in name
        else rng.normal(0, 0.2, shape).astype(np.float32)
        for name, shape in shapes.items()
    }
    save_file(weights, path / "model.safetensors")
    return path


def _bytes() -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors

    pieces = ["<bos>", "<eos>", *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE({piece: number for number, piece in enumerate(pieces)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(pieces[:2])
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", special_tokens=[("<bos>", 0)])
    return tokenizer


def _decoder_shapes(vocabulary: int, width: int, depth: int, *, gemma: bool) -> dict[str, tuple[int, ...]]:
    """Weight name -> shape, as the Hub's Llama and Gemma 3 checkpoints have them."""
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (vocabulary, width),
        "model.norm.weight": (width,),
    }
    if not gemma:
        shapes["lm_head.weight"] = (vocabulary, width)
    block: dict[str, tuple[int, ...]] = {
        "self_attn.q_proj": (width, width),
        "self_attn.k_proj": (width // 2, width),
        "self_attn.v_proj": (width // 2, width),
        "self_attn.o_proj": (width, width),
        "mlp.gate_proj": (2 * width, width),
        "mlp.up_proj": (2 * width, width),
        "mlp.down_proj": (width, 2 * width),
        "input_layernorm": (width,),
        "post_attention_layernorm": (width,),
    }
    if gemma:
        block |= {"pre_feedforward_layernorm": (width,), "post_feedforward_layernorm": (width,)}
        block |= {"self_attn.q_norm": (width // 4,), "self_attn.k_norm": (width // 4,)}
    for number in range(depth):
        shapes |= {f"model.layers.{number}.{name}.weight": shape for name, shape in block.items()}
    return shapes
