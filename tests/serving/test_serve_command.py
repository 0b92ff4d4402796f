"""``goldilocks serve`` and ``goldilocks keys`` as processes: start, answer, drain, and how they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import MissingError


def goldilocks(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "goldilocks", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@contextmanager
def serving(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and its address; every model is ready."""
    command = [sys.executable, "-m", "goldilocks", "serve", *map(str, arguments), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            address = process.stderr.readline().removeprefix("listening on ").strip()
            assert process.stderr.readline().startswith("ready: ")
            yield process, address
        finally:
            process.kill()


def classify(address: str, text: str) -> str:
    body = json.dumps({"input": text}).encode()
    request = urllib.request.Request(f"{address}/v1/classify", body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return str(json.load(answer)["data"][0]["label"])


def test_it_answers_and_ends_with_0_on_sigterm(weather_bundle: Path) -> None:
    with serving(weather_bundle) as (process, address):
        assert classify(address, "rain falls") == "wet"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_what_cannot_be_served_ends_with_2_and_one_line(weather_bundle: Path, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = goldilocks("serve", weather_bundle, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "cannot listen there (Address already in use); choose another --port" in done.stderr
    done = goldilocks("serve", tmp_path, "--port", "0")
    assert done.returncode == 2
    assert "holds no bundle.json, so it is not a bundle" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_tampered_bundle_ends_the_service_with_2(weather_bundle: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(weather_bundle, copy)
    weights = max((path for path in (copy / "model").iterdir()), key=lambda entry: entry.stat().st_size)
    with weights.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x00")
    done = goldilocks("serve", copy, "--port", "0")
    assert done.returncode == 2
    assert "was changed" in done.stderr


def test_keys_are_made_listed_and_revoked(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    made = goldilocks(
        "keys", "add", "shop", "--file", path, "--model", "weather", "--days", "30", "--rate", "60", "--quota", "1000"
    )
    assert made.returncode == 0
    text = made.stdout.strip()
    assert text.startswith("gl_")
    listed = goldilocks("keys", "list", "--file", path).stdout
    for words in ("shop", "active", "models weather", "60 requests/min", "1,000 items/month", "expires 20"):
        assert words in listed
    assert text not in listed
    assert goldilocks("keys", "revoke", "shop", "--file", path).returncode == 0
    assert "revoked" in goldilocks("keys", "list", "--file", path).stdout


@pytest.mark.parametrize(
    ("options", "models"),
    [(("--metrics",), ()), (("--metrics", "--model", "weather"), ("weather",)), (("--metrics", "--admin"), ("*",))],
)
def test_a_key_for_monitoring_opens_no_model_unless_one_is_named(
    tmp_path: Path, options: tuple[str, ...], models: tuple[str, ...]
) -> None:
    from typer.testing import CliRunner

    from goldilocks.cli.main import app
    from goldilocks.serving.access import read_keys

    path = tmp_path / "keys.json"
    done = CliRunner().invoke(app, ["keys", "add", "prometheus", *options, "--file", str(path)])
    assert done.exit_code == 0
    (key,) = read_keys(path).keys
    assert key.models == models
    assert key.metrics


def test_what_is_not_installed_is_named_with_the_command(weather_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fastapi", None)
    done = CliRunner().invoke(app, ["serve", str(weather_bundle)])
    assert isinstance(done.exception, MissingError)
    assert "pip install 'goldilocks-lm[serve]'" in str(done.exception)


@pytest.mark.parametrize("arguments", [("--tls-cert", "a.pem"), ("--tls-key", "a.pem")])
def test_half_of_the_tls_options_is_refused(weather_bundle: Path, arguments: tuple[str, str]) -> None:
    done = CliRunner().invoke(app, ["serve", str(weather_bundle), *arguments])
    assert "--tls-cert and --tls-key go together" in str(done.exception)
