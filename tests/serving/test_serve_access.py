"""Keys: only hashes are kept, and each key may do what it was made for."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served import client, settings
from starlette.testclient import TestClient
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError, IntegrityError, MissingError, RequestError
from goldilocks.serving import access
from goldilocks.serving.access import Access, ApiKey, add_key, read_keys, revoke_key


def key(path: Path, name: str = "shop", **more: Any) -> str:
    return add_key(path, ApiKey("", name, "", time.time(), **more))


def bearer(text: str) -> dict[str, str]:
    return {"authorization": f"Bearer {text}"}


def ask(api: TestClient, headers: dict[str, str] | None = None, model: str = "weather", items: int = 1) -> Any:
    return api.post("/v1/classify", json={"model": model, "input": ["rain"] * items}, headers=headers or {})


def code(answer: Any) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def test_the_file_holds_the_hash_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    text = key(path)
    assert text not in path.read_text()
    _, _, secret = text.split("_", 2)  # which may hold further underscores
    assert secret not in path.read_text()
    assert path.stat().st_mode & 0o077 == 0
    assert [(entry.name, entry.state(time.time())) for entry in read_keys(path).keys] == [("shop", "active")]


def test_whoever_could_read_the_file_can_after_a_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    key(path)
    path.chmod(0o640)
    real, given = os.stat, []
    belongs_to_another = SimpleNamespace(st_uid=10001, st_gid=10001, st_mode=0o100640)
    stats = iter([belongs_to_another])
    monkeypatch.setattr(access, "_owner", lambda file: next(stats, None) or real(file))
    monkeypatch.setattr("os.chown", lambda *arguments: given.append(arguments))
    revoke_key(path, "shop")
    assert given == [(path, 10001, 10001)]
    assert path.stat().st_mode & 0o777 == 0o640

    def refused(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    stats = iter([belongs_to_another])
    monkeypatch.setattr("os.chown", refused)
    key(path)
    assert f"run: sudo chown 10001:10001 {path}" in caplog.text


def test_keys_that_are_made_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: key(path, f"k{number}"), range(8)))
    assert {entry.name for entry in read_keys(path).keys} == {f"k{number}" for number in range(8)}


@pytest.mark.parametrize(
    ("field", "value"), [("expires", "NaN"), ("created", "-1"), ("rate_per_minute", "0"), ("quota_per_month", "-1")]
)
def test_numbers_that_no_key_has_are_refused(tmp_path: Path, field: str, value: str) -> None:
    path = tmp_path / "keys.json"
    numbers = {"created": "0"} | {field: value}
    content = ", ".join(f'"{name}": {number}' for name, number in numbers.items())
    path.write_text(f'{{"keys": [{{"id": "x", "name": "shop", "sha256": "00", {content}}}]}}')
    with pytest.raises(IntegrityError, match=rf"keys.json: {field} of key 'x' is .*; restore the file, or correct it"):
        read_keys(path)


def test_a_date_beyond_the_calendar_does_not_keep_keys_from_being_listed(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    key(path, expires=1e300)
    listed = CliRunner().invoke(app, ["keys", "list", "--file", str(path)])
    assert "expires 9999-12-31" in listed.output
    assert CliRunner().invoke(app, ["keys", "add", "far", "--days", "1e9", "--file", str(path)]).exit_code == 2
    assert len(read_keys(path).keys) == 1


def test_a_key_file_that_everybody_may_write_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.json"
    key(path)
    Access(path)
    assert not caplog.records
    path.chmod(0o666)
    Access(path)
    assert f"run: chmod o-w {path}" in caplog.text


def test_a_file_that_cannot_be_read_is_one_line_and_changes_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "keys.json"
    text = key(path)
    checked = Access(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(InputError, match=r"keys.json: cannot be read \(Is a directory\)"):
        read_keys(path)
    for _ in range(2):
        assert checked.caller({"x-api-key": text}).id
    assert caplog.text.count("the keys that were valid stay valid, revoked ones too") == 1


def test_both_headers_are_read_and_anything_else_is_401(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    text = key(path)
    with client(settings({"weather": weather_bundle}, keys=str(path))) as api:
        assert ask(api, bearer(text)).status_code == 200
        assert ask(api, {"x-api-key": text}).status_code == 200
        missing = ask(api)
        assert code(missing) == (401, "no_key")
        assert missing.headers["www-authenticate"] == "Bearer"
        for wrong in (text[:-1], text + "x", "gl_00000000_x", "x", "Bearer", "gl__"):
            assert code(ask(api, bearer(wrong))) == (401, "wrong_key")
        assert api.get("/v2/health/ready").status_code == 200  # probes have no key
        assert api.get("/v1/models").status_code == 401
        assert api.get("/openapi.json").status_code == 401


def test_a_key_may_ask_its_models_and_is_reported_of_no_others(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    text = key(path, models=("weather",))
    with client(settings({"weather": weather_bundle, "secret": weather_bundle}, keys=str(path))) as api:
        assert ask(api, bearer(text)).status_code == 200
        refused = ask(api, bearer(text), model="secret")
        assert code(refused) == (403, "model_not_allowed")
        unknown = ask(api, bearer(text), model="nothing")
        assert "secret" not in unknown.json()["error"]["message"]
        listed = api.get("/v1/models", headers=bearer(text)).json()["data"]
        assert [model["id"] for model in listed] == ["weather"]


def test_an_expired_key_and_a_revoked_one_are_401_at_once(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    old = key(path, "old", expires=time.time() - 1)
    text = key(path)
    with client(settings({"weather": weather_bundle}, keys=str(path))) as api:
        assert code(ask(api, bearer(old))) == (401, "key_expired")
        assert ask(api, bearer(text)).status_code == 200
        revoke_key(path, "shop")
        assert code(ask(api, bearer(text))) == (401, "key_revoked")
        fresh = key(path)
        assert ask(api, bearer(fresh)).status_code == 200


def test_a_rate_is_429_with_the_seconds_to_wait(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    slow, other = key(path, "slow", rate_per_minute=2.0), key(path, "other")
    with client(settings({"weather": weather_bundle}, keys=str(path))) as api:
        assert [ask(api, bearer(slow)).status_code for _ in range(2)] == [200, 200]
        refused = ask(api, bearer(slow))
        assert code(refused) == (429, "rate_exceeded")
        assert 1 <= int(refused.headers["retry-after"]) <= 30
        assert ask(api, bearer(other)).status_code == 200


def test_a_quota_counts_items_and_survives_a_restart(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    text = key(path, quota_per_month=5)
    made = settings({"weather": weather_bundle}, keys=str(path))
    with client(made) as api:
        assert ask(api, bearer(text), items=3).status_code == 200
        assert code(ask(api, bearer(text), items=3)) == (429, "quota_exceeded")
    with client(made) as api:
        assert ask(api, bearer(text), items=2).status_code == 200
        assert code(ask(api, bearer(text))) == (429, "quota_exceeded")


def test_quotas_that_cannot_be_kept_do_not_end_the_service(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "keys.json"
    key(path)
    (tmp_path / "taken").write_text("")
    Access(path, usage=tmp_path / "taken" / "usage.json").save()
    assert "quotas are not kept over a restart" in caplog.text


def test_metrics_need_a_key_made_for_them(tmp_path: Path, weather_bundle: Path) -> None:
    path = tmp_path / "keys.json"
    plain, scraper = key(path), key(path, "prometheus", models=(), metrics=True)
    with client(settings({"weather": weather_bundle}, keys=str(path))) as api:
        assert code(api.get("/metrics", headers=bearer(plain))) == (403, "metrics_not_allowed")
        assert api.get("/metrics", headers=bearer(scraper)).status_code == 200
        assert ask(api, bearer(scraper)).status_code == 403


def test_a_key_file_damaged_while_serving_changes_nothing_and_a_removed_one_closes(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    text = key(path)
    access = Access(path)
    path.write_text("{")
    assert access.caller(bearer(text)).id == text.split("_")[1]
    path.unlink()
    with pytest.raises(RequestError, match="the key is not known"):
        access.caller(bearer(text))


def test_mistakes_with_key_files(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    with pytest.raises(MissingError, match="there is no such key file; `goldilocks keys add NAME"):
        Access(path)
    key(path)
    with pytest.raises(InputError, match="there is an active key named 'shop'"):
        key(path)
    with pytest.raises(InputError, match="the name of the key is ' '"):
        key(path, " ")
    with pytest.raises(MissingError, match="no active key is named 'shp'"):
        revoke_key(path, "shp")
    path.write_text("[]")
    with pytest.raises(IntegrityError, match="damaged"):
        Access(path)
