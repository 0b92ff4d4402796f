"""Structured pruning of BERT-shaped networks: which blocks, heads and neurons matter, and the network without the rest.

Importance needs no labels. For blocks it is measured: how far the answers move when a block is left out. For heads and
MLP neurons it is the diagonal Fisher information of a mask on them (Kwon et al. 2022): the mean squared gradient of the
loss by the mask, over gold answers drawn from the network itself. To second order it is the divergence that setting
the mask to 0 causes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.nets.assemble import network as assembled
from goldilocks.nets.backbones.bert import MATRICES, BertBackbone, BertOptions
from goldilocks.nets.network import Network
from goldilocks.nets.objectives.distillation import answers_as_gold
from goldilocks.nets.tokenization.batching import by_length, padded
from goldilocks.records import Gold, Output, Text

Scores = npt.NDArray[np.float64]
_ROUND = 16
"""MLPs keep a multiple of this many neurons: finer steps are not faster."""
_SMALL = 1e-3
"""Added to the second moments of activations, times their mean, so that none is singular."""


def not_prunable(model: object) -> str | None:
    """Why a model has no blocks that can be pruned, for the user; ``None``: it has."""
    if not isinstance(model, Network):
        return "it is not a neural network of ours"
    if not isinstance(model.backbone, BertBackbone):
        return f"only BERT-shaped encoders are pruned, this backbone is a {type(model.backbone).__name__}"
    if model.config.int8_embeddings:
        return "its embeddings are int8 tables already"
    if model.backbone.options.block_ranks:
        return "its matrices are factorised already"
    return None


def not_shortenable(model: object) -> str | None:
    """Why no block of a model can be left out, for the user; ``None``: some can."""
    reason = not_prunable(model)
    if reason is None and isinstance(model, Network) and model.backbone.depth < 2:
        return "it has one block only"
    return reason


# ---------------------------------------------------------------------------------------------------------- importance


def block_order(network: Network, texts: Sequence[Text], n_removed: int) -> list[int]:
    """Blocks in the order in which they are removed: each time the one whose absence moves the answers least.

    Args:
        network: With a ``BertBackbone``.
        texts: Calibration texts; some hundred are enough.
        n_removed: How many to remove, less than there are.

    Source:
        Kim et al. 2024, "Shortened LLaMA" (blocks ranked by what their removal does to the outputs); we remove them one
        by one and compare the states that the head sees, not the perplexity.
    """
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    all_blocks = backbone.blocks
    order: list[int] = []
    exact = _top_states(network, texts)
    try:
        for _ in range(n_removed):
            distances = {}
            for candidate in sorted(set(range(len(all_blocks))) - set(order)):
                _leave_out(backbone, all_blocks, {*order, candidate})
                distances[candidate] = float((_top_states(network, texts) - exact).square().mean())
            order.append(min(distances, key=lambda block: distances[block]))
    finally:
        _leave_out(backbone, all_blocks, set())
    return order


def _leave_out(backbone: BertBackbone, blocks: nn.ModuleList, left_out: set[int]) -> None:
    backbone.blocks = nn.ModuleList(block for number, block in enumerate(blocks) if number not in left_out)
    backbone.depth = len(backbone.blocks)


def _top_states(network: Network, texts: Sequence[Text]) -> Tensor:
    """What the head sees of each row: its vector, or the mean of its states."""
    network.module.eval()
    parts = []
    with torch.inference_mode():
        for _, batch in network.batches(network.rows(texts)):
            states = network.backbone(batch)
            parts.append(network.pool(states, batch) if network.pools else network.overview(states, batch))
    return torch.cat(parts)


def mask_importance(network: Network, texts: Sequence[Text], *, seed: int = 0) -> tuple[list[Scores], list[Scores]]:
    """Fisher information of the mask of each head ``(n_heads,)`` and MLP neuron ``(inner,)``, block by block.

    Args:
        network: With a ``BertBackbone``.
        texts: Calibration texts.
        seed: Seed of the answers drawn.
    """
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    network.module.eval()
    gold = drawn_gold(network, texts, seed=seed)
    rows = network.rows_to_learn(texts, gold)
    targets = network.targets(rows, gold)
    shapes = [backbone.options.of_block(number) for number in range(backbone.depth)]
    heads, inner = [np.zeros(n_heads) for n_heads, _, _ in shapes], [np.zeros(width) for _, width, _ in shapes]
    network.module.requires_grad_(False)
    for chosen in by_length([len(row) for row in rows], rows=32, tokens=4096):
        batch = padded([rows[position] for position in chosen], network.config.pad_id).to(network.device)
        with _masked(backbone, len(chosen)) as masks:
            loss = network.loss(backbone(batch), batch, [targets[position] for position in chosen])
            gradients = torch.autograd.grad(loss * len(chosen), [mask for pair in masks for mask in pair])
        for block in range(backbone.depth):
            heads[block] += _summed_squares(gradients[2 * block])
            inner[block] += _summed_squares(gradients[2 * block + 1])
    return heads, inner


def _summed_squares(gradient: Tensor) -> Scores:
    return gradient.double().square().sum(0).cpu().numpy()


@contextmanager
def _masked(backbone: BertBackbone, n_rows: int) -> Iterator[list[tuple[Tensor, Tensor]]]:
    """Masks of ones on the heads ``(n_rows, n_heads)`` and the neurons ``(n_rows, inner)`` of each block."""
    masks: list[tuple[Tensor, Tensor]] = []
    device = backbone.words.weight.device
    with ExitStack() as hooks:
        for number, block in enumerate(backbone.blocks):
            n_heads, inner, _ = backbone.options.of_block(number)
            pair = (torch.ones(n_rows, n_heads, device=device), torch.ones(n_rows, inner, device=device))
            for mask, module in zip(pair, (block.out, block.down), strict=True):
                mask.requires_grad_()
                assert isinstance(module, nn.Module)
                hooks.callback(module.register_forward_pre_hook(_times(mask)).remove)
            masks.append(pair)
        yield masks


def _times(mask: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], tuple[Tensor]]:
    def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor]:
        given = inputs[0]
        each = given.shape[-1] // mask.shape[1]
        return (given * mask.repeat_interleave(each, dim=1)[:, None, :],)

    return hook


def drawn_gold(network: Network, texts: Sequence[Text], *, seed: int) -> list[Gold]:
    """Gold answers drawn from a network's own probabilities; of other outputs than labels its answers."""
    answers = network.predict(texts)
    if network.config.goal.output is not Output.LABEL:
        return answers_as_gold(answers.values, texts, network.config.goal.output)
    rng = np.random.default_rng(seed)
    table = np.asarray(answers.probabilities, dtype=np.float64)
    if network.config.several:
        hits = rng.random(table.shape) < table
        return [tuple(np.asarray(network.labels, dtype=object)[row].tolist()) for row in hits]
    ends = np.cumsum(table / table.sum(1, keepdims=True), axis=1)
    columns = np.minimum((ends < rng.random((len(table), 1))).sum(1), len(network.labels) - 1)
    return [network.labels[column] for column in columns]


def largest(importance: Sequence[Scores], share: float, *, fewest: int = 1, multiple: int = 1) -> list[list[int]]:
    """The most important places of all blocks together, block by block and in ascending order.

    Args:
        importance: Importance of each place, a table for each block.
        share: How many to keep of all, 0 to 1.
        fewest: Places that each block keeps in any case (or all that it has).
        multiple: Each block keeps a multiple of this, rounded to the nearest.

    Example:
        >>> largest([np.array([3.0, 1.0]), np.array([2.0, 0.5])], 0.5)
        [[0], [0]]
        >>> largest([np.array([3.0, 4.0]), np.array([2.0, 0.5])], 0.75)
        [[0, 1], [0]]
    """
    scores = np.concatenate(list(importance))
    bar = np.sort(scores)[::-1][max(1, round(share * len(scores))) - 1]
    kept = []
    for own in importance:
        count = multiple * round(int((own >= bar).sum()) / multiple)
        count = min(len(own), max(fewest, count))
        kept.append(sorted(np.argsort(-own, kind="stable")[:count].tolist()))
    return kept


# ------------------------------------------------------------------------------------------------------------- surgery


def rebuilt(network: Network, options: BertOptions, weights: Mapping[str, Tensor]) -> Network:
    """A network with the tokenizer and head of another, a BERT of other shapes, and these weights."""
    config = replace(network.config, options=asdict(options))
    pruned = assembled(BertBackbone(options), network.tokenizer, config)
    pruned.module.load_state_dict({name: weight.detach().clone() for name, weight in weights.items()})
    pruned.module.eval()
    return pruned


def with_blocks(network: Network, blocks: Sequence[int]) -> Network:
    """The network with only these blocks, in their order."""
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    place = {f"{block}": number for number, block in enumerate(blocks)}
    weights = {}
    for name, weight in network.module.state_dict().items():
        head, dot, rest = name.partition("backbone.blocks.")
        number, _, inside = rest.partition(".")
        if not dot:
            weights[name] = weight
        elif number in place:
            weights[f"{head}{dot}{place[number]}.{inside}"] = weight
    options = backbone.options
    several: dict[str, Any] = {
        name: tuple(getattr(options, name)[block] for block in blocks)
        for name in ("block_heads", "block_inner", "block_ranks")
        if getattr(options, name)
    }
    return rebuilt(network, replace(options, depth=len(blocks), **several), weights)


def narrowed(network: Network, heads: Sequence[Sequence[int]], inner: Sequence[Sequence[int]]) -> Network:
    """The network with only these heads and MLP neurons, block by block."""
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    weights = dict(network.module.state_dict())
    each = backbone.width // backbone.options.heads
    for number, (own_heads, own_inner) in enumerate(zip(heads, inner, strict=True)):
        at, n_heads = f"backbone.blocks.{number}", backbone.options.of_block(number)[0]
        for part in ("weight", "bias"):
            table = weights[f"{at}.qkv.{part}"]
            weights[f"{at}.qkv.{part}"] = table.view(3, n_heads, each, -1)[:, own_heads].reshape(-1, *table.shape[1:])
            weights[f"{at}.up.{part}"] = weights[f"{at}.up.{part}"][list(own_inner)]
        out = weights[f"{at}.out.weight"]
        weights[f"{at}.out.weight"] = out.view(len(out), n_heads, each)[:, own_heads].reshape(len(out), -1)
        weights[f"{at}.down.weight"] = weights[f"{at}.down.weight"][:, list(own_inner)]
    options = replace(backbone.options, block_heads=tuple(map(len, heads)), block_inner=tuple(map(len, inner)))
    return rebuilt(network, options, weights)


def kept_places(network: Network, texts: Sequence[Text], share: float) -> tuple[list[list[int]], list[list[int]]]:
    """The heads and MLP neurons that ``mask_importance`` keeps at a share, as ``narrowed`` takes them."""
    heads, inner = mask_importance(network, texts)
    return largest(heads, share), largest(inner, share, fewest=_ROUND, multiple=_ROUND)


# ---------------------------------------------------------------------------------------------------------- factorising


def second_moments(network: Network, texts: Sequence[Text]) -> dict[str, Tensor]:
    """Mean of x·xᵀ over the inputs x of each matrix of the blocks, ``(width, width)`` float64, by the matrix's name."""
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    network.module.eval()
    sums: dict[str, Tensor] = {}
    counts: dict[str, int] = {}
    inside: list[Tensor] = []

    def adding(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            rows = inputs[0][inside[-1]].double()
            sums[name] = sums.get(name, torch.zeros(())) + rows.T @ rows
            counts[name] = counts.get(name, 0) + len(rows)

        return hook

    with ExitStack() as hooks, torch.inference_mode():
        for number, block in enumerate(backbone.blocks):
            for matrix in MATRICES:
                module = block.get_submodule(matrix)
                hooks.callback(module.register_forward_pre_hook(adding(f"{number}.{matrix}")).remove)
        for _, batch in network.batches(network.rows(texts)):
            inside.append(batch.mask.bool())
            backbone(batch)
    return {name: total / counts[name] for name, total in sums.items()}


def factorised(network: Network, moments: Mapping[str, Tensor], share: float) -> Network:
    """The network with its blocks' matrices as products of two, each with ``share`` of its weights.

    The product is the best one of its rank for inputs like the calibration texts': the SVD of W·L, where L·Lᵀ is the
    second moment of the inputs.

    Source:
        Wang et al. 2024, "SVD-LLM" (truncation-aware whitening).
    """
    backbone = network.backbone
    assert isinstance(backbone, BertBackbone)
    weights = dict(network.module.state_dict())
    ranks = []
    for number in range(backbone.depth):
        own = []
        for matrix in MATRICES:
            at = f"backbone.blocks.{number}.{matrix}"
            full = weights.pop(f"{at}.weight")
            rank = min(*full.shape, max(1, round(share * full.numel() / sum(full.shape))))
            first, second = low_rank(full, moments[f"{number}.{matrix}"], rank)
            weights |= {f"{at}.0.weight": first, f"{at}.1.weight": second, f"{at}.1.bias": weights.pop(f"{at}.bias")}
            own.append(rank)
        ranks.append(tuple(own))
    return rebuilt(network, replace(backbone.options, block_ranks=tuple(ranks)), weights)


def low_rank(matrix: Tensor, moment: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """``first (rank, inputs)`` and ``second (outputs, rank)`` with second·first·x closest to matrix·x in mean square.

    Args:
        matrix: ``(outputs, inputs)``.
        moment: Mean of x·xᵀ, ``(inputs, inputs)``.
        rank: At most the smaller side.
    """
    damped = moment.clone()
    damped.diagonal().add_(_SMALL * float(moment.diagonal().mean()) + 1e-12)
    root = torch.linalg.cholesky(damped)
    left, sizes, right = torch.linalg.svd(matrix.double() @ root, full_matrices=False)
    first = torch.linalg.solve_triangular(root, right[:rank], upper=False, left=False)
    return first.float(), (left[:, :rank] * sizes[:rank]).float()
