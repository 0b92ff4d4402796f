"""Versions of a model: swapped, tried out, watched and rolled back while requests go on."""

import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from served import WEATHER, bundle, client, live, service_in, settings, weather
from starlette.testclient import TestClient
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError, IntegrityError
from goldilocks.records import Goal, Output, Part
from goldilocks.serving.access import ApiKey, add_key
from goldilocks.serving.engine import version_of
from goldilocks.serving.service import Service


@pytest.fixture(scope="module")
def second(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weather(tmp_path_factory.mktemp("second") / "bundle", "tfidf_linear")


def asked(api: TestClient) -> str:
    version: str = api.post("/v1/classify", json={"input": "rain falls"}).json()["version"]
    return version


def change(api: TestClient, what: str, **body: Any) -> Any:
    return api.post(f"/v1/admin/models/weather/{what}", json=body)


def roles(answer: Any) -> dict[str, str]:
    return {entry["role"]: entry["version"] for entry in answer.json()["versions"]}


def test_a_hot_swap_and_back(weather_bundle: Path, second: Path) -> None:
    first_id, second_id = version_of(weather_bundle), version_of(second)
    with client(settings({"weather": weather_bundle})) as api:
        assert asked(api) == first_id
        got = change(api, "versions", bundle=str(second))
        assert roles(got) == {"current": second_id}
        assert asked(api) == second_id
        assert change(api, "rollback").json()["previous"] == str(second)
        assert asked(api) == first_id


def test_no_request_is_lost_while_versions_change(weather_bundle: Path, second: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api, ThreadPoolExecutor(6) as pool:
        running = [pool.submit(api.post, "/v1/classify", json={"input": f"rain {n}"}) for n in range(150)]
        for _ in range(3):
            assert change(api, "versions", bundle=str(second)).status_code == 200
            assert change(api, "rollback").status_code == 200
        assert [entry.result().status_code for entry in running] == [200] * 150


def test_a_canary_answers_exactly_its_share_and_is_promoted(weather_bundle: Path, second: Path) -> None:
    second_id = version_of(second)
    with client(settings({"weather": weather_bundle})) as api:
        got = change(api, "versions", bundle=str(second), share=0.25)
        assert got.json()["versions"][1]["share"] == 0.25
        versions = [asked(api) for _ in range(40)]
        assert versions.count(second_id) == 10
        assert (
            api.post("/v1/classify", json={"model": f"weather@{second_id}", "input": "x"}).json()["version"]
            == second_id
        )
        assert roles(change(api, "promote")) == {"current": second_id}
        assert {asked(api) for _ in range(5)} == {second_id}
        assert change(api, "promote").status_code == 409


def test_a_rollback_ends_a_canary_first(weather_bundle: Path, second: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        change(api, "versions", bundle=str(second), share=0.5)
        assert roles(change(api, "rollback")) == {"current": version_of(weather_bundle)}
        nothing = change(api, "rollback")
        assert (nothing.status_code, nothing.json()["error"]["code"]) == (409, "nothing_to_roll_back")


def test_a_shadow_answers_unseen_and_is_compared(weather_bundle: Path, second: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        assert set(roles(change(api, "versions", bundle=str(second), shadow=True))) == {"current", "shadow"}
        assert {asked(api) for _ in range(6)} == {version_of(weather_bundle)}
        shadow = service_in(api).deployments["weather"].shadow
        assert shadow is not None
        shadow.close()
        shadow.join(10)
        metrics = api.get("/metrics").text
        assert set(roles(change(api, "rollback"))) == {"current"}
    counts = [line for line in metrics.splitlines() if line.startswith("goldilocks_shadow_answers_total{")]
    assert sum(float(line.rpartition(" ")[2]) for line in counts) == 6


def test_bundles_that_do_not_fit_change_nothing(weather_bundle: Path, second: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    shutil.copytree(second, damaged)
    with max((damaged / "model").iterdir(), key=lambda entry: entry.stat().st_size).open("ab") as file:
        file.write(b"x")
    other = bundle(
        tmp_path / "other",
        Part(WEATHER.texts, (1.0, 0.0) * 15, WEATHER.rows),
        Goal(Output.LIKELIHOOD),
        "ngram",
        "language_modelling",
    )
    with client(settings({"weather": weather_bundle})) as api:
        for folder, words in (
            (damaged, "was changed"),
            (other, "use another name"),
            (tmp_path, "not a bundle"),
            ("a\0b", "not a bundle"),
        ):
            got = change(api, "versions", bundle=str(folder))
            assert (got.status_code, got.json()["error"]["code"]) == (422, "bundle_refused")
            assert words in got.json()["error"]["message"]
        assert asked(api) == version_of(weather_bundle)
        (model,) = api.get("/v1/admin/models").json()["data"]
        assert [entry["role"] for entry in model["versions"]] == ["current"]
        assert api.post("/v1/admin/models/wether/rollback", json={}).status_code == 404


def test_a_bundle_that_is_removed_is_served_until_it_must_be_loaded_again(
    weather_bundle: Path, second: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(weather_bundle, folder)
    with client(settings({"weather": folder})) as api:
        shutil.rmtree(folder)
        assert asked(api) == version_of(weather_bundle)
        assert change(api, "versions", bundle=str(second)).status_code == 200
        back = change(api, "rollback")
        assert (back.status_code, back.json()["error"]["code"]) == (422, "bundle_refused")
        assert asked(api) == version_of(second)


def test_changes_at_the_same_time_are_409(weather_bundle: Path, second: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        with service_in(api).deployments["weather"].changing:
            got = change(api, "versions", bundle=str(second))
        assert (got.status_code, got.json()["error"]["code"]) == (409, "changing")


def test_only_a_key_made_for_it_changes_versions(weather_bundle: Path, second: Path, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    plain, admin = (add_key(path, ApiKey("", name, "", time.time(), admin=name == "ops")) for name in ("shop", "ops"))
    body = {"bundle": str(second)}
    with client(settings({"weather": weather_bundle}, keys=str(path))) as api:
        for route in ("versions", "promote", "rollback"):
            refused = api.post(f"/v1/admin/models/weather/{route}", json=body, headers={"x-api-key": plain})
            assert (refused.status_code, refused.json()["error"]["code"]) == (403, "admin_only")
        assert api.post("/v1/admin/models/weather/versions", json=body, headers={"x-api-key": admin}).status_code == 200
    with client(settings({"weather": weather_bundle}, allow_open=True)) as api:
        assert change(api, "rollback").status_code == 403


def test_what_was_promoted_is_served_after_a_restart(weather_bundle: Path, second: Path, tmp_path: Path) -> None:
    made = settings({"weather": weather_bundle}, state=str(tmp_path / "state.json"))
    with client(made) as api:
        change(api, "versions", bundle=str(second))
    with client(made) as api:
        assert asked(api) == version_of(second)
        assert roles(change(api, "rollback")) == {"current": version_of(weather_bundle)}
    (tmp_path / "state.json").write_text('{"models": {"weather": {"current": "/gone"}}}')
    with pytest.raises(InputError, match=r"was promoted to a bundle that is not there any more: .* remove .*state"):
        Service(made)
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(IntegrityError, match="damaged"), client(made):
        pass


def test_promote_and_rollback_commands(weather_bundle: Path, second: Path) -> None:
    run = CliRunner()
    with live(settings({"weather": weather_bundle})) as address:
        done = run.invoke(app, ["promote", "weather", "--bundle", str(second), "--share", "0.5", "--url", address])
        assert f"canary {version_of(second)}" in done.output
        assert "50.00% of the requests" in done.output
        assert f"current {version_of(second)}" in run.invoke(app, ["promote", "weather", "--url", address]).output
        done = run.invoke(app, ["rollback", "weather", "--url", address])
        assert f"current {version_of(weather_bundle)}" in done.output
        refused = run.invoke(app, ["promote", "wether", "--url", address])
        assert "the service refused: no model is named 'wether'" in str(refused.exception)
    assert "no service answers there" in str(run.invoke(app, ["rollback", "weather", "--url", address]).exception)
    assert "write it with http://" in str(run.invoke(app, ["rollback", "weather", "--url", "ftp://x"]).exception)


@pytest.mark.parametrize("option", [("--share", "0.1"), ("--shadow",)])
def test_a_share_without_a_bundle_does_not_promote_the_trial(option: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["promote", "weather", *option, "--url", "http://127.0.0.1:9"])
    assert "pass --bundle too" in str(done.exception)
