"""Fully sharded data parallelism (FSDP2): each process keeps a part of every trained weight and of its optimiser state.

``fully_shard`` of torch gathers the weights of a block when it runs and scatters its gradients afterwards; here the
local parts become the slots of the optimiser. Heads are small and stay whole, with summed gradients.

Checkpoints are a safetensors file per process. (``torch.distributed.checkpoint`` writes its index as a pickle.)

Source: Zhao et al. 2023, "PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel".
"""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from torch import Tensor, nn

from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.training.checkpoints import INDEX, VERSION, reading
from goldilocks.nets.training.parallel import ProcessGroup
from goldilocks.nets.training.slots import Slot, gradient_norm
from goldilocks.nets.training.weight_names import read_weights
from goldilocks.support.files import write_text


class ShardedWeights:
    """The sharded weights of a backbone, and their slots."""

    def __init__(self, module: nn.Module, backbone: nn.Module, slots: Sequence[Slot], group: ProcessGroup) -> None:
        """Shard in place: afterwards ``slots`` hold this process's parts.

        Args:
            module: Holds the backbone and the head.
            backbone: What is sharded; it has a forward pass of its own, and its ``blocks``, if any, too.
            slots: The trained weights of ``module``.
            group: All processes, of which each calls this.
        """
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        # The head and other views of what a block returns are never changed in place, of which torch warns.
        warnings.filterwarnings("ignore", message="FSDP2-wrapped module", category=UserWarning)
        mesh = init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (group.size,))
        masters = {slot.name: slot.master for slot in slots}
        for block in getattr(backbone, "blocks", ()):
            fully_shard(block, mesh=mesh)
        fully_shard(backbone, mesh=mesh)
        self.group = group
        self._weights: dict[str, nn.Parameter] = {}
        self._shapes = {name: master.shape for name, master in masters.items()}
        for name, weight in module.named_parameters():
            slot = next((slot for slot in slots if slot.name == name), None)
            if slot is None or not hasattr(weight, "to_local"):
                continue
            local = weight.to_local().detach()
            same = local.dtype == slot.master.dtype
            slot.master = local if same else self._part(masters[name]).clone()
            slot.working = local
            self._weights[name] = weight
        self._whole = [slot for slot in slots if slot.name not in self._weights]
        self._sharded = [slot for slot in slots if slot.name in self._weights]

    @property
    def names(self) -> set[str]:
        """Names of the weights that are sharded."""
        return set(self._weights)

    def _part(self, whole: Tensor) -> Tensor:
        parts = torch.chunk(whole, self.group.size, dim=0)
        return parts[self.group.rank] if self.group.rank < len(parts) else whole[:0]

    def collect_gradients(self) -> None:
        """After the backward pass: the gradients of the whole batch at the slots."""
        for slot in self._sharded:
            gradient = self._weights[slot.name].grad
            self._weights[slot.name].grad = None
            # FSDP divides by the number of processes; ours are parts of a sum.
            local = None if gradient is None else cast(Any, gradient).to_local() * self.group.size
            slot.working.grad = local if local is not None and local.numel() else None
        if self._whole:
            self.group.sum_gradients(self._whole)

    def gradient_norm(self, slots: Sequence[Slot]) -> float:  # noqa: ARG002
        """Global norm of all gradients, the same in every process; see ``slots.gradient_norm``."""
        squared_norm = torch.tensor(gradient_norm(self._sharded), device=self._device) ** 2
        return float((self.group.sum_of(squared_norm) + gradient_norm(self._whole) ** 2).sqrt())

    @property
    def _device(self) -> torch.device:
        return self._sharded[0].master.device if self._sharded else torch.device("cpu")

    def gathered(self, slot: Slot) -> Tensor:
        """The whole weight of a slot, float32, in every process; all call this in the same order."""
        import torch.distributed as dist

        shape = self._shapes[slot.name]
        if slot.name not in self._weights:
            return slot.master.detach()
        rows = -(-shape[0] // self.group.size)
        shard = slot.master.new_zeros((rows, *shape[1:]))
        shard[: len(slot.master)] = slot.master.detach()
        parts = [torch.empty_like(shard) for _ in range(self.group.size)]
        self.group.connected(lambda: dist.all_gather(parts, shard))
        return torch.cat(parts)[: shape[0]]


# --------------------------------------------------------------------------------------------------------- checkpoints


def write_sharded(folder: Path, facts: Mapping[str, Any], tensors: Mapping[str, Tensor], group: ProcessGroup) -> None:
    """Replace the checkpoint in ``folder``; every process calls this with its own tensors.

    It counts once the first process's ``run.json`` names it, which is replaced when all files are there.

    Args:
        folder: Created if missing.
        facts: JSON values, the same in all processes; ``facts["place"]["steps"]`` names the checkpoint.
        tensors: This process's.
        group: All processes.

    Raises:
        InputError: the folder cannot be written to, or the disk is full; the checkpoint before still counts.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    name = f"step-{facts['place']['steps']}"
    try:
        (folder / name).mkdir(parents=True, exist_ok=True)
        plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
        save_file(plain, folder / name / f"process-{group.rank}.safetensors")
    except (OSError, SafetensorError) as error:
        raise InputError(f"{folder}: cannot be written ({error}); free space or choose another --out.") from error
    group.wait()
    if group.rank == 0:
        content = {"version": VERSION, "shards": group.size, "name": name, **facts}
        write_text(folder / INDEX, json.dumps(content, ensure_ascii=False))
        for old in folder.glob("step-*"):
            if old.name != name:
                shutil.rmtree(old, ignore_errors=True)
    group.wait()


def read_sharded(folder: Path, group: ProcessGroup) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The facts of the last checkpoint, and this process's tensors.

    Raises:
        MissingError: there is none.
        IntegrityError: it is damaged, of another version, or of another number of processes.
    """
    with reading(folder) as facts:
        if facts.get("shards") != group.size:
            before = f"{facts['shards']} processes with --shard" if "shards" in facts else "a run without --shard"
            raise IntegrityError(f"{folder}: the checkpoint is of {before}; resume with the same options.")
        return facts, read_weights(folder / facts["name"] / f"process-{group.rank}.safetensors")
