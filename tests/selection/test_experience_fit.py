"""Experience fitted to recorded races."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from goldilocks.errors import IntegrityError
from goldilocks.records import Candidate, ModelInfo
from goldilocks.selection.experience import Experience, parse_experience, read_experience, recorded_experience
from goldilocks.selection.experience_fit import fit_experience
from goldilocks.selection.loss_posterior import Observation, Posterior
from goldilocks.selection.race_table import races_of
from goldilocks.support.files import to_json
from goldilocks.testing.races import races, row


def candidate(model: str) -> Candidate:
    info = ModelInfo(model, "encoder", "table", "", "", ("*",), "none-needed", 1, 1, ("head",))
    return Candidate(info, "full")


def test_order_of_the_candidates_is_learnt() -> None:
    experience = fit_experience(races())
    levels = [experience.level_of(candidate(f"m{place}")) for place in range(8)]
    assert np.all(np.diff(levels) > 0.1)
    assert levels[-1] - levels[0] == pytest.approx(1.4, abs=0.3)
    assert experience.level_of(candidate("new")) == pytest.approx(float(np.mean(levels)), abs=0.2)


def test_a_candidate_that_was_not_seen_is_less_certain() -> None:
    experience = fit_experience(races())
    posterior = Posterior([candidate("m0"), candidate("new")], experience, 1000)
    _, variances = posterior.by_scale()
    assert np.all(variances[:, 1] > variances[:, 0])


def test_the_rung_of_a_candidate_is_halved_loss() -> None:
    experience = fit_experience(races())
    assert experience.rungs["encoder/m3/full"]["0.1"].bias == pytest.approx(np.log(2), abs=0.1)


def test_candidates_that_fail_together_tell_about_each_other() -> None:
    rng = np.random.default_rng(1)
    cells = []
    for number in range(16):
        together = rng.normal(0, 0.6)
        for place in range(8):
            loss = np.exp(-2 + (together if place < 4 else 0.0) + 0.02 * rng.normal())
            cells.append(row(f"d{number}", f"m{place}", 1, 1 - float(loss)))
    experience = fit_experience(races_of(cells, where="t"))
    pool = [candidate(f"m{place}") for place in range(8)]
    assert experience.factors_of(pool).shape[1] >= 1
    posterior = Posterior(pool, experience, 1000)
    before = posterior.moments()[0]
    posterior.observe(Observation("encoder/m7/full", 0.135, 1.0))
    posterior.observe(Observation("encoder/m0/full", 0.3, 1.0))
    moved = posterior.moments()[0] - before
    assert moved[1] > moved[5] + 0.3


def test_too_few_data_sets_leave_the_experience_as_it_is() -> None:
    assert fit_experience(races(sets=1)) is recorded_experience()


def test_what_is_written_is_read_back() -> None:
    import json

    experience = fit_experience(races())
    assert parse_experience(json.loads(to_json(experience))) == experience


@pytest.mark.parametrize("content", ["{", "[]", '{"rungs": {}}', '{"rungs": {}, "probe": {"unheard_of": 1}}'])
def test_a_file_that_is_no_experience_is_named(tmp_path: Path, content: str) -> None:
    path = tmp_path / "experience.json"
    path.write_text(content)
    with pytest.raises(IntegrityError, match=r"experience.json: (is not an experience|damaged \(no JSON)"):
        read_experience(path)


def test_on_top_of_the_package_kinds_that_were_not_seen_keep_their_level() -> None:
    base = recorded_experience()
    both: Experience = fit_experience(races(), keep_structure=True)
    assert both.level["naive_bayes/scratch"] == base.level["naive_bayes/scratch"]
    assert both.within_family == base.within_family
    assert "0.3" in both.rungs["encoder/full"]
