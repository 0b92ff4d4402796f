from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from goldilocks import plugins
from goldilocks.nets.network import Network
from goldilocks.records import Machine, ModelInfo, Output, Workload
from goldilocks.testing import tiny

FAMILY = plugins.load("families", "seq2seq")
(CASE,) = tiny.cases({Output.TEXT})
WORK = Workload(rows=4_000, characters=100, words=20, labels=0)


@pytest.mark.parametrize("info", FAMILY.models(), ids=lambda info: info.name)
def test_the_count_of_weights_is_right_for_the_vocabulary_it_assumes(info: ModelInfo) -> None:
    network = FAMILY.create(info, None, CASE.part, CASE.goal, seed=0)
    assert isinstance(network, Network)
    pieces = network.tokenizer.get_vocab_size()
    assert network.size_bytes() == 4 * (info.parameters - (8_000 - pieces) * info.width)


@pytest.mark.parametrize("info", FAMILY.models(), ids=lambda info: info.name)
def test_forecast_grows_with_rows_words_and_a_slower_machine(info: ModelInfo) -> None:
    machine = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=188.6, bf16=True, name="")
    base = FAMILY.forecast(info, WORK, machine).seconds
    assert FAMILY.forecast(info, replace(WORK, rows=40_000), machine).seconds > base
    assert FAMILY.forecast(info, replace(WORK, words=60), machine).seconds > base
    assert FAMILY.forecast(info, replace(WORK, answer_words=60), machine).seconds > base
    assert FAMILY.forecast(info, WORK, replace(machine, gflops=50.0)).seconds > base


def test_a_folder_of_another_kind_is_not_its_own(tmp_path: Path) -> None:
    assert FAMILY.describe(tmp_path, "local") is None
    assert FAMILY.describe(tiny.encoder_folder(tmp_path / "bert"), "local") is None
