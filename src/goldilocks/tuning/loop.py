"""The training loop: given a ``Network``, its trainable weights and a training config.

Training runs on a working copy (``working_copy``), in bfloat16 where backbone and machine can; the float32 weights of
the network itself are the masters that the optimiser moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from goldilocks.answers import Answers
from goldilocks.errors import InputError, IntegrityError
from goldilocks.nets.network import LOSS_OPTIONS, Network
from goldilocks.nets.tokenization.batching import Batch, padded
from goldilocks.nets.training.adversarial import AdversarialTraining
from goldilocks.nets.training.averaging import WeightAverage
from goldilocks.nets.training.denormals import flushed_denormals
from goldilocks.nets.training.losses.criterion import criterion_for
from goldilocks.nets.training.losses.unlabelled import unlabelled_loss
from goldilocks.nets.training.mixout import Mixout
from goldilocks.nets.training.parallel import ProcessGroup, is_lost_process, lost_process
from goldilocks.nets.training.schedules import Span
from goldilocks.nets.training.sharding import ShardedWeights
from goldilocks.nets.training.slots import gradient_norm
from goldilocks.nets.training.torch_optimizers import optimizer_for
from goldilocks.records import Adversarial, Text, TrainingConfig, UnlabelledLoss
from goldilocks.support.machine.hardware import machine
from goldilocks.support.machine.out_of_memory import out_of_memory
from goldilocks.tuning.cache import FrozenStates
from goldilocks.tuning.config import check_config, check_sharding
from goldilocks.tuning.objective import AdjustsSteps, Objective, PlansBatches
from goldilocks.tuning.schedule import batches_of
from goldilocks.tuning.tokenized import is_streamed, tokenized
from goldilocks.tuning.training_set import TrainingSet
from goldilocks.tuning.working_copy import compact_ids, compact_twin, mixed_slots, trained_slots

_PATIENCE = 10
"""Steps in a row without a finite loss after which training gives up."""
_OBJECTIVE = "objective/"
"""Before the names of an objective's tensors in a checkpoint."""


class Learner:
    """Trains a network. ``network`` itself stays in float32; ``snapshot`` is what answers and is saved."""

    def __init__(
        self,
        network: Network,
        config: TrainingConfig,
        training_set: TrainingSet,
        *,
        seed: int,
        objective: Objective | None = None,
        group: ProcessGroup | None = None,
    ) -> None:
        """Tokenize and make the working copy.

        Args:
            network: Prepared by its method: what has ``requires_grad`` learns.
            config: Epochs, rates, batches.
            training_set: Labelled and unlabelled items; every label is in ``network.labels``.
            seed: Seed of the order of batches and of dropout.
            objective: Minimised in place of the loss of the network's head; ``None``: that loss.
            group: Processes that each take a part of every batch; ``None``: this one takes all.

        Raises:
            InputError: the config has an option that this network cannot be trained with.
        """
        unlabelled, processes = bool(training_set.unlabelled), group.size if group else 1
        check_config(config, network, objective=objective, unlabelled=unlabelled, processes=processes)
        self._group = group
        self.network, self.config, self.seed, self._objective = network, config, seed, objective
        self.span = Span.of(config.epochs)
        """Where the run ends; brought forward by ``shorten``."""
        self.device = torch.device(machine().device)
        network.module.to(self.device)
        self._tokenize(training_set)
        self._find_frozen_layers()
        self._prepare_weights(is_streamed(training_set.texts))
        self.last_loss: Tensor | None = None
        """Loss of the last step."""
        self.epoch, self.batch, self.steps = 0, 0, 0
        self._batches: list[list[int]] = []
        self._asked: tuple[int, Tensor] | None = None
        self._not_finite = 0

    def _tokenize(self, training_set: TrainingSet) -> None:
        """Token ids, targets and the criterion."""
        network, config, objective = self.network, self.config, self._objective
        gold, unlabelled = training_set.gold, training_set.unlabelled
        self._rows, head_targets, self.costs = tokenized(network, training_set.texts, gold)
        """The rows, and the number of tokens that each labelled row counts for in a batch."""
        self._targets = objective.targets(self._rows) if objective else head_targets
        # Class weights and priors are those of the labels, whatever the objective's targets are.
        labelled = len(gold) > 0 and network.loss_options >= LOSS_OPTIONS
        self._criterion = criterion_for(config, head_targets, len(network.labels)) if labelled else None
        if config.unlabelled_loss is UnlabelledLoss.NONE:
            unlabelled = ()
        # Behind the labelled rows: first the texts, then their copies.
        self._n_labelled, self._n_unlabelled = len(self._rows), len(unlabelled)
        if unlabelled:
            self._rows = [*self._rows, *network.rows([pair[side] for side in (0, 1) for pair in unlabelled])]
        self._lengths = np.fromiter(map(len, self._rows), dtype=np.int64, count=len(self._rows))

    def _find_frozen_layers(self) -> None:
        """Which block training begins at, and whether the states below it can be computed once."""
        network, config = self.network, self.config
        self._start = network.frozen_blocks()
        depth = network.backbone.depth
        # Looking embeddings up is faster than caching them; without blocks they are all there is below the head.
        frozen_backbone = self._start >= depth and network.backbone.by_token
        frozen = self._start >= min(1, depth) and (network.backbone.resumable or frozen_backbone)
        # Perturbed embeddings change the states of frozen layers too: these run in every step. So they do where an
        # objective starts from the tokens.
        self._frozen_below = frozen and config.adversarial is Adversarial.NONE and self._objective is None

    def _prepare_weights(self, streamed: bool) -> None:
        """The working copy of the weights, the cache of frozen states, and the optimizer."""
        network, config, group = self.network, self.config, self._group
        self._used = compact_ids(network, self._rows)
        self._work, self._tables = self._working_copy()
        slots = trained_slots(network, self._work, self._tables, config, self._used)
        self._shards = None
        if group is not None and group.sharded:
            check_sharding(config, network, self._objective)
            self._shards = ShardedWeights(self._work.module, self._work.backbone, slots, group)
        # Processes that share weights have to run the same layers in each step, whatever rows they have seen.
        self._states = None if streamed or self._shards else self._cache()
        norm = self._shards.gradient_norm if self._shards else gradient_norm
        self._optimizer = optimizer_for(config.optimizer, slots, clip_norm=config.clip_norm, norm=norm)
        self._named_slots = {slot.name: slot for slot in self._optimizer.slots}
        self._average = WeightAverage(config)
        self._mixout = Mixout(mixed_slots(network, self._optimizer.slots), config.mixout)
        self._adversary = AdversarialTraining(config, self._work.backbone.input_embedding)

    # -------------------------------------------------------------------------------------------------------- training

    @property
    def done(self) -> bool:
        """Whether all epochs are over."""
        return self._position() >= self.span.end - 1e-9

    @property
    def share(self) -> float:
        """Share of the full run that is done, 0 to 1."""
        return self.span.share(self._position())

    def shorten(self, share: float) -> None:
        """End the run at a share of the epochs it was planned for; the rate falls to zero until then.

        Raises:
            ValueError: that end is not ahead.
        """
        self.span = self.span.shortened(share, self._position())

    @flushed_denormals()
    def advance(
        self, share: float, *, stop: Callable[[], bool] | None = None, on_step: Callable[[float], None] | None = None
    ) -> None:
        """Train up to ``share`` of the full run.

        Args:
            share: From 0 to 1; nothing happens where the run is already beyond.
            stop: Asked before each step; ``True`` ends the call early, between two steps.
            on_step: Called with the share done after each step.
        """
        goal = share * self.span.end
        self.begin_training()
        while self._position() < goal - 1e-9 and not (stop and stop()):
            self._step(self._plan()[self.batch])
            self.batch += 1
            if self.batch == len(self._batches):
                self.epoch, self.batch, self._batches = self.epoch + 1, 0, []
            if on_step:
                on_step(self.share)

    def begin_training(self) -> None:
        """Switch dropout on."""
        self._work.module.train()
        if self._start >= self._work.backbone.depth:
            self._work.backbone.eval()  # a frozen backbone's states are cached as at inference, without dropout

    def _position(self) -> float:
        return self.epoch + (self.batch / len(self._plan()) if self.batch else 0.0)

    def _plan(self) -> list[list[int]]:
        if not self._batches:
            self._batches = self.batches(self.epoch)
        return self._batches

    def batches(self, epoch: int) -> list[list[int]]:
        """The batches of an epoch, in order."""
        if isinstance(self._objective, PlansBatches):
            return self._objective.batches(epoch, self._targets, self.config, self.seed)
        return batches_of(epoch, self.costs, self.config, self.seed)

    def _step(self, rows: list[int]) -> None:
        position = self.epoch + (self.batch + 0.5) / len(self._batches)
        progress = self.span.share(position)
        self._train_within_memory(rows, self.span.rate_share(position, self.config))
        self._check_loss()
        if isinstance(self._objective, AdjustsSteps):
            self._objective.after_step(self._named_slots, progress)
        self._average.update(self._optimizer.slots, progress)
        self.steps += 1

    def _train_within_memory(self, rows: list[int], rate_share: float) -> None:
        """One step; out of memory, the batch is divided among more passes (gradient accumulation), here and in later
        steps.
        """
        while True:
            # Dropout masks are seeded by the step number, so that a resumed run draws the same masks.
            rank = (self._group.rank,) if self._group else ()
            torch.manual_seed(hash((self.seed, self.steps, *rank)) & 0xFFFF_FFFF)
            try:
                return self.train_batch(rows, rate_share)
            except (MemoryError, RuntimeError) as error:
                passes = self.config.accumulation
                if self._shards is not None and is_lost_process(error):
                    raise lost_process() from error
                if not out_of_memory(error):
                    raise
                if self._shards is not None:
                    raise MemoryError(
                        "a batch does not fit; set a lower training.batch_rows or training.batch_tokens, or use more "
                        "processes"
                    ) from error
                if passes >= len(rows):
                    raise MemoryError(
                        f"one item of {max(self._lengths[rows])} tokens at a time is too much in step "
                        f"{self.steps + 1}; choose a smaller model, or a method that trains less, such as head_only"
                    ) from error
                for slot in self._optimizer.slots:
                    slot.working.grad = None
                self.config = replace(self.config, accumulation=min(2 * passes, len(rows)))

    def _check_loss(self) -> None:
        """Check that the loss is a number; the optimiser skips steps where it is not.

        Raises:
            InputError: it has not been one for ``_PATIENCE`` steps.
        """
        assert self.last_loss is not None
        self._not_finite = 0 if bool(torch.isfinite(self.last_loss)) else self._not_finite + 1
        if self._not_finite >= _PATIENCE:
            first = self.steps + 2 - _PATIENCE
            raise InputError(
                f"the loss has not been a finite number since step {first} (at {self.share:.0%} of the run); lower the "
                f"learning rate (training.learning_rate, now {self.config.learning_rate:g}), or exclude the candidate."
            )

    def train_batch(self, rows: list[int], rate_share: float) -> None:
        """One step of the optimiser on these rows, at a share of the peak rates; ``last_loss`` is then its loss."""
        with self._mixout.mixed():
            losses = [self._adversary.backward(part) for part in self._passes(rows)]
            self.last_loss = torch.stack(losses).sum() if losses else torch.zeros((), device=self.device)
        if self._group is not None:
            if self._shards is not None:
                self._shards.collect_gradients()
            else:
                self._group.sum_gradients(self._optimizer.slots)
            self.last_loss = self._group.sum_of(self.last_loss)
        if isinstance(self._objective, AdjustsSteps):
            self._objective.before_step(self._named_slots)
        self._optimizer.step(rate_share)

    def _passes(self, rows: list[int]) -> Iterator[Callable[[], Tensor]]:
        """The loss of a batch as a sum over passes, so that gradients add up to those of the whole batch."""
        shard = rows if self._group is None else self._group.part(rows)
        size = max(1, -(-len(shard) // self.config.accumulation))
        if size >= len(rows) and shard:
            yield lambda: self._loss(rows)
            return
        total = max(1, self._terms(rows))
        if self._shards is not None and not shard:  # the others need this process's weights
            yield partial(self._share_of_loss, rows[:1], 0.0)
        for start in range(0, len(shard), size):
            part = shard[start : start + size]
            yield partial(self._share_of_loss, part, self._terms(part) / total)

    def _share_of_loss(self, rows: list[int], share: float) -> Tensor:
        return share * self._loss(rows)

    def _terms(self, rows: list[int]) -> int:
        if self._objective is not None:  # a mean over rows
            return len(rows)
        return self.network.loss_terms([self._rows[row] for row in rows], [self._targets[row] for row in rows])

    def _loss(self, rows: list[int]) -> Tensor:
        loss = self._labelled_loss(rows)
        return loss + self._unlabelled_loss(rows) if self._n_unlabelled else loss

    def _unlabelled_loss(self, rows: list[int]) -> Tensor:
        """Loss of as many unlabelled rows, drawn by the number of the step."""
        config = self.config
        rng = np.random.default_rng((self.seed, self.steps, rows[0]))
        texts = (self._n_labelled + rng.integers(self._n_unlabelled, size=len(rows))).tolist()
        with torch.no_grad():
            given = self._scores(texts)
        copies = config.unlabelled_loss is UnlabelledLoss.CONSISTENCY
        scores = self._scores([text + self._n_unlabelled for text in texts] if copies else texts)
        weight = config.unlabelled_weight * self.share
        return weight * unlabelled_loss(config.unlabelled_loss, given, scores, config.unlabelled_confidence)

    def _scores(self, rows: list[int]) -> Tensor:
        """Scores of rows before softmax, ``(n_rows, n_labels)``; of networks that pool."""
        work, states = self._work, self._states
        if states is not None and states.pooled and states.has(rows):
            return work.score_pooled(states.take(rows).to(self.device))
        batch = self._batch(rows)
        if self._frozen_below:
            with torch.no_grad():
                hidden = work.backbone(batch, stop=self._start)
            hidden = work.backbone(batch, start=self._start, hidden=hidden)
        else:
            hidden = work.backbone(batch)
        pooled = work.pool(hidden, batch)
        if states is not None and states.pooled:
            states.put(rows, pooled)
        return work.score_pooled(pooled)

    def _labelled_loss(self, rows: list[int]) -> Tensor:
        work, states = self._work, self._states
        targets = [self._targets[row] for row in rows]
        if states is not None and states.pooled and states.has(rows):
            return work.loss_pooled(states.take(rows).to(self.device), targets)
        batch = self._batch(rows)
        if not self._frozen_below:
            return self._loss_from_below(work, batch, targets)
        if states is not None and not states.pooled and states.has(rows):
            kept = states.take(rows).to(self.device)
            return work.loss(work.backbone(batch, start=self._start, hidden=kept), batch, targets)
        with torch.no_grad():
            hidden = work.backbone(batch, stop=self._start)
        if states is not None and states.pooled:
            pooled = work.pool(hidden, batch)
            states.put(rows, pooled)
            return work.loss_pooled(pooled, targets)
        if states is not None:
            states.put(rows, hidden)
        return work.loss(work.backbone(batch, start=self._start, hidden=hidden), batch, targets)

    def _loss_from_below(self, work: Network, batch: Batch, targets: Sequence[Any]) -> Tensor:
        if self._objective is not None:
            return self._objective.loss(work, batch, targets)
        return work.loss(work.backbone(batch), batch, targets)

    def _batch(self, rows: Sequence[int]) -> Batch:
        batch = padded([self._rows[row] for row in rows], self.network.config.pad_id)
        if self._used is not None:
            batch = replace(batch, ids=torch.searchsorted(self._used, batch.ids))
        return batch.to(self.device)

    # ------------------------------------------------------------------------------------------------ the working copy

    def _working_copy(self) -> tuple[Network, dict[str, Tensor]]:
        """A copy to train, and the master weights of those that are not the network's own."""
        work, tables = self._compact_twin()
        if work.backbone.bf16 and (machine().bf16 or self.device.type == "cuda"):
            exact = self._first_loss(work)
            work.halve()
            if abs(self._first_loss(work) - exact) > 0.02 * (1 + exact):  # bfloat16 is too coarse for these weights
                work, tables = self._compact_twin()
        return work, tables

    def _compact_twin(self) -> tuple[Network, dict[str, Tensor]]:
        work, tables = compact_twin(self.network, self._used)
        work.dropout.p, work.label_smoothing = self.config.dropout, self.config.label_smoothing
        if self._criterion is not None:
            work.criterion = self._criterion
        if self.config.checkpoint_activations:
            work.backbone.checkpoint_activations()
        return work, tables

    def _first_loss(self, work: Network) -> float:
        rows = list(range(min(32, self._n_labelled)))
        batch = self._batch(rows)
        work.module.eval()
        with torch.no_grad():
            return float(self._loss_from_below(work, batch, [self._targets[row] for row in rows]))

    def _cache(self) -> FrozenStates | None:
        backbone = self._work.backbone
        if not self._frozen_below:
            return None
        pooled = self._work.pools and self._start >= backbone.depth
        dtype = torch.float32 if pooled else next(backbone.parameters()).dtype
        width = self._work.pooled_width if pooled else backbone.width
        if not FrozenStates.fits(self._lengths, width, pooled=pooled):
            return None
        return FrozenStates(self._lengths, width, dtype, pooled=pooled)

    # ---------------------------------------------------------------------------------------- snapshots and checkpoints

    def snapshot(self) -> Network:
        """A copy of the network with the weights trained so far (or their average), in evaluation mode."""
        with self._average.applied(self._optimizer.slots):
            return self.write_back().twin()

    def write_back(self) -> Network:
        """``network`` itself with the current master weights (not their average) written to it, in evaluation mode."""
        masters = dict(self.network.module.named_parameters())
        if self._shards is not None:
            for slot in self._optimizer.slots:
                weight = masters[slot.name]
                rows = slice(None) if slot.rows is None else slot.rows.to(self.device)
                weight.data[rows] = self._shards.gathered(slot)
        elif self._used is not None:
            for slot in self._optimizer.slots:
                if slot.name in self._tables:
                    masters[slot.name].data[self._used.to(self.device)] = slot.master.detach()
        self.network.module.eval()
        return self.network

    def predict(self, texts: Sequence[Text]) -> Answers:
        """Answers with the current weights. Where only the head is trained, the pooled vectors of the last items are
        cached.
        """
        with self._average.applied(self._optimizer.slots):
            network = self.write_back()
            if self._states is None or not self._states.pooled:
                return network.predict(texts)
            key = hash(tuple(texts))
            if self._asked is None or self._asked[0] != key:
                self._asked = (key, network.pooled(texts))
            return network.answer_pooled(self._asked[1])

    def state(self) -> dict[str, Tensor]:
        """Trained weights and optimiser state (the latter is left out once the run is done)."""
        weights = {f"weight/{slot.name}": slot.master.detach() for slot in self._optimizer.slots}
        memory = {} if self.done else self._optimizer.state() | self._objective_state()
        return weights | memory | self._average.state()

    def _objective_state(self) -> dict[str, Tensor]:
        if not isinstance(self._objective, AdjustsSteps):
            return {}
        return {f"{_OBJECTIVE}{name}": value for name, value in self._objective.state().items()}

    def place(self) -> dict[str, int]:
        """Position in the run: epoch, batch, steps, updates; saved with ``state``."""
        place = {"epoch": self.epoch, "batch": self.batch, "steps": self.steps, "updates": self._optimizer.updates}
        return place | ({"averaged": self._average.count} if self._average.count else {})

    def load_state(self, state: Mapping[str, Tensor], place: Mapping[str, int]) -> None:
        """Restore ``state``, taken at this position by a learner with the same texts, method and seed.

        Raises:
            IntegrityError: it does not fit.
        """
        self.epoch, self.batch, self.steps, self._batches = place["epoch"], place["batch"], place["steps"], []
        if isinstance(self._objective, AdjustsSteps):
            objective_state = {
                name.removeprefix(_OBJECTIVE): value for name, value in state.items() if name.startswith(_OBJECTIVE)
            }
            self._objective.load_state(objective_state)
        with torch.no_grad():
            for slot in self._optimizer.slots:
                weight = state.get(f"weight/{slot.name}")
                if weight is None or weight.shape != slot.master.shape:
                    raise IntegrityError(
                        f"checkpoint: {slot.name} is missing or of another shape; it belongs to another run, remove it."
                    )
                slot.master.copy_(weight)
                slot.working.copy_(slot.master)
        self._optimizer.load_state(state, place["updates"])
        self._average.load_state(state, place.get("averaged", 0))
