"""The copy of a network that is trained, and its weights with their masters, peak learning rates and weight decays.

The copy has only those rows of the word table whose tokens occur in the training texts: the others have no gradient,
and the table has no weight decay, so leaving them out changes nothing but the time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from goldilocks.nets.network import Network
from goldilocks.nets.tokenization.batching import Row
from goldilocks.nets.training.slots import Slot
from goldilocks.records import TrainingConfig

_KEPT_IDS = 8
"""Token ids below this keep their place in the compact table: networks may write special tokens themselves."""


def compact_ids(network: Network, rows: Sequence[Row]) -> Tensor | None:
    """Ids of the word table's rows that take part, in ascending order; ``None``: the backbone has no word table."""
    table = _word_table(network)
    if table is None:
        return None
    # A mark per id, and not one array of all tokens: rows may be more than memory holds.
    highest = max(max((int(row.ids.max()) for row in rows), default=0), network.config.pad_id, _KEPT_IDS)
    used = np.zeros(max(table.num_embeddings, highest + 1), dtype=bool)
    used[[network.config.pad_id, *range(_KEPT_IDS)]] = True
    for row in rows:
        used[row.ids] = True
    return torch.from_numpy(np.flatnonzero(used[: table.num_embeddings]))


def _word_table(network: Network) -> nn.Embedding | None:
    name = network.sparse_embedding
    table = network.backbone.get_submodule(name) if name else None
    assert table is None or isinstance(table, nn.Embedding)
    return table


def compact_twin(network: Network, used: Tensor | None) -> tuple[Network, dict[str, Tensor]]:
    """A twin of a network whose word table has the rows ``used`` only.

    Returns:
        The twin, and its compact table by the name of the weight: the master of the twin's own, which may be rounded.
    """
    tables: dict[str, Tensor] = {}
    table = _word_table(network)
    full = table.weight if table is not None else None
    if table is not None and full is not None and used is not None:
        rows = full.detach()[used.to(full.device)]
        table.weight = nn.Parameter(rows, requires_grad=full.requires_grad)
        tables[f"backbone.{network.sparse_embedding}.weight"] = rows
    try:
        work = network.twin()
    finally:
        if table is not None and full is not None:
            table.weight = full
    own = _word_table(work)
    if own is not None and own.padding_idx is not None and used is not None:
        own.padding_idx = int(torch.searchsorted(used, own.padding_idx))
    return work, tables


def trained_slots(
    network: Network, work: Network, tables: Mapping[str, Tensor], config: TrainingConfig, used: Tensor | None = None
) -> list[Slot]:
    """The weights of the working copy ``work`` that are trained, each with its master.

    Args:
        network: Holds the float32 weights.
        work: Where a weight of it has the precision of its master, the two become one tensor.
        tables: Masters of those weights that are not the network's own.
        config: Rates and weight decay.
        used: Rows of the network's own weight that those in ``tables`` hold.
    """
    groups = {name: role for role, names in network.groups().items() for name in names}
    masters = dict(network.module.named_parameters())
    slots = []
    for name, working in work.module.named_parameters():
        if not working.requires_grad:
            continue
        role = groups.get(name, "")
        master = tables.get(name, masters[name].detach())
        if working.dtype == master.dtype:  # one tensor is both
            working.data = master
            master = working
        plain = working.ndim < 2 or role in ("embeddings", "norm")
        peak = _peak_rate(network, config, name, role)
        rows = used if name in tables else None
        slots.append(Slot(name, master, working, peak=peak, decay=0.0 if plain else config.weight_decay, rows=rows))
    return slots


def _peak_rate(network: Network, config: TrainingConfig, name: str, role: str) -> float:
    """Peak rate of a weight. Source of the steps: Howard & Ruder 2018, arXiv:1801.06146, section 3.2."""
    if role == "head":
        return config.head_learning_rate
    steps = network.backbone.depth - 1
    above_middle = (network.block_of(name) - steps / 2) / steps if steps > 0 else 0.0
    return float(config.learning_rate * config.layer_ratio**above_middle)


def mixed_names(network: Network) -> set[str]:
    """The trained matrices of attention and MLPs, which mixout mixes."""
    groups = network.groups()
    names = {name for role in ("attention", "mlp") for name in groups.get(role, ())}
    weights = network.module.named_parameters()
    return {name for name, weight in weights if name in names and weight.requires_grad and weight.ndim > 1}


def mixed_slots(network: Network, slots: Sequence[Slot]) -> list[Slot]:
    """Those of the slots that mixout mixes."""
    mixed = mixed_names(network)
    return [slot for slot in slots if slot.name in mixed]
