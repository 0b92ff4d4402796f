import re
from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import InputError, MissingError
from goldilocks.records import TaskSpec
from goldilocks.settings import read_task, seconds_in, task_from

GOOD: dict[str, Any] = {"name": "t", "data": {"train": "t.csv"}}


def test_task_file_is_read_with_defaults_and_units(tmp_path: Path) -> None:
    path = tmp_path / "task.yaml"
    path.write_text(
        "name: banking\ndata: {train: a.csv, fields: {text: body}}\nbudget: 20m\n"
        "limits: {licenses: [mit, apache-2.0]}\ncandidates: {families: all, exclude: ['cnn/*']}\n"
    )

    spec = read_task(path)

    assert spec.budget_seconds == 1200
    assert spec.data.fields == {"text": "body"}
    assert spec.limits.licenses == ("mit", "apache-2.0")
    assert spec.candidates.families is None
    assert spec.objective.alpha == pytest.approx(0.05 * 200_000)
    assert spec.folder == tmp_path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"metrik": "x"}, "unknown key 'metrik'. Did you mean 'metric'"),
        ({"data": {"trian": "x"}}, "unknown key 'data.trian'. Did you mean 'train'"),
        ({"budgett": "5m"}, "Did you mean 'budget'"),
        ({"data": {}}, "data.train is missing"),
        ({"data": "x.csv"}, "data is 'x.csv'; it takes keys of its own"),
        ({"seed": "many"}, "seed is 'many': "),
        ({"budget": "soon"}, "budget is 'soon'; write seconds, minutes or hours"),
        ({"budget": "0s"}, "above 0"),
        ({"generation": {"temprature": 1}}, "unknown key 'generation.temprature'. Did you mean 'temperature'"),
        ({"generation": {"max_tokens": 0}}, "generation.max_tokens is 0; it must be at least 1"),
        ({"generation": {"top_p": 0}}, "generation.top_p is 0.0; it must be above 0 and at most 1"),
        ({"generation": {"stops": ["a", ""]}}, "generation.stops holds an empty text"),
        ({"generation": {"stops": {"a": 1}}}, "generation.stops is {'a': 1}: "),
        ({"target_language": "German"}, "target_language is 'German'; write a BCP 47 tag, such as de"),
        ({"instruction": " "}, "instruction is empty; say what to do"),
        ({"prompt_language": "de"}, "prompt_language is 'de'; use one of en, zh, auto"),
        ({"options": {"in_context": 3}}, "options.in_context is 3: "),
        ({"limits": {"size_mb": -1}}, "limits.size_mb is -1.0; it must be above 0"),
        ({"objective": {"error_cost": -0.1}}, "objective.error_cost is -0.1; it must not be below 0"),
        ({"objective": {"requests_per_month": 0}}, "objective.requests_per_month is 0.0; it must be above 0"),
        ({"objective": {"error_cost": 1e30}}, "objective.error_cost is 1e+30; it must be a number of at most 1e+09"),
        ({"objective": {"point_cost": -1}}, "objective.point_cost is -1.0; it must not be below 0"),
        ({"objective": {"review_cost": float("inf")}}, "objective.review_cost is inf; it must be a number"),
        ({"objective": {"error_costs": {"a": {"b": -2}}}}, "objective.error_costs.a.b is -2.0; it must not be below 0"),
        ({"objective": {"error_costs": {"a": {"a": 2}}}}, "error_costs.a.a is 2; a right answer costs nothing"),
        ({"objective": {"error_costs": 5}}, "objective.error_costs is 5; write {gold: {predicted: money}}"),
        ({"objective": {"error_costs": {"a": 5}}}, "objective.error_costs.a is 5; write {predicted: money}"),
        (
            {"objective": {"error_costs": {"a": {"b": 2}}, "point_cost": 1}},
            "point_cost and error_costs are for different tasks; leave one out",
        ),
        ({"objective": {"indifference": -1}}, "objective.indifference is -1.0; it must not be below 0"),
        ({"prices": {"cpu_hour": float("inf")}}, "prices.cpu_hour is inf; it must be a number of at most"),
        ({"prices": {"kwh": float("nan")}}, "prices.kwh is nan; it must be a number of at most"),
        ({"prices": {"waiting_hour": -5}}, "prices.waiting_hour is -5.0; it must not be below 0"),
        (
            {"prices": {"gb_month": 1, "memory_gb_month": 2}},
            "prices.gb_month sets memory_gb_month",
        ),
        ({"serving": {"mode": "idle"}}, "serving.mode is 'idle': "),
        ({"serving": {"machine": "tpu"}}, "serving.machine is 'tpu'; write this, cpu or gpu"),
        ({"serving": {"latency_percentile": 99}}, "serving.latency_percentile is 99; write 50 or 95"),
        ({"serving": {"batch_size": 7}}, "serving.batch_size is 7; write 1 or 32"),
        ({"data": {"train": "x", "sentences": 0}}, "data.sentences is 0; it must be at least 1"),
    ],
)
def test_wrong_key_or_value_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        task_from({**GOOD, **change})


def test_a_text_is_a_list_of_one() -> None:
    assert task_from({**GOOD, "generation": {"stops": "a"}}).generation.stops == ("a",)


def test_a_task_without_a_name_is_named_after_its_data() -> None:
    assert task_from({"data": {"train": "data/tickets.jsonl.gz"}}).name == "tickets"
    assert task_from({"name": "t", "data": {"train": "x"}}).name == "t"


def test_missing_data_are_asked_for() -> None:
    with pytest.raises(InputError, match="task file: data is missing; add it"):
        task_from({"name": "t"})


def test_task_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="demo --task-only"):
        read_task(tmp_path / "no.yaml")


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"\xff\xfe\x00", "not a UTF-8"), (b"a: [1,", "not valid YAML"), (b"- a\n", "holds list")],
)
def test_file_that_is_no_task_file_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "task.yaml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_task(path)


def test_seconds_of_every_unit() -> None:
    assert [seconds_in(entry) for entry in (90, "90s", "1.5m", "2h", ".5h")] == [90, 90, 90, 7200, 1800]


def test_resolved_task_reads_back_as_the_same_task(tmp_path: Path) -> None:
    import yaml

    from goldilocks.support.files import plain

    spec: TaskSpec = task_from({**GOOD, "budget": "5m", "limits": {"licenses": ["mit"]}}, folder=tmp_path)
    path = tmp_path / "resolved.yaml"
    path.write_text(yaml.safe_dump(plain(spec)))

    assert read_task(path) == spec


def test_labels_of_error_costs_may_be_numbers_of_yaml() -> None:
    spec = task_from(GOOD | {"objective": {"error_costs": {1: {0: 5}}}})
    assert spec.objective.error_costs == {"1": {"0": 5.0}}
    # α counts dearest errors.
    assert spec.objective.alpha == pytest.approx(5.0 * 200_000)


def test_values_that_the_user_did_not_state_are_remembered_as_assumed() -> None:
    nothing = task_from(GOOD)
    assert nothing.assumed[:3] == (
        "objective.error_cost",
        "objective.requests_per_month",
        "objective.horizon_months",
    )
    stated = task_from(
        GOOD
        | {
            "objective": {"error_cost": 0.05, "requests_per_month": 10, "horizon_months": 6},
            "prices": {"cpu_hour": 0.1, "gb_month": 2},
        }
    )
    assert stated.assumed == ()
    assert task_from(GOOD | {"objective": {"point_cost": 0.1}}).assumed[0] == "objective.requests_per_month"


def test_training_options_of_the_task_file_are_checked() -> None:
    def training(**options: Any) -> TaskSpec:
        return task_from({"data": {"train": "rows.csv"}, "training": options})

    assert training(schedule="cosine", epochs=2).training == {"schedule": "cosine", "epochs": 2}
    with pytest.raises(InputError, match=r"unknown key 'task file: training.shedule'.* Did you mean 'schedule'"):
        training(shedule="cosine")
    with pytest.raises(InputError, match=r"training\.schedule is 'cosin'"):
        training(schedule="cosin")
    with pytest.raises(InputError, match=r"training\.mixout is 1\.5; it must be at least 0 and at most 0\.95"):
        training(mixout=1.5)
