"""serve.yaml: mistakes are named, paths start at its folder."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest

from goldilocks.errors import InputError, MissingError
from goldilocks.serving.server import check_exposure, check_tls, is_loopback, listen, use_threads
from goldilocks.serving.settings import (
    ReplicaSettings,
    ServeSettings,
    TlsSettings,
    model_name,
    read_settings,
    settings_from,
    with_bundles,
)


def test_tls_files_that_cannot_be_used_are_named_before_anything_listens(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    with pytest.raises(
        InputError, match=r"cert\.pem, .*key\.pem: cannot be used for TLS \(No such file or directory\)"
    ):
        check_tls(TlsSettings(certificate, key))
    certificate.write_text("no certificate")
    key.write_text("no key")
    with pytest.raises(InputError, match="pass PEM files with the certificate and with its private key"):
        check_tls(TlsSettings(certificate, key))
    check_tls(None)


def test_a_file_is_read_and_its_paths_start_at_its_folder(tmp_path: Path) -> None:
    path = tmp_path / "serve.yaml"
    path.write_text(
        "port: 9000\nkeys: keys.json\nmodels:\n  tickets: {bundle: run/bundle, aliases: [default]}\n"
        "replicas: {min_replicas: 1, max_replicas: 4}\nlog: {path: requests.sqlite, share: 0.5}\n"
    )
    got = read_settings(path)
    assert got.port == 9000
    assert got.models["tickets"].bundle == tmp_path / "run/bundle"
    assert (got.keys, got.log.path) == (tmp_path / "keys.json", tmp_path / "requests.sqlite")
    assert got.replicas.isolated


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"prot": 1}, "unknown key 'prot'. Did you mean 'port'"),
        ({"batching": {"max_itmes": 1}}, "unknown key 'batching.max_itmes'. Did you mean 'max_items'"),
        ({"models": {"a": {"bundle": "x", "alias": []}}}, "unknown key 'models.a.alias'. Did you mean 'aliases'"),
        ({"models": {"a": {"bundle": "x", "replicas": {"max": 1}}}}, "unknown key 'models.a.replicas.max'"),
        ({"models": {"a": {}}}, "models.a.bundle is missing"),
        ({"port": "x"}, "port is 'x'"),
        ({"port": 70_000}, "port is 70000; it must be at most 65535"),
        ({"limits": {"items": 0}}, "limits.items is 0; it must be at least"),
        ({"limits": {"seconds": float("inf")}}, "limits.seconds is inf; it must be a number"),
        ({"replicas": {"threads": -1}}, "replicas.threads is -1; it must be at least 0"),
        ({"replicas": {"memory_mb": 0}}, "replicas.memory_mb is 0.0; it must be at least 1"),
        ({"replicas": {"max_replicas": 10**6}}, "replicas.max_replicas is 1000000; it must be at most 1,000"),
        ({"state": "/"}, "state is /; name a file"),
        ({"replicas": {"min_replicas": 3, "max_replicas": 2}}, "replicas.max_replicas is 2; it must be at least 3"),
        (
            {"models": {"a/b": {"bundle": "x"}}},
            "a model is named 'a/b'; choose a name that is not empty, without slashes",
        ),
        ({"models": {"a": {"bundle": "x", "aliases": [""]}}}, "a model is named ''"),
        ({"log": {"share": 2}}, "log.share is 2"),
        ({"log": {"texts": "raw"}}, "log.texts is 'raw'; it must be masked or hash"),
    ],
)
def test_a_mistake_is_named(raw: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError) as error:
        settings_from(raw)
    assert words in str(error.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no such file; leave out --config"):
        read_settings(tmp_path / "none.yaml")
    (tmp_path / "a.yaml").write_text("- 1")
    with pytest.raises(InputError, match="holds list; it must be a mapping"):
        read_settings(tmp_path / "a.yaml")
    (tmp_path / "b.yaml").write_text("a: [")
    with pytest.raises(InputError, match=r"b\.yaml line 1: not valid YAML"):
        read_settings(tmp_path / "b.yaml")


def test_bundles_are_named_after_their_folders() -> None:
    assert model_name(Path("/x/run/bundle")) == "run"
    assert model_name(Path("/x/tickets")) == "tickets"
    with pytest.raises(InputError, match="two models are named 'run'"):
        with_bundles(ServeSettings(), [Path("/a/run/bundle"), Path("/b/run/bundle")])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_no_listening_beyond_this_machine_without_keys(host: str, loopback: bool, tmp_path: Path) -> None:
    assert is_loopback(host) == loopback
    check_exposure(ServeSettings(host=host, keys=tmp_path / "keys.json"))
    check_exposure(ServeSettings(host=host, allow_open=True))
    if loopback:
        check_exposure(ServeSettings(host=host))
    else:
        with pytest.raises(InputError, match="reachable from other machines and there are no keys"):
            check_exposure(ServeSettings(host=host))


def test_answers_do_not_wait_for_acknowledgements() -> None:
    """asyncio sets TCP_NODELAY on connections only where the listening socket names its protocol."""
    sock = listen(ServeSettings(port=0))
    assert sock.proto == socket.IPPROTO_TCP
    sock.close()


def test_threads_that_wait_sleep_and_their_number_is_set_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GOMP_SPINCOUNT", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"):
        monkeypatch.setenv(name, "")  # what is set below is put back
    monkeypatch.delenv("GOMP_SPINCOUNT")
    use_threads(ReplicaSettings(threads=3))
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("3", "0")
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    use_threads(ReplicaSettings(threads=2))
    assert (os.environ["OMP_NUM_THREADS"], os.environ["GOMP_SPINCOUNT"]) == ("2", "7")
