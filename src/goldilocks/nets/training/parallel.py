"""Data-parallel training over several processes: each takes a part of every batch, and gradients are summed.

What ``torch.nn.parallel.DistributedDataParallel`` does, without its wrapper: our steps may consist of several passes
(accumulation, adversarial training), after which gradients are reduced once. All processes hold the same weights and
optimiser state, so that each one could write the checkpoint.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import timedelta

import torch
from torch import Tensor

from goldilocks.errors import ProcessError
from goldilocks.nets.training.slots import Slot

_BUCKET = 4_000_000
"""Gradients reduced at a time: 16 MB."""
_TIMEOUT = timedelta(minutes=10)


class ProcessGroup:
    """The processes that train together."""

    def __init__(self, rank: int, size: int, *, sharded: bool = False) -> None:
        """``rank`` of this process among ``size``; torch's default process group must be initialised.

        ``sharded``: whether each process keeps only a part of every weight (``sharding.ShardedWeights``).
        """
        self.rank, self.size, self.sharded = rank, size, sharded

    def part(self, rows: Sequence[int]) -> list[int]:
        """The rows of a batch that this process takes; none where the batch has fewer rows than there are processes."""
        return list(rows[self.rank :: self.size])

    def sum_gradients(self, slots: Sequence[Slot]) -> None:
        """Replace the gradients by their sums over all processes.

        A weight that has a gradient in some processes only counts 0 in the others; one that has none anywhere keeps
        none, so that the optimiser leaves it alone.

        Raises:
            ProcessError: another process has ended.
        """
        present = torch.tensor([float(slot.working.grad is not None) for slot in slots], device=slots[0].master.device)
        self._reduced(present)
        live = [slot for slot, count in zip(slots, present.tolist(), strict=True) if count]
        bucket: list[Slot] = []
        for slot in live:
            if bucket and sum(other.working.numel() for other in bucket) + slot.working.numel() > _BUCKET:
                self._sum_bucket(bucket)
                bucket = []
            bucket.append(slot)
        if bucket:
            self._sum_bucket(bucket)

    def _sum_bucket(self, slots: Sequence[Slot]) -> None:
        grads = [torch.zeros_like(s.working) if s.working.grad is None else s.working.grad for s in slots]
        flat = torch.cat([grad.flatten().float() for grad in grads])
        self._reduced(flat)
        parts = torch.split(flat, [grad.numel() for grad in grads])
        for slot, grad, summed in zip(slots, grads, parts, strict=True):
            slot.working.grad = summed.view_as(grad).to(grad.dtype)

    def sum_of(self, value: Tensor) -> Tensor:
        """The sum of a number over all processes.

        Raises:
            ProcessError: another process has ended.
        """
        total = value.detach().clone()
        self._reduced(total)
        return total

    def of_first(self, value: float) -> float:
        """The first process's value of a number.

        Raises:
            ProcessError: another process has ended.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        return float(self.sum_of(torch.tensor(0.0 if self.rank else value, dtype=torch.float64, device=device)))

    def _reduced(self, values: Tensor) -> None:
        import torch.distributed as dist

        self.connected(lambda: dist.all_reduce(values))

    def wait(self) -> None:
        """Wait until all processes are here.

        Raises:
            ProcessError: another process has ended.
        """
        self.of_first(0.0)

    def connected(self, call: Callable[[], object]) -> None:
        """Run a collective operation.

        Raises:
            ProcessError: another process has ended.
        """
        _connected(call)


def joined_group(*, sharded: bool = False) -> ProcessGroup | None:
    """The group that torchrun's environment variables describe; ``None``: this process trains alone.

    Raises:
        ProcessError: the other processes cannot be reached.
    """
    import torch.distributed as dist

    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size < 2:
        return None
    if not dist.is_initialized():
        backend = "nccl" if torch.cuda.is_available() else "gloo"
        _connected(lambda: dist.init_process_group(backend, timeout=_TIMEOUT))
    return ProcessGroup(dist.get_rank(), dist.get_world_size(), sharded=sharded)


def left_group() -> None:
    """Leave the group, when training is over."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _connected(call: Callable[[], object]) -> None:
    try:
        call()
    except RuntimeError as error:  # torch has no class of its own for a peer that is gone
        raise lost_process() from error


def lost_process() -> ProcessError:
    """What is raised where another process has ended."""
    return ProcessError(
        "another process of this run has ended; run the same command with --resume to continue from the last "
        "checkpoint."
    )


def is_lost_process(error: BaseException) -> bool:
    """Whether an error from within a forward or backward pass says that another process has ended."""
    message = str(error).lower()
    return any(word in message for word in ("gloo", "nccl", "connection reset", "connection closed"))
