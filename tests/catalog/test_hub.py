"""The Hub is played by a small server on the loopback interface: no test here leaves the machine."""

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from fake_shelf import find, shelved, spec

from goldilocks.catalog import hub
from goldilocks.catalog.fetch import folder_of
from goldilocks.errors import InputError, MissingError

COMMIT = "c" * 40
FILES = {
    "config.json": b'{"model_type": "fake"}',
    "model.safetensors": b"weights",
    "pytorch_model.bin": b"a pickle",
    "tokenizer.json": b"{}",
    "README.md": b"---\nlicense: mit\nlanguage: en\n---\n",
    "onnx/model.onnx": b"",
}
MODELS = {
    "org/good": FILES,
    "org/pickled": {name: content for name, content in FILES.items() if name != "model.safetensors"},
    "org/untokenized": {name: content for name, content in FILES.items() if name != "tokenizer.json"},
}


class Hub(BaseHTTPRequestHandler):
    asked: list[str]

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = urlsplit(self.path).path.strip("/")
        type(self).asked.append(path)
        parts = path.removeprefix("api/models/").split("/")
        files = MODELS.get("/".join(parts[:2]))
        if "broken" in parts:
            self.answer(500, b"{}")
        elif files is None:
            self.answer(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        elif "nowhere" in parts:
            self.answer(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif parts[2:3] == ["tree"]:
            listed = [
                {"type": "file", "path": name, "size": len(file), "oid": "0" * 40} for name, file in files.items()
            ]
            self.answer(200, json.dumps(listed).encode())
        elif parts[2:3] == ["resolve"]:
            content = files["/".join(parts[4:])]
            etag = hashlib.sha256(content).hexdigest()
            self.answer(200, content, {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT})
        else:
            info = {"id": "/".join(parts[:2]), "sha": COMMIT, "siblings": [{"rfilename": name} for name in files]}
            self.answer(200, json.dumps(info).encode())

    def answer(self, status: int, content: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Paths that the Hub was asked for, while it is there."""
    Hub.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "cache"))
        yield Hub.asked
        server.shutdown()
        thread.join()


def test_model_is_fetched_without_its_pickle_and_kept_for_offline(asked: list[str]) -> None:
    folder = folder_of("hf://org/good", offline=False)

    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    ]
    assert not any("pytorch_model.bin" in entry or "onnx" in entry for entry in asked)
    before = len(asked)
    assert folder_of("hf://org/good", offline=True) == folder
    assert len(asked) == before, "offline the Hub is not asked"


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("hf://org/absent", "the Hub has no such model .or it is private.; check the name"),
        ("hf://org/good@nowhere", "has the model but no such revision; check what follows the @"),
        ("hf://org/broken", "answered with status 500; try again later"),
    ],
)
def test_what_the_hub_does_not_give_is_reported_in_one_line(asked: list[str], source: str, message: str) -> None:
    with pytest.raises(MissingError, match=message) as raised:
        folder_of(source, offline=False)

    assert "\n" not in str(raised.value)


def test_model_that_has_only_pickles_is_refused(asked: list[str]) -> None:
    with pytest.raises(MissingError, match=r"holds no \.safetensors file"):
        folder_of("hf://org/pickled", offline=False)


def test_hub_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")  # the discard port: nobody listens
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))

    with pytest.raises(MissingError, match=r"the Hub at http://127\.0\.0\.1:9 cannot be reached .* HF_ENDPOINT"):
        folder_of("hf://org/good", offline=False)


def test_id_that_cannot_be_one_is_refused(asked: list[str]) -> None:
    with pytest.raises(InputError, match="not the id of a Hub model"):
        folder_of("hf://a/b/c", offline=False)
    assert asked == []


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("hf://org/good", None),
        ("hf://org/pickled", "the Hub has no safetensors (only pickles, which could run code) for it"),
        ("hf://org/untokenized", "the Hub has no tokenizer.json for it"),
        ("hf://org/absent", "the Hub has no such model"),
    ],
)
def test_hub_tells_beforehand_what_could_not_be_used(asked: list[str], source: str, words: str | None) -> None:
    refusal = hub.refusal(source)

    assert (refusal is None) if words is None else (words in str(refusal))
    assert not any("resolve" in entry for entry in asked), "nothing is fetched"


def test_named_hub_model_stands_in_the_pool(
    asked: list[str], tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    with shelved(tmp_path_factory.mktemp("shelf"), monkeypatch):
        pool = find(spec(models=("org/good",)), offline=False)

    facts = next(candidate.model for candidate in pool.candidates if candidate.model.pretrained)
    assert (facts.source, facts.licence, facts.languages) == ("hf://org/good", "mit", ("en",))
