from dataclasses import replace
from pathlib import Path

from fake_shelf import MACHINE, dataset, spec

from goldilocks import plugins
from goldilocks.catalog.find import candidates
from goldilocks.records import Pool
from goldilocks.settings import RunSettings
from goldilocks.testing import tiny


def names(pool: Pool) -> list[str]:
    return [candidate.name for candidate in pool.candidates]


def test_method_on_request_is_a_candidate_only_where_it_is_named(tmp_path: Path) -> None:
    asked = spec(families=("encoder",), methods=None, models=(str(tiny.encoder_folder(tmp_path / "e")),))
    roomy = replace(MACHINE, memory_bytes=8 * 10**9)
    task = plugins.load("tasks", asked.task)
    pool = candidates(asked, task, dataset(), RunSettings(), roomy)
    assert "encoder/e/lora" in names(pool)
    assert "encoder/e/dora" not in names(pool)
    reasons = {exclusion.candidate: exclusion.reason for exclusion in pool.excluded}
    assert reasons["*/*/dora"].endswith("; name it under candidates.methods to include it")
    named = replace(asked, candidates=replace(asked.candidates, methods=("dora",)))
    assert "encoder/e/dora" in names(candidates(named, task, dataset(), RunSettings(), roomy))
