"""The Open Inference Protocol, with Triton's own client and with requests as its documentation shows them."""

from pathlib import Path

import numpy as np
import pytest
from served import bundle, client, settings
from starlette.testclient import TestClient

from goldilocks.records import Goal, Part


def infer(api: TestClient, *inputs: dict[str, object], model: str = "weather") -> dict[str, object]:
    got = api.post(f"/v2/models/{model}/infer", json={"id": "42", "inputs": list(inputs)})
    assert got.status_code == 200, got.text
    result: dict[str, object] = got.json()
    return result


def test_tritonclient_reads_health_metadata_and_answers(address: str) -> None:
    http = pytest.importorskip("tritonclient.http")
    made = http.InferenceServerClient(address.removeprefix("http://"))
    assert made.is_server_live()
    assert made.is_server_ready()
    assert made.is_model_ready("weather")
    assert made.get_server_metadata()["name"] == "goldilocks"
    metadata = made.get_model_metadata("weather")
    assert [entry["name"] for entry in metadata["inputs"]] == ["text"]
    texts = np.array(["rain falls", "the sun shines", "雨 rain"], dtype=object)
    tensor = http.InferInput("text", [3], "BYTES")
    tensor.set_data_from_numpy(texts)  # the binary form
    wanted = [http.InferRequestedOutput("label"), http.InferRequestedOutput("probabilities")]
    got = made.infer("weather", [tensor], outputs=wanted, request_id="7")
    assert [str(entry) for entry in got.as_numpy("label")] == ["wet", "dry", "wet"]
    assert got.as_numpy("probabilities").shape == (3, 2)
    assert got.as_numpy("probabilities").sum(1) == pytest.approx([1, 1, 1], abs=1e-5)
    assert got.get_response()["id"] == "7"
    with pytest.raises(http.InferenceServerException, match="no model is named"):
        made.infer("wether", [tensor])
    made.close()


def test_a_tensor_as_json(api: TestClient) -> None:
    got = infer(api, {"name": "text", "shape": [2], "datatype": "BYTES", "data": ["rain falls", "the sun shines"]})
    outputs = {entry["name"]: entry for entry in got["outputs"]}  # type: ignore[attr-defined]
    assert outputs["label"]["data"] == ["wet", "dry"]
    assert outputs["probabilities"]["shape"] == [2, 2]
    assert got["id"] == "42"


def test_a_task_of_pairs_has_a_tensor_for_each_text(tmp_path: Path) -> None:
    pairs = tuple((f"a {word}", f"b {word}") for word in ("cat", "dog", "cow", "hen")) * 4
    part = Part(pairs, ("same", "other") * 8, tuple(range(1, 17)))
    folder = bundle(tmp_path / "pairs", part, Goal(labels=("other", "same")), "tfidf_linear", "pair_classification")
    with client(settings({"pairs": folder})) as api:
        names = [entry["name"] for entry in api.get("/v2/models/pairs").json()["inputs"]]
        tensors = [{"name": name, "shape": [1], "datatype": "BYTES", "data": ["cat"]} for name in names]
        got = infer(api, *tensors, model="pairs")
        lone = api.post("/v2/models/pairs/infer", json={"inputs": tensors[:1]})
    assert len(names) == 2
    assert got["outputs"][0]["data"][0] in ("same", "other")  # type: ignore[index]
    assert lone.status_code == 422
    assert ", ".join(names) in lone.json()["error"]


def test_numbers_are_no_texts(api: TestClient) -> None:
    tensor = {"name": "text", "shape": [1], "datatype": "FP32", "data": [1.0]}
    got = api.post("/v2/models/weather/infer", json={"inputs": [tensor]})
    assert got.status_code == 422
    assert "'FP32'; texts are BYTES" in got.json()["error"]


@pytest.mark.parametrize(
    ("body", "length", "words"),
    [
        (b"{}", None, "inputs"),
        (b'{"inputs": []}', "99", "longer than the body"),
        (b"\xff", None, "the body"),
    ],
)
def test_a_body_that_is_no_inference_request(api: TestClient, body: bytes, length: str | None, words: str) -> None:
    headers = {"content-type": "application/octet-stream"}
    headers |= {"inference-header-content-length": length} if length else {}
    got = api.post("/v2/models/weather/infer", content=body, headers=headers)
    assert got.status_code == 422
    assert words in got.json()["error"]


@pytest.mark.parametrize(
    ("tensor", "words"), [(b"\x05\x00", "within a length"), (b"\x01\x00\x00\x00\xff", "not UTF-8")]
)
def test_a_binary_tensor_that_is_damaged(api: TestClient, tensor: bytes, words: str) -> None:
    head = b'{"inputs":[{"name":"text","shape":[1],"datatype":"BYTES","parameters":{"binary_data_size":%d}}]}' % len(
        tensor
    )
    headers = {"content-type": "application/octet-stream", "inference-header-content-length": str(len(head))}
    got = api.post("/v2/models/weather/infer", content=head + tensor, headers=headers)
    assert got.status_code == 422
    assert words in got.json()["error"]


def test_a_model_by_version(api: TestClient) -> None:
    version = api.get("/v2/models/weather").json()["versions"][0]
    assert api.get(f"/v2/models/weather/versions/{version}/ready").json() == {"name": "weather", "ready": True}
    assert api.get("/v2/models/weather/versions/0000000000/ready").status_code == 404
