"""Pretrained text encoders in the Hub's format, with a linear head on the mean of their hidden states.

Where two things are marked in every training text the head sees the states at their marks instead
(``nets/heads/relation_classifier``).

BERT-shaped checkpoints (BERT, RoBERTa, XLM-RoBERTa, CamemBERT, DistilBERT, ELECTRA) run on our own backbone, which
loads in a tenth of the time; other encoders go through transformers. A text is read up to 256 tokens (about 190
words), for the sake of speed: the work grows faster than the length. Text beyond that is not seen, but the context of
a question is read to its end in windows.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError, MissingError
from goldilocks.records import Forecast, Goal, Machine, ModelInfo, Output, Part, TrainingConfig, Workload

if TYPE_CHECKING:
    from goldilocks.nets.backbones.base import Backbone
    from goldilocks.nets.network import Network, NetworkConfig

OUTPUTS = frozenset({Output.LABEL, Output.TAGS, Output.SPAN, Output.SCORE})

MAX_TOKENS = 256
"""Tokens of a text that are read, where the checkpoint can read as many."""
_BERT_SHAPED = ("bert", "roberta", "xlm-roberta", "camembert", "distilbert", "electra")
_OTHERS = (
    "albert",
    "big_bird",
    "convbert",
    "deberta",
    "deberta-v2",
    "ernie",
    "eurobert",
    "megatron-bert",
    "mobilebert",
    "modernbert",
    "mpnet",
    "nomic_bert",
    "rembert",
    "roberta-prelayernorm",
    "roformer",
    "xlm-roberta-xl",
    "xmod",
)
"""``model_type`` of encoders that transformers runs for us."""
_TOKENS_PER_WORD = 1.35
"""Word pieces per word of BERT's English vocabulary (MR, Bitext, AG News 1.3, SMS 1.4; 2,000 texts each)."""


def models() -> tuple[ModelInfo, ...]:
    """None: an encoder that starts from nothing has nothing to give here."""
    return ()


def describe(folder: Path, source: str) -> ModelInfo | None:
    """See ``protocols.Family``. Licence and languages stay open: they stand on the model card."""
    from goldilocks.nets.hub.config import count_weights, read_config

    if not (folder / "config.json").is_file():
        return None
    config = read_config(folder)
    kind = config.get("model_type")
    if kind not in _BERT_SHAPED + _OTHERS or config.get("is_decoder"):
        return None
    depth = int(config.get("num_hidden_layers", config.get("n_layers", 0)))
    width = int(config.get("hidden_size", config.get("dim", 0)))
    files = sorted(folder.glob("*.safetensors"))
    return ModelInfo(
        name=source.rstrip("/").rsplit("/", 1)[-1].split("@")[0],
        family="encoder",
        source=source,
        architecture=f"{kind} encoder, {depth} layers, {width} wide",
        pretraining=_pretraining(config),
        languages=(),
        licence="unknown",
        parameters=sum(count_weights(one) for one in files),
        size_bytes=sum(one.stat().st_size for one in [*files, folder / "tokenizer.json"] if one.exists()),
        groups=("embeddings", "attention", "mlp", "norm", "head"),
        depth=depth,
        width=width,
        max_tokens=_readable(config),
    )


def forecast(facts: ModelInfo, work: Workload, machine: Machine) -> Forecast:
    """See ``protocols.Family``. A step multiplies each weight six times per token; the optimiser is bound by memory."""
    recipe_ = recipe(facts, work)
    tokens = _TOKENS_PER_WORD * work.words + 2
    if tokens > MAX_TOKENS and work.output is not Output.TAGS:  # cut, or read to the end in windows that overlap
        tokens = tokens * 4 / 3 if work.output is Output.SPAN else MAX_TOKENS
    body = 12 * facts.depth * facts.width**2
    operations = 6.0 * body * tokens * work.rows * recipe_.epochs
    steps = recipe_.epochs * work.rows / min(recipe_.batch_rows, recipe_.batch_tokens / tokens)
    moved = 30.0 * steps * min(facts.parameters, 1.4 * body)
    speed = machine.gflops * 1e9 * (1.2 if machine.bf16 else 0.7)
    seconds = 2.0 + operations / speed + moved / 10e9
    memory = 450e6 + 18.0 * facts.parameters + 40.0 * recipe_.batch_tokens * facts.width * max(1, facts.depth)
    return Forecast(seconds=seconds, memory_bytes=memory)


def recipe(facts: ModelInfo, work: Workload) -> TrainingConfig:
    """At least 3 passes and 300 steps, and 6 steps more for each label; for tags 5 and 2,000. See ``protocols.Family``.

    For labels the top block learns 13 times as fast as the lowest, about as fast as ELECTRA was tuned (Clark et al.
    2020, arXiv:2003.10555, table 7). Chosen, as the steps for each label, on held-out training rows of Banking77:
    ``benchmarks/recipe.py``. A head fitted on the frozen encoder first did not pay.
    """
    tags = work.output is Output.TAGS
    steps, least = (2_000, 5.0) if tags else (300 + 6 * work.labels, 3.0)
    epochs = min(20.0, max(least, steps * 32 / work.lessons))
    rate = min(2e-4, max(2e-5, 1e-4 * 384 / max(1, facts.width)))
    ratio = 13.0 if work.output is Output.LABEL else 1.0
    return TrainingConfig(epochs, rate, head_learning_rate=1e-3, batch_rows=work.batch_rows, layer_ratio=ratio)


def create(facts: ModelInfo, folder: Path | None, part: Part, goal: Goal, *, seed: int) -> Network:
    """The pretrained encoder with a head that knows nothing. See ``protocols.Family``.

    Raises:
        MissingError: weights (as safetensors) or ``tokenizer.json`` are not in the folder.
        InputError: configuration and weights do not belong together.
    """
    import torch

    from goldilocks.nets.assemble import config_for, network
    from goldilocks.nets.backbones import bert
    from goldilocks.nets.heads.pair_scorer import settled_for
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.tokenizer import read_tokenizer
    from goldilocks.support.text.entity_markers import all_marked

    if folder is None:
        raise InputError(f"{facts.name}: an encoder needs the folder of its checkpoint; none was given.")
    config = read_config(folder)
    options = bert.read_options(config)
    backbone: Backbone
    if options is not None:
        backbone = bert.read_backbone(folder, options, str(config["model_type"]))
        kind, given = "bert", bert.shape_options(backbone)
    else:
        from goldilocks.nets.backbones.hub_encoder import read_hub_backbone

        backbone, kind, given = read_hub_backbone(folder), "transformers", config
    tokenizer_file = folder / "tokenizer.json"
    if not tokenizer_file.exists():
        raise MissingError(
            f"{tokenizer_file}: there is no such file; write it with "
            "transformers.AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)."
        )
    longest = min(MAX_TOKENS, _readable(config))
    padding = int(config.get("pad_token_id") or 0)
    shape = config_for(goal, kind, given, pooling=_pooling(folder), max_tokens=longest, pad_id=padding)
    if goal.output is Output.TAGS:
        shape.settled.update(chain=True, wide=True)
    if goal.output is Output.LABEL and all_marked(part.texts):
        shape.settled.update(marked=True)
    if goal.output is Output.SCORE:
        # A sentence-transformers checkpoint has learnt to compare texts it read apart; a head on the two read together
        # would begin with nothing.
        shape.settled.update(settled_for(part, together=not (folder / "1_Pooling").is_dir()))
    torch.manual_seed(seed)
    return network(backbone, read_tokenizer(tokenizer_file, longest), shape)


def restore(folder: Path) -> Network:
    """See ``protocols.Family``."""
    from goldilocks.nets.assemble import restored

    return restored(folder, _backbone)


def _backbone(shape: NetworkConfig) -> Backbone:
    """The unfilled backbone of a network that was saved."""
    if shape.kind == "bert":
        from goldilocks.nets.backbones.bert import backbone_from

        return backbone_from(shape.options)
    from goldilocks.nets.backbones.hub_encoder import hub_backbone_from

    return hub_backbone_from(shape.options)


def _readable(config: Mapping[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings", 512))
    shifted = config.get("model_type") in ("roberta", "xlm-roberta", "camembert")  # the first two numbers are padding's
    return max(1, positions - (int(config.get("pad_token_id", 1)) + 1 if shifted else 0))


def _pooling(folder: Path) -> str:
    """``first`` where a sentence-transformers folder says so, else ``mean``."""
    import json

    try:
        said = json.loads((folder / "1_Pooling" / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return "mean"
    return "first" if said.get("pooling_mode_cls_token") else "mean"


def _pretraining(config: Mapping[str, Any]) -> str:
    heads = " ".join(config.get("architectures") or ())
    if "ForMaskedLM" in heads:
        return "masked language model"
    return "replaced-token detection" if config.get("model_type") == "electra" else "not stated"
