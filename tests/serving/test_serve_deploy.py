"""``goldilocks deploy``: every file is valid in its format and says what is safe."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from served import client
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError
from goldilocks.serving.deploy.write import TARGETS, deployment_of, write_deployment
from goldilocks.serving.metrics import GAUGES, Metrics
from goldilocks.serving.settings import read_settings, settings_from


def written(weather_bundle: Path, target: str, out: Path) -> dict[str, str]:
    paths = write_deployment(weather_bundle, target, out, deployment_of(weather_bundle))
    return {path.name: path.read_text() for path in paths}


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_has_its_files_and_nothing_is_left_to_fill_in(
    weather_bundle: Path, tmp_path: Path, target: str
) -> None:
    files = written(weather_bundle, target, tmp_path / "out")
    assert len(files) == len(TARGETS[target])
    for content in files.values():
        assert "<<" not in content
        assert "[%" not in content
    assert ("Dockerfile" in files) == (tmp_path / "out" / "bundle" / "bundle.json").exists()


@pytest.mark.parametrize("target", TARGETS)
def test_the_settings_are_ones_the_service_takes(weather_bundle: Path, tmp_path: Path, target: str) -> None:
    written(weather_bundle, target, tmp_path / "out")
    made = read_settings(tmp_path / "out" / "serve.yaml")
    assert made.keys is not None
    assert made.replicas.isolated
    assert len(made.models) == 1


def test_kubernetes_manifests_are_hardened_and_belong_together(weather_bundle: Path, tmp_path: Path) -> None:
    files = written(weather_bundle, "kubernetes", tmp_path / "out")
    result: dict[str, Any] = {entry["kind"]: entry for entry in yaml.safe_load_all(files["kubernetes.yaml"])}
    assert set(result) == {
        "ConfigMap", "Deployment", "Service", "HorizontalPodAutoscaler", "PodDisruptionBudget", "NetworkPolicy",
    }  # fmt: skip
    pod = result["Deployment"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["readinessProbe"]["httpGet"]["path"] == "/v2/health/ready"
    assert pod["volumes"][1]["secret"]["secretName"].endswith("-keys")
    made = settings_from(yaml.safe_load(result["ConfigMap"]["data"]["serve.yaml"]))
    # Kubernetes ends a pod only after the service had its time to drain.
    assert pod["terminationGracePeriodSeconds"] > made.limits.drain_seconds + 5
    metric = result["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert metric.removeprefix("goldilocks_") in GAUGES
    labels = result["Deployment"]["spec"]["selector"]["matchLabels"].items()
    assert labels <= result["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert result["Service"]["spec"]["selector"].items() <= labels


def test_alerts_and_dashboard_name_metrics_that_there_are(weather_bundle: Path, tmp_path: Path) -> None:
    import re

    files = written(weather_bundle, "compose", tmp_path / "out")
    metrics = Metrics(lambda: [("m", "v", lambda _: 0.0)])
    known = set(re.findall(r"^# TYPE (\w+)", metrics.text().decode(), re.MULTILINE))
    for content in (files["rules.yaml"], files["dashboard.json"]):
        for name in set(re.findall(r"\bgoldilocks_\w+", content)):
            assert re.sub(r"_(bucket|sum|count)$", "", name) in known, name
    groups = yaml.safe_load(files["rules.yaml"])["groups"]
    records = {rule["record"] for rule in groups[0]["rules"]}
    for rule in groups[1]["rules"]:
        assert set(re.findall(r"goldilocks:\w+:\w+", rule["expr"])) <= records
    panels = json.loads(files["dashboard.json"])["panels"]
    assert len(panels) == 12
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == 12


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_rules(weather_bundle: Path, tmp_path: Path) -> None:
    written(weather_bundle, "compose", tmp_path / "out")
    done = subprocess.run(
        ["promtool", "check", "rules", str(tmp_path / "out" / "rules.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.skipif(shutil.which("docker") is None, reason="docker is not installed")
def test_docker_compose_takes_its_file(weather_bundle: Path, tmp_path: Path) -> None:
    written(weather_bundle, "compose", tmp_path / "out")
    done = subprocess.run(
        ["docker", "compose", "-f", str(tmp_path / "out" / "compose.yaml"), "config", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
    )
    if "not a docker command" in done.stderr or "unknown" in done.stderr:
        pytest.skip("docker compose is not installed")
    assert done.returncode == 0, done.stderr


def test_a_copied_bundle_is_served_as_the_image_would(weather_bundle: Path, tmp_path: Path) -> None:
    written(weather_bundle, "docker", tmp_path / "out")
    made = {"models": {"weather": {"bundle": str(tmp_path / "out" / "bundle")}}}
    with client(settings_from(made)) as api:
        assert api.post("/v1/classify", json={"input": "rain falls"}).json()["data"][0]["label"] == "wet"


def test_the_command_writes_and_refuses(weather_bundle: Path, tmp_path: Path) -> None:
    run = CliRunner()
    out = tmp_path / "out"
    done = run.invoke(app, ["deploy", str(weather_bundle), "--to", "docker", "--out", str(out)])
    assert str(out / "Dockerfile") in done.output
    assert "holds something already" in str(
        run.invoke(app, ["deploy", str(weather_bundle), "--to", "docker", "--out", str(out)]).exception
    )
    unknown = run.invoke(app, ["deploy", str(weather_bundle), "--to", "nomad", "--out", str(tmp_path / "new")])
    assert "the target is 'nomad'; there are: docker, compose, kubernetes, systemd" in str(unknown.exception)
    with pytest.raises(InputError, match="replicas are 3 to 2"):
        deployment_of(weather_bundle, min_replicas=3, max_replicas=2)
    with pytest.raises(InputError, match="is no bundle"):
        deployment_of(tmp_path)
