"""The service on Ray Serve: the same settings, and (where Ray is installed) a local cluster on loopback."""

import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import yaml
from served import client, settings
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError, MissingError
from goldilocks.serving.app import make_app
from goldilocks.serving.ray_executor import check_for_ray, http_options, ray_options, replica_settings
from goldilocks.serving.service import Service

REPLICAS = {
    "min_replicas": 2,
    "max_replicas": 5,
    "target_ongoing_requests": 40.5,
    "upscale_delay_s": 3,
    "downscale_delay_s": 7,
}


def test_the_settings_are_those_of_ray(weather_bundle: Path) -> None:
    made = settings({"weather": weather_bundle}, replicas=REPLICAS, limits={"drain_seconds": 9, "queue_items": 77})
    options = ray_options(made)
    assert options["autoscaling_config"] == REPLICAS
    assert options["max_ongoing_requests"] == 81  # two replicas' worth, so that load shows before requests wait
    assert (options["max_queued_requests"], options["graceful_shutdown_timeout_s"]) == (77, 9)
    assert ray_options(settings({"weather": weather_bundle}))["max_ongoing_requests"] == 64  # a batch


def test_they_are_accepted_by_ray(weather_bundle: Path) -> None:
    config = pytest.importorskip("ray.serve.config")
    made = config.AutoscalingConfig(
        **ray_options(settings({"w": weather_bundle}, replicas=REPLICAS))["autoscaling_config"]
    )
    assert (made.min_replicas, made.max_replicas, made.target_ongoing_requests) == (2, 5, 40.5)
    tls = {"certificate": "cert.pem", "key": "key.pem"}
    options = config.HTTPOptions(**http_options(settings({"w": weather_bundle}, tls=tls), 8443))
    assert (options.host, options.port, options.ssl_keyfile) == ("127.0.0.1", 8443, "key.pem")


def test_a_replica_has_one_engine_for_each_model_in_its_process(weather_bundle: Path) -> None:
    inside = replica_settings(settings({"weather": weather_bundle}, replicas=REPLICAS | {"threads": 3}))
    assert (inside.replicas.max_replicas, inside.replicas.isolated, inside.replicas.threads) == (1, False, 3)
    assert inside.models["weather"].bundle.is_absolute()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"replicas": {"memory_mb": 100}}, "memory_mb"),
        ({"replicas": {"processes": False}}, "processes"),
        ({"state": "state.json"}, "state"),
        ({"replicas": {"max_replicas": 2}, "log": {"path": "log.sqlite"}}, "parquet"),
    ],
)
def test_a_setting_without_an_equivalent_is_refused(weather_bundle: Path, more: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=f"{words}.*without --executor ray"):
        check_for_ray(settings({"weather": weather_bundle}, **more))


def test_replicas_of_one_model_are_refused(weather_bundle: Path) -> None:
    from goldilocks.serving.settings import settings_from

    made = settings_from({"models": {"weather": {"bundle": str(weather_bundle), "replicas": {"max_replicas": 2}}}})
    with pytest.raises(InputError, match=r"models\.weather\.replicas: on Ray all models share replicas"):
        check_for_ray(made)


def test_versions_cannot_be_changed_there(weather_bundle: Path) -> None:
    from starlette.testclient import TestClient

    service = Service(replica_settings(settings({"weather": weather_bundle})), changeable=False)
    service.wait(60)
    with TestClient(make_app(service), base_url="http://127.0.0.1") as api:
        got = api.post("/v1/admin/models/weather/rollback", json={})
        assert api.get("/v1/admin/models").status_code == 200
    assert (got.status_code, got.json()["error"]["code"]) == (409, "not_changeable")


def test_what_is_not_installed_is_named_with_the_command(weather_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    done = CliRunner().invoke(app, ["serve", str(weather_bundle), "--port", "0", "--executor", "ray"])
    assert isinstance(done.exception, MissingError)
    assert "pip install 'goldilocks-lm[ray]'" in str(done.exception)
    done = CliRunner().invoke(app, ["serve", str(weather_bundle), "--executor", "dask"])
    assert "--executor is 'dask'; it must be local or ray" in str(done.exception)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_local_ray_answers_scales_and_loses_nothing_when_it_ends(weather_bundle: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray.serve")
    config = tmp_path / "serve.yaml"
    replicas = {"min_replicas": 1, "max_replicas": 2, "target_ongoing_requests": 1}
    content = {
        "port": 0,
        "models": {"weather": {"bundle": str(weather_bundle)}},
        "replicas": replicas | {"upscale_delay_s": 1, "downscale_delay_s": 600},
        "log": {"path": "log", "format": "parquet"},
    }
    config.write_text(yaml.safe_dump(content))
    command = [sys.executable, "-m", "goldilocks", "serve", "--config", str(config), "--executor", "ray"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            lines = iter(process.stderr.readline, "")
            address = next(line for line in lines if line.startswith("listening on ")).split()[-1]
            assert next(lines).startswith("ready: weather on Ray ")
            threading.Thread(target=process.stderr.read, daemon=True).start()
            with client(settings({"weather": weather_bundle})) as api:
                alone = api.post("/v1/classify", json={"input": "rain falls"}).json()["data"]
            statuses, stop = [], threading.Event()

            def ask() -> None:
                with httpx.Client(base_url=address, timeout=60) as made:
                    while not stop.is_set():
                        got = made.post("/v1/classify", json={"input": "rain falls"})
                        statuses.append(got.status_code)
                        assert got.json()["data"] == alone

            askers = [threading.Thread(target=ask) for _ in range(6)]
            for asker in askers:
                asker.start()
            assert _until_running(process.pid, 2)
            stop.set()
            for asker in askers:
                asker.join(60)
            assert set(statuses) == {200}
            process.send_signal(signal.SIGTERM)
            assert process.wait(120) == 0
        finally:
            process.kill()
    from goldilocks.serving.log_reader import read_log

    assert 0 < read_log(tmp_path / "log").num_rows <= len(statuses)


def _until_running(pid: int, wanted: int) -> bool:
    """Whether so many replicas are running within two minutes."""
    import time

    import psutil

    until = time.monotonic() + 120
    while time.monotonic() < until:
        children = psutil.Process(pid).children(recursive=True)
        names = [child.name() for child in children if child.is_running()]
        if sum("ServeReplica" in name for name in names) >= wanted:
            return True
        time.sleep(0.5)
    return False
