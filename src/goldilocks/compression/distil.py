"""Training of a compressed network on the outputs of the one it came from: recovery after pruning, distillation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from goldilocks.protocols import Model
from goldilocks.records import Text, TrainingConfig

if TYPE_CHECKING:
    from goldilocks.nets.network import Network


@dataclass(frozen=True, slots=True)
class SeededDistil:
    """See ``protocols.Distil``; the same seed gives the same student."""

    seed: int = 0

    def __call__(self, student: Network, teacher: Model, texts: Sequence[Text], config: TrainingConfig) -> None:
        """See ``protocols.Distil``."""
        from goldilocks.nets.objectives.distillation import Distillation, answers_as_gold, has_soft_targets
        from goldilocks.tuning.loop import Learner
        from goldilocks.tuning.training_set import TrainingSet

        student.module.requires_grad_(True)
        if has_soft_targets(student):
            objective = Distillation(student, teacher, texts)
            learner = Learner(student, config, TrainingSet(texts), seed=self.seed, objective=objective)
        else:
            gold = answers_as_gold(teacher.predict(texts).values, texts, student.config.goal.output)
            learner = Learner(student, config, TrainingSet(texts, gold), seed=self.seed)
        learner.advance(1.0)
        learner.write_back()
