"""docs/serving.md names every setting with its default, and routes that there are."""

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import yaml

from goldilocks.serving import deploy
from goldilocks.serving.app import make_app
from goldilocks.serving.service import Service
from goldilocks.serving.settings import ReplicaSettings, ServeSettings, settings_from

DOCS = (Path(__file__).parents[2] / "docs" / "serving.md").read_text(encoding="utf-8")
BLOCKS: list[str] = re.findall(r"```yaml\n(.*?)```", DOCS, flags=re.DOTALL)
YAML: dict[str, Any] = yaml.safe_load(BLOCKS[0])


def test_every_setting_stands_there_with_its_default() -> None:
    made, plain = settings_from(YAML), ServeSettings()
    for field in fields(ServeSettings):
        assert field.name in YAML
        if field.name == "models":
            continue
        assert getattr(made, field.name) == getattr(plain, field.name), field.name
        value = getattr(plain, field.name)
        if is_dataclass(value):
            assert set(YAML[field.name]) == {part.name for part in fields(value)}
    (model,) = made.models.values()
    assert set(YAML["models"]["tickets"]) == {part.name for part in fields(model)}


def test_every_route_stands_there_and_no_other(monkeypatch: Any) -> None:
    service = Service.__new__(Service)
    from goldilocks.serving.access import Access
    from goldilocks.serving.metrics import Metrics

    service.settings, service.access, service.metrics = ServeSettings(), Access(None), Metrics(lambda: ())
    service.telemetry = None
    paths = make_app(service).openapi()["paths"]
    table = DOCS[DOCS.index("## The API") : DOCS.index("**Decisions.**")]
    named = set(re.findall(r"`(GET|POST) (/[^`]*)`", table))
    there = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert named <= there
    # Those of a version, and of the server itself, go with the ones named.
    missing = {path for _, path in there - named}
    assert missing == {
        "/v2",
        "/v2/models/{model}/ready",
        "/v2/models/{model}/versions/{version}",
        "/v2/models/{model}/versions/{version}/ready",
        "/v2/models/{model}/versions/{version}/infer",
    }


def test_replicas_are_named_in_ray_serves_words() -> None:
    assert {"min_replicas", "max_replicas", "target_ongoing_requests", "upscale_delay_s", "downscale_delay_s"} <= {
        field.name for field in fields(ReplicaSettings)
    }


def test_the_rule_for_prometheus_adapter_is_the_one_that_deploy_writes() -> None:
    template = (Path(deploy.__file__).parent / "templates" / "prometheus-adapter.yaml").read_text(encoding="utf-8")
    written = template.replace("[% raw %]", "").replace("[% endraw %]", "")
    assert yaml.safe_load(BLOCKS[1]) == yaml.safe_load(written)
