"""Two processes over gloo on this machine: the same training as one."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from goldilocks.support.machine.processes import run_processes
from goldilocks.testing import tiny

VARIANTS = {
    "plain": ("full", {}),
    "several passes": ("full", {"accumulation": 2, "optimizer": "sgd", "label_smoothing": 0.1}),
    "adversarial": ("full", {"adversarial": "fgm", "adversarial_radius": 0.1, "average": "ema"}),
    "frozen": ("head_only", {"class_weights": "balanced"}),
}
PROGRAM = """
import json
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file

from goldilocks import plugins
from goldilocks.nets.backbones.bert import BertBackbone
from goldilocks.nets.training.parallel import joined_group, left_group
from goldilocks.records import TrainingConfig
from goldilocks.settings import with_training
from goldilocks.testing import tiny
from goldilocks.tuning.loop import Learner
from goldilocks.tuning.training_set import TrainingSet

BertBackbone.bf16 = False
torch.set_num_threads(1)
folder, out, variants = Path(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
part = tiny.part(43)
group = joined_group()
tensors = {}
for name, (method, options) in variants.items():
    # 43 rows in batches of 7: one batch has a single row, of which a process has none, and parts are of unequal size.
    config = TrainingConfig(epochs=1, learning_rate=2e-3, head_learning_rate=1e-2, batch_rows=7)
    family, chosen = plugins.load("families", "encoder"), plugins.load("methods", method)
    network = family.create(family.describe(folder, str(folder)), folder, part, tiny.GOAL, seed=0)
    torch.manual_seed(0)
    chosen.prepare(network, chosen.Options())
    learner = Learner(network, with_training(config, options), TrainingSet(part.texts, part.gold), seed=0, group=group)
    losses = []
    learner.advance(1.0, on_step=lambda share: losses.append(learner.last_loss))
    tensors |= {f"{name}/{weight}": value.contiguous() for weight, value in learner.state().items()}
    tensors[f"{name}/losses"] = torch.stack(losses)
if group is None or group.rank == 1:  # the second process has the same weights
    save_file(tensors, out)
left_group()
"""


@pytest.mark.slow
def test_two_processes_train_as_one(tmp_path: Path) -> None:
    folder = tiny.encoder_folder(tmp_path / "tiny")
    script = tmp_path / "train.py"
    script.write_text(PROGRAM, encoding="utf-8")
    results = []
    for count in (1, 2):
        out = tmp_path / f"{count}.safetensors"
        command = [sys.executable, str(script), str(folder), str(out), json.dumps(VARIANTS)]
        assert run_processes(command, count) == 0
        results.append(load_file(out))
    alone, together = results
    assert alone.keys() == together.keys()
    assert {name.split("/")[0] for name in alone} == set(VARIANTS)
    for name, value in alone.items():
        assert torch.allclose(value, together[name], atol=1e-4 if name.endswith("losses") else 5e-4), name
