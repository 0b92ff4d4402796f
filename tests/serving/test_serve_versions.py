"""Versions of a model: swapped, tried out, watched and rolled back while requests go on."""

import os
import re
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
from goldilocks.errors import GoldilocksError, InputError, IntegrityError
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


def test_a_replica_does_not_load_what_replaced_its_bundle(weather_bundle: Path, second: Path, tmp_path: Path) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(weather_bundle, folder)
    with client(settings({"weather": folder})) as api:
        shutil.rmtree(folder)
        shutil.copytree(second, folder)
        version = service_in(api).deployments["weather"].current
        version.add_replica()
        newest = version.replicas[-1]
        assert newest.opened.wait(20)
        assert f"now holds version {version_of(second)}, and {version_of(weather_bundle)}" in str(newest.error)
        assert f"goldilocks promote weather --bundle {folder}" in str(newest.error)
        assert asked(api) == version_of(weather_bundle)  # the replica that was there answers
        assert roles(change(api, "versions", bundle=str(folder))) == {"current": version_of(second)}
        assert asked(api) == version_of(second)


def test_a_rollback_does_not_load_what_replaced_the_earlier_version(
    weather_bundle: Path, second: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(weather_bundle, folder)
    made = settings({"weather": folder}, state=str(tmp_path / "state.json"))
    with client(made) as api:
        shutil.rmtree(folder)
        shutil.copytree(second, folder)
        assert change(api, "versions", bundle=str(folder)).status_code == 200
        refused = [change(api, "rollback")]
    with client(made) as api:
        refused.append(change(api, "rollback"))
        assert asked(api) == version_of(second)
    for answer in refused:
        assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bundle_refused")
        assert f"no longer the earlier one, {version_of(weather_bundle)}" in answer.json()["error"]["message"]


def test_promoting_a_version_twice_leaves_the_one_before_to_go_back_to(weather_bundle: Path, second: Path) -> None:
    with client(settings({"weather": weather_bundle})) as api:
        for _ in range(2):
            assert change(api, "versions", bundle=str(second)).json()["previous"] == str(weather_bundle)
        assert roles(change(api, "rollback")) == {"current": version_of(weather_bundle)}


def test_a_state_file_that_cannot_be_written_does_not_hold_up_a_rollback(
    weather_bundle: Path, second: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    made = settings({"weather": weather_bundle}, state=str(tmp_path / "file" / "state.json"))
    with client(made) as api:
        got = change(api, "versions", bundle=str(second))
        assert (got.status_code, roles(got)) == (200, {"current": version_of(second)})
        assert re.search(r"a restart would undo this: .*state.json cannot be written", got.json()["warning"])
        assert roles(change(api, "rollback")) == {"current": version_of(weather_bundle)}
    with live(made) as address:
        done = CliRunner().invoke(app, ["promote", "weather", "--bundle", str(second), "--url", address])
    assert done.exit_code == 0
    assert "warning: a restart would undo this" in done.stderr


@pytest.mark.parametrize("kind", ["fifo", "device", "folder", "long"])
def test_what_cannot_be_a_bundle_is_refused_without_being_read(weather_bundle: Path, tmp_path: Path, kind: str) -> None:
    folder = tmp_path / ("x" * 5_000 if kind == "long" else "bundle")
    if kind != "long":
        folder.mkdir()
    if kind == "fifo":
        os.mkfifo(folder / "bundle.json")  # to read it would wait for a writer, for ever
    elif kind == "device":
        (folder / "bundle.json").symlink_to("/dev/zero")
    elif kind == "folder":
        (folder / "bundle.json").mkdir()
    with client(settings({"weather": weather_bundle})) as api:
        got = change(api, "versions", bundle=str(folder)[:4_096])
        assert (got.status_code, got.json()["error"]["code"]) == (422, "bundle_refused")
        assert "not a bundle" in got.json()["error"]["message"]


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


@pytest.mark.parametrize("name", ["../models/weather", "weather?x=1#", "weather\r\nX: y", "we ather", "\udcff"])
def test_any_name_is_sent_as_a_name(weather_bundle: Path, name: str) -> None:
    with live(settings({"weather": weather_bundle})) as address:
        refused = CliRunner().invoke(app, ["rollback", name, "--url", f"{address}/"])
    assert "the service refused: " in str(refused.exception)
    assert "no model is named" in str(refused.exception) or "there is no POST" in str(refused.exception)


@pytest.mark.parametrize(
    ("url", "key", "words"),
    [
        ("http://127.0.0.1:99999", None, "Port out of range"),
        ("http://ops:hunter2@127.0.0.1:9", None, "pass the key with --key"),
        ("http://127.0.0.1:9", "gl_1\r\nX: hunter2", "characters that no key has"),
        ("http://127.0.0.1:9", "gl_hunter2€", "characters that no key has"),
    ],
)
def test_addresses_and_keys_that_are_none_are_one_line(url: str, key: str | None, words: str) -> None:
    done = CliRunner().invoke(app, ["rollback", "weather", "--url", url, *(["--key", key] if key else [])])
    assert isinstance(done.exception, GoldilocksError)
    assert words in str(done.exception)
    assert "hunter2" not in str(done.exception)


@pytest.mark.parametrize("option", [("--share", "0.1"), ("--shadow",)])
def test_a_share_without_a_bundle_does_not_promote_the_trial(option: tuple[str, ...]) -> None:
    done = CliRunner().invoke(app, ["promote", "weather", *option, "--url", "http://127.0.0.1:9"])
    assert "pass --bundle too" in str(done.exception)
