"""The pretraining loop: order of the rows, training steps, and the state of a checkpoint.

The rows of a step and their random choices follow from the seed, the epoch and the row alone: a run that was
interrupted anywhere and resumed takes the same steps as an uninterrupted one. Training runs on a bfloat16 copy where
the machine has bfloat16 products and the first loss agrees; the optimiser updates the float32 weights of the model.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from goldilocks.errors import IntegrityError
from goldilocks.nets.training.adamw import MasterAdamW
from goldilocks.nets.training.denormals import flushed_denormals
from goldilocks.nets.training.schedules import rate_share
from goldilocks.nets.training.slots import Slot
from goldilocks.pretrain.settings import PretrainSettings
from goldilocks.support.machine.hardware import machine

if TYPE_CHECKING:
    from goldilocks.pretrain.objective import Batch, Objective
    from goldilocks.pretrain.packing import Rows

_CLIP = 1.0
_POINTS = 20
"""Points of the loss curve."""
_HELD_OUT_SHARE, _MAX_HELD_OUT = 0.02, 128
_NO_EPOCH = 2**31
"""Epoch number for rows that are only scored."""


class Learner:
    """A model in training. ``model`` itself stays in float32."""

    def __init__(
        self, model: nn.Module, objective: Objective, rows: Rows, settings: PretrainSettings, peak: float
    ) -> None:
        """Hold rows out and make the working copy.

        Args:
            model: The model to train.
            objective: Its inputs, targets and loss.
            rows: Packed text, ``(n_rows,)``.
            settings: Batch size, epochs, seed.
            peak: Peak learning rate.
        """
        self.model, self.objective, self.settings = model, objective, settings
        self._rows = rows
        self.device = torch.device(machine().device)
        model.to(self.device)
        self.held_out, self._train = _apart(len(rows), settings.seed)
        self.per_epoch = math.ceil(len(self._train) / settings.batch_rows)
        steps = max(int(settings.epochs > 0), round(settings.epochs * self.per_epoch))
        self.steps = steps if settings.steps is None else settings.steps
        self.step = 0
        self.curve: list[dict[str, float]] = []
        self._losses: list[float] = []
        self._order: tuple[int, npt.NDArray[np.int64]] | None = None
        self._work = self._working_copy()
        self._optimizer = MasterAdamW(_slots(model, self._work, peak, settings.weight_decay), clip_norm=_CLIP)

    @property
    def done(self) -> bool:
        """Whether all steps are done."""
        return self.step >= self.steps

    @flushed_denormals()
    def advance(self) -> float:
        """Take one training step and return its loss."""
        epoch, number = divmod(self.step, self.per_epoch)
        chosen = self._order_of(epoch)[number * self.settings.batch_rows :][: self.settings.batch_rows]
        # Dropout is seeded by the number of the step, so that a resumed run draws the same masks.
        torch.manual_seed(hash((self.settings.seed, self.step)) & 0xFFFF_FFFF)
        self._work.train()
        loss = self.objective.loss(self._work, self._batch(chosen, epoch))
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimizer.step(rate_share((self.step + 0.5) / self.steps, self.settings.warmup_share))
        self.step += 1
        self._note(float(loss.detach()))
        return self._losses[-1] if self._losses else self.curve[-1]["loss"]

    def score(self) -> float | None:
        """Mean loss over the held-out rows, with the same random choices each time; ``None`` without held-out rows."""
        if not len(self.held_out):
            return None
        self._work.eval()
        parts = np.array_split(self.held_out, math.ceil(len(self.held_out) / self.settings.batch_rows))
        with torch.no_grad():
            losses = [float(self.objective.loss(self._work, self._batch(part, _NO_EPOCH))) for part in parts]
        return float(np.average(losses, weights=[len(part) for part in parts]))

    def _order_of(self, epoch: int) -> npt.NDArray[np.int64]:
        if self._order is None or self._order[0] != epoch:
            rng = np.random.default_rng((self.settings.seed, epoch))
            self._order = (epoch, rng.permutation(self._train))
        return self._order[1]

    def _batch(self, chosen: npt.NDArray[np.int64], epoch: int) -> Batch:
        draws = [np.random.default_rng((self.settings.seed, epoch, int(row))) for row in chosen]
        batch = self.objective.batch(self._rows[chosen], draws)
        return {name: tensor.to(self.device) for name, tensor in batch.items()}

    def _note(self, loss: float) -> None:
        self._losses.append(loss)
        if self.step % max(1, self.steps // _POINTS) == 0 or self.done:
            self.curve.append({"step": self.step, "loss": float(np.mean(self._losses))})
            self._losses = []

    # ------------------------------------------------------------------------------------------------ the working copy

    def _working_copy(self) -> nn.Module:
        if not machine().bf16 and self.device.type != "cuda":
            return self.model
        work = copy.deepcopy(self.model)
        for weight in work.parameters():  # not .to(): buffers such as rotary frequencies stay exact
            weight.data = weight.data.to(torch.bfloat16)
        rows = self._train[: min(4, self.settings.batch_rows)]
        with torch.no_grad():
            batch = self._batch(rows, _NO_EPOCH)
            exact, coarse = (float(self.objective.loss(model.eval(), batch)) for model in (self.model, work))
        return work if abs(exact - coarse) <= 0.02 * (1 + exact) else self.model

    # ------------------------------------------------------------------------------------------------------ checkpoint

    def state(self) -> dict[str, Tensor]:
        """Weights and optimiser state of a checkpoint."""
        state: dict[str, Tensor] = {}
        for slot in self._optimizer.slots:
            state[f"weight/{slot.name}"] = slot.master.detach()
            state |= {f"first/{slot.name}": slot.first, f"second/{slot.name}": slot.second}
        return state

    def place(self) -> dict[str, Any]:
        """Progress of the run; goes with ``state``."""
        return {
            "step": self.step,
            "updates": self._optimizer.updates,
            "curve": self.curve,
            "losses": self._losses,
            "used": [slot.name for slot in self._optimizer.slots if float(slot.steps)],
        }

    def load_state(self, state: Mapping[str, Tensor], place: Mapping[str, Any]) -> None:
        """Resume from the ``state`` and ``place`` of a learner of the same run.

        Raises:
            IntegrityError: it does not fit.
        """
        try:
            self.step, self._optimizer.updates = int(place["step"]), int(place["updates"])
            self.curve, self._losses, used = list(place["curve"]), list(place["losses"]), set(place["used"])
            with torch.no_grad():
                for slot in self._optimizer.slots:
                    slot.master.copy_(state[f"weight/{slot.name}"])
                    slot.working.copy_(slot.master)
                    slot.first.copy_(state[f"first/{slot.name}"])
                    slot.second.copy_(state[f"second/{slot.name}"])
                    slot.steps.fill_(self._optimizer.updates if slot.name in used else 0)
        except (KeyError, ValueError, TypeError, RuntimeError) as error:
            raise IntegrityError(
                f"checkpoint: does not fit this run ({type(error).__name__}: {error}); remove it to start again."
            ) from error


def _apart(count: int, seed: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Held-out rows (none of fewer than 50) and training rows."""
    aside = min(_MAX_HELD_OUT, int(_HELD_OUT_SHARE * count))
    order = np.random.default_rng(seed).permutation(count)
    return np.sort(order[:aside]), np.sort(order[aside:])


def _slots(model: nn.Module, work: nn.Module, peak: float, decay: float) -> list[Slot]:
    masters = dict(model.named_parameters())
    slots = []
    for name, working in work.named_parameters():
        master = working if work is model else masters[name].detach()
        slots.append(Slot(name, master, working, peak=peak, decay=decay if working.ndim > 1 else 0.0))
    return slots
