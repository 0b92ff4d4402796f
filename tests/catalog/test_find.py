from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fake_shelf import MACHINE, ONLY_FAKES, checkpoint, dataset, find, shelved, spec

from goldilocks import plugins
from goldilocks.catalog.find import candidates
from goldilocks.errors import InputError, LimitError, MissingError
from goldilocks.records import Forecast, Limits, Output, Pool
from goldilocks.settings import RunSettings
from goldilocks.testing import tiny


@pytest.fixture(autouse=True)
def fakes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> object:
    with shelved(tmp_path_factory.mktemp("shelf"), monkeypatch):
        yield


def out(pool: Pool) -> dict[str, str]:
    return {exclusion.candidate: exclusion.reason for exclusion in pool.excluded}


def names(pool: Pool) -> list[str]:
    return [candidate.name for candidate in pool.candidates]


def test_every_model_is_paired_with_every_method_that_fits() -> None:
    pool = find(spec())

    assert names(pool) == ["fake/large/fake_all", "fake/small/fake_all"]
    assert out(pool)["fake/*/fake_top"] == "there is nothing below the head"


def test_method_that_changes_nothing_for_the_task_is_out(tmp_path: Path) -> None:
    narrowed = replace(
        spec(
            families=("decoder",),
            methods=("zero_shot", "in_context"),
            models=(str(tiny.decoder_folder(tmp_path / "d")),),
        ),
        task="language_modelling",
    )
    judged = replace(dataset(), output=Output.LIKELIHOOD, labels=())

    pool = candidates(narrowed, plugins.load("tasks", narrowed.task), judged, RunSettings(), MACHINE)

    assert names(pool) == ["decoder/d/zero_shot"]
    assert any("/in_context" in name and "equal zero_shot" in why for name, why in out(pool).items())


def test_model_that_does_not_give_what_others_of_its_family_give_is_out_with_the_reason() -> None:
    asked = replace(spec(families=("recurrent",), methods=("scratch",)), task="language_modelling")
    judged = replace(dataset(), output=Output.LIKELIHOOD, labels=())

    pool = candidates(asked, plugins.load("tasks", asked.task), judged, RunSettings(), MACHINE)

    assert sorted(names(pool)) == ["recurrent/gru/scratch", "recurrent/lstm/scratch"]
    assert "is bidirectional" in out(pool)["recurrent/bigru"]


def test_forecast_is_the_familys_times_the_methods_effort(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")

    pool = find(spec(models=(str(folder),)))

    # 3 rows at 10 s each; fake_top takes a quarter of that. 4,000 bytes of weights ask for 1,000 times that.
    assert pool.forecasts["fake/mine/fake_all"] == Forecast(30.0, 4e6)
    assert pool.forecasts["fake/mine/fake_top"] == Forecast(7.5, 4e6, once=0.5)


def test_smallest_come_first(tmp_path: Path) -> None:
    checkpoint(tmp_path / "a", size=9_000)
    checkpoint(tmp_path / "b", size=8_000)

    pool = find(spec(tmp_path, models=("a", "b"), methods=("fake_all",)))

    assert names(pool) == ["fake/large/fake_all", "fake/small/fake_all", "fake/b/fake_all", "fake/a/fake_all"]


def test_family_that_gives_another_answer_is_out() -> None:
    assert out(find(spec()))["fake_tags"] == "outputs tags; the task needs label"


def test_families_and_methods_left_out_by_the_task_file_are_named() -> None:
    result = out(find(spec(families=("fake",), methods=("fake_all",))))

    assert result["fake_tags"] == "not among candidates.families in the task file"
    assert result["*/*/fake_top"] == "not among candidates.methods in the task file"


@pytest.mark.parametrize("pattern", ["fake/small", "fake/small/*", "*/small", "*/small/fake_all"])
def test_excluded_by_pattern_says_which(pattern: str) -> None:
    pool = find(spec(exclude=(pattern,), methods=("fake_all",)))

    assert names(pool) == ["fake/large/fake_all"]
    assert f"excluded by {pattern!r} in the task file" in out(pool).values()


def test_pattern_without_a_match_is_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"'fake/smal', which matches no candidate. Did you mean 'fake/small'\?"):
        find(spec(exclude=("fake/smal",)))


def test_pattern_for_a_family_that_is_out_already_is_let_be() -> None:
    assert names(find(spec(families=("fake",), exclude=("fake_tags/small",), methods=("fake_all",))))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"families": ("fak",)}, "candidates.families names 'fak'. Did you mean 'fake'"),
        ({"methods": ("fake_al",)}, "candidates.methods names 'fake_al'. Did you mean 'fake_all'"),
        ({"models": ("all-MiniLM-L6",)}, "candidates.models names 'all-MiniLM-L6', .* Did you mean 'all-MiniLM-L6-v2'"),
        ({"models": ("no spaces/in names",)}, "which is not a model of the catalogue, no folder and no Hub id"),
    ],
)
def test_unknown_name_in_the_filter_is_refused_with_the_nearest(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find(replace(spec(), candidates=replace(ONLY_FAKES, **wrong)))


def test_named_folder_that_is_not_there_is_missing(tmp_path: Path) -> None:
    checkpoint(tmp_path / "mymodel")

    with pytest.raises(MissingError, match=r"there is no such folder. Did you mean 'mymodel'\?"):
        find(spec(tmp_path, models=("./mymodle",)))


def test_named_folder_of_an_unknown_kind_is_refused(tmp_path: Path) -> None:
    checkpoint(tmp_path / "mine", model_type="t5")

    with pytest.raises(InputError, match="no family reads this kind of model; the families are"):
        find(spec(tmp_path, models=("mine",)))


def test_folder_without_a_tokenizer_is_out_with_the_reason(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")
    (folder / "tokenizer.json").unlink()

    pool = find(spec(tmp_path, models=("mine",)))

    assert out(pool)["fake/mine"] == f"{folder}: there is no tokenizer.json for it"
    assert "fake/small/fake_all" in names(pool)


def test_named_hub_model_offline_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(MissingError, match=r"hf://org/name: .* the run is offline; --online fetches it"):
        find(spec(models=("org/name",)))


def test_two_folders_of_one_name_get_two_names(tmp_path: Path) -> None:
    checkpoint(tmp_path / "a" / "mine")
    checkpoint(tmp_path / "b" / "mine")

    pool = find(spec(tmp_path, models=("a/mine", "b/mine", "a/mine"), methods=("fake_all",), exclude=("fake/small",)))

    assert names(pool) == ["fake/large/fake_all", "fake/mine-2/fake_all", "fake/mine/fake_all"]


def test_licence_that_is_not_allowed_is_out_and_what_is_made_here_needs_none(tmp_path: Path) -> None:
    checkpoint(tmp_path / "mine", licence="gpl-3.0")

    pool = find(spec(tmp_path, Limits(licenses=("MIT", "apache-2.0")), models=("mine",)))

    assert out(pool)["fake/mine"] == "its licence is gpl-3.0; limits.licenses allows mit, apache-2.0"
    assert "fake/small/fake_all" in names(pool)


def test_licence_and_language_are_read_from_the_model_card(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")
    (folder / "README.md").write_text("---\nlicense: MIT\nlanguage:\n- de\n- fr\n---\n# Mine\n")

    pool = find(spec(tmp_path, Limits(licenses=("mit",)), models=("mine",)))

    assert out(pool)["fake/mine"] == "trained for de, fr; the texts are in en"
    german = find(spec(tmp_path, Limits(licenses=("mit",)), models=("mine",)), language="de-AT")
    assert "fake/mine/fake_top" in names(german)


def test_size_over_the_limit_is_out_with_both_numbers(tmp_path: Path) -> None:
    checkpoint(tmp_path / "mine", size=91_000_000)

    pool = find(spec(tmp_path, Limits(size_mb=90), models=("mine",)))

    assert out(pool)["fake/mine"] == "takes 91 MB; limits.size_mb is 90"


def test_more_memory_than_the_machine_has_is_out(tmp_path: Path) -> None:
    checkpoint(tmp_path / "mine", size=2_000_000)

    pool = find(spec(tmp_path, models=("mine",)))

    # The family asks for 1,000 times the weights; the machine has 1,000 MB.
    assert out(pool)["fake/mine/fake_all"] == "tuning it needs about 2,000 MB of memory; this machine has 1,000 MB"
    assert "fake/mine/fake_all" in names(
        find(spec(tmp_path, models=("mine",)), machine=replace(MACHINE, memory_bytes=10**10))
    )


def test_unmet_memory_limit_names_the_nearest() -> None:
    with pytest.raises(
        LimitError, match=r"the nearest is fake/small: needs at least 20 MB .* limits.memory_mb is 1"
    ) as raised:
        find(spec(limits=Limits(memory_mb=1)))

    assert raised.value.EXIT_CODE == 3


def test_nearest_is_the_one_least_over_the_limit(tmp_path: Path) -> None:
    checkpoint(tmp_path / "big", size=80_000_000)
    checkpoint(tmp_path / "bigger", size=120_000_000)

    with pytest.raises(LimitError, match=r"the nearest is fake/big: takes 80 MB; limits.size_mb is 50"):
        find(spec(tmp_path, Limits(size_mb=50), models=("bigger", "big"), exclude=("fake/small", "fake/large")))


def test_catalogue_hub_models_are_out_offline_with_the_reason(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    if "encoder" not in plugins.names("families"):
        pytest.skip("the family encoder is not on the shelf")

    result = out(find(spec(families=("fake", "encoder"))))

    assert "not on this machine, and the run is offline" in result["encoder/bert-base-uncased"]
    assert result["encoder/bert-base-chinese"] == "trained for zh; the texts are in en"
