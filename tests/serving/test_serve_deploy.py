"""``goldilocks deploy``: every file is valid in its format and says what is safe."""

import json
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from served import client
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.errors import InputError
from goldilocks.serving.deploy.write import TARGETS, deployment_of, write_deployment
from goldilocks.serving.drain import GRACE
from goldilocks.serving.metrics import GAUGES, Metrics
from goldilocks.serving.settings import ServeSettings, read_settings, settings_from


def written(weather_bundle: Path, target: str, out: Path) -> dict[str, str]:
    paths = write_deployment(weather_bundle, target, out, deployment_of(weather_bundle))
    return {path.name: path.read_text() for path in paths}


def promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)


def run_rule_test(rules: Path, test: dict[str, Any], every: str) -> subprocess.CompletedProcess[str]:
    """A test of rules, evaluated so often; else promtool would evaluate groups in any order, alerts before ratios."""
    order = [group["name"] for group in yaml.safe_load(rules.read_text())["groups"]]
    path = rules.with_name("tests.yaml")
    content = {"rule_files": [rules.name], "evaluation_interval": every, "group_eval_order": order, "tests": [test]}
    path.write_text(yaml.safe_dump(content))
    return promtool("test", "rules", str(path))


@dataclass(frozen=True)
class Scenario:
    """Samples of a minute each in promtool's notation, and the alerts that fire at a time."""

    words: str
    series: dict[str, str]
    at: str
    fires: tuple[str, ...] = ()
    every: str = "1m"
    """How often rules are evaluated."""


def counts(per_minute: float, minutes: int, *, start: float = 0) -> str:
    return f"{start:g}+{per_minute:g}x{minutes}"


def requests(minutes: int, *, failed: float = 0.0, slow: float = 0.0, scraped: str = 'job="tickets"') -> dict[str, str]:
    """A hundred requests a minute, of which a share fails and a share takes longer than 0.5 s."""
    labels = f'route="/v1/classify",model="m",version="v",{scraped}'
    return {
        f'goldilocks_requests_total{{{labels},status="200"}}': counts(100 * (1 - failed), minutes),
        f'goldilocks_requests_total{{{labels},status="503"}}': counts(100 * failed, minutes),
        f'goldilocks_request_seconds_bucket{{{labels},le="0.5"}}': counts(100 * (1 - slow), minutes),
        f"goldilocks_request_seconds_count{{{labels}}}": counts(100, minutes),
    }


def burst(minutes: int, *, since: int) -> dict[str, str]:
    """As ``requests``; nothing fails but in 10 minutes, when half of the requests do."""
    labels = 'route="/v1/classify",model="m",version="v",job="tickets"'
    rest = minutes - since - 10
    return {
        f'goldilocks_requests_total{{{labels},status="200"}}': " ".join(
            (counts(100, since), counts(50, 9, start=100 * since + 50), counts(100, rest, start=100 * since + 600))
        ),
        f'goldilocks_requests_total{{{labels},status="503"}}': " ".join(
            (counts(0, since), counts(50, 9, start=50), counts(0, rest, start=500))
        ),
    }


READY = 'goldilocks_ready{model="m",version="v",job="tickets"}'
REFUSED = 'goldilocks_requests_total{route="/v1/classify",model="m",version="v",status="429",job="tickets"}'
LOG_FAILURES = 'goldilocks_log_failures_total{job="tickets",instance="host:8000"}'
ALERTS = {
    "GoldilocksErrorsBurnFast": ("page", "m of tickets fails so often that the month's budget is gone within days"),
    "GoldilocksErrorsBurnSlow": ("ticket", "m of tickets fails more often than the month's budget allows"),
    "GoldilocksSlowBurnFast": ("page", "m of tickets is slow so often that the month's budget is gone within days"),
    "GoldilocksSlowBurnSlow": ("ticket", "m of tickets is slow more often than the month's budget allows"),
    "GoldilocksNotReady": ("page", "no replica of m of tickets answers"),
    "GoldilocksQueueRefuses": ("ticket", "m of tickets refuses requests because too many wait or keys ask too often"),
    "GoldilocksLogFails": ("ticket", "host:8000 of tickets drops rows of the request log; is the disk full?"),
}
# The budget is 0.5 % of failed and 1 % of slow requests. A page needs 14.4 times that within an hour (7.2 %, 14.4 %)
# or 6 times within six (3 %, 6 %); a ticket 3 times within a day (1.5 %, 3 %) or once within three days.
SCENARIOS = [
    Scenario("nothing fails", requests(120) | {READY: "1x120"}, "2h"),
    Scenario("below the budget, for three days", requests(4320, failed=0.004, slow=0.008), "72h", every="1h"),
    Scenario("above it for three days", requests(4320, failed=0.006), "72h", ("GoldilocksErrorsBurnSlow",), "1h"),
    Scenario("slow above it for three days", requests(4320, slow=0.012), "72h", ("GoldilocksSlowBurnSlow",), "1h"),
    Scenario(
        "four times the budget for six hours: no page",
        requests(360, failed=0.02),
        "6h",
        ("GoldilocksErrorsBurnSlow",),
    ),
    Scenario(
        "seven times the budget for six hours",
        requests(360, failed=0.035),
        "6h",
        ("GoldilocksErrorsBurnFast", "GoldilocksErrorsBurnSlow"),
    ),
    Scenario(
        "a fifth is slow for an hour",
        requests(60, slow=0.2),
        "1h",
        ("GoldilocksSlowBurnFast", "GoldilocksSlowBurnSlow"),
    ),
    # After a burst the window of an hour still sees it (500 of 6,000: 8.3 %), that of 5 minutes does not, so the page
    # ends. The ticket stays: of all requests since the service began 1 % failed, twice the budget.
    Scenario(
        "in a burst",
        burst(600, since=500),
        "510m",
        ("GoldilocksErrorsBurnFast", "GoldilocksErrorsBurnSlow"),
    ),
    Scenario("20 minutes after a burst", burst(600, since=500), "530m", ("GoldilocksErrorsBurnSlow",), "5m"),
    Scenario("no replica for two minutes", {READY: "1x10 0x2"}, "13m", ("GoldilocksNotReady",)),
    Scenario("no replica for half a minute", {READY: "1x10 0"}, "11m"),
    Scenario("refused for a quarter of an hour", {REFUSED: "0+1x20"}, "15m", ("GoldilocksQueueRefuses",)),
    Scenario("refused for three minutes", {REFUSED: "0x20 1+1x3"}, "24m"),
    Scenario("the log drops rows", {LOG_FAILURES: "0x5 3x5"}, "8m", ("GoldilocksLogFails",)),
]


def _fired(name: str, scraped: Mapping[str, str] = MappingProxyType({"job": "tickets"})) -> dict[str, Any]:
    severity, summary = ALERTS[name]
    source = {"instance": "host:8000"} if name == "GoldilocksLogFails" else {"model": "m"}
    return {
        "exp_labels": {"severity": severity, **scraped, **source},
        "exp_annotations": {"summary": summary.replace("of tickets", f"of {scraped['job']}")},
    }


def _written_labels(labels: dict[str, str]) -> str:
    return ",".join(f'{name}="{value}"' for name, value in labels.items())


# Labels that Prometheus gives two services with a model of the same name, and the file with their rules.
TWO_SERVICES = [
    pytest.param("rules.yaml", {"job": "weather"}, {"job": "other"}, id="jobs of a plain Prometheus"),
    pytest.param(
        "rules.yaml",
        {"namespace": "weather", "job": "pods"},
        {"namespace": "other", "job": "pods"},
        id="namespaces, one job",
    ),
    pytest.param(
        "operator.yaml",
        {"namespace": "weather", "job": "weather/weather"},
        {"namespace": "other", "job": "other/weather"},
        id="namespaces of the Prometheus Operator",
    ),
]


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_has_its_files_and_nothing_is_left_to_fill_in(
    weather_bundle: Path, tmp_path: Path, target: str
) -> None:
    files = written(weather_bundle, target, tmp_path / "out")
    assert len(files) == len(TARGETS[target])
    for name, content in files.items():
        assert "<<" not in content or name == "prometheus-adapter.yaml"  # its queries are templates of its own
        assert "[%" not in content
    assert ("Dockerfile" in files) == (tmp_path / "out" / "bundle" / "bundle.json").exists()


@pytest.mark.parametrize("target", TARGETS)
def test_the_settings_are_ones_the_service_takes(weather_bundle: Path, tmp_path: Path, target: str) -> None:
    written(weather_bundle, target, tmp_path / "out")
    made = read_settings(tmp_path / "out" / "serve.yaml")
    assert made.keys is not None
    assert made.replicas.isolated
    assert len(made.models) == 1


@pytest.mark.parametrize("target", ["docker", "systemd"])
@pytest.mark.parametrize(
    ("engine", "package", "system"),
    [
        ("native", "goldilocks-lm[serve]==", ""),
        ("onnxruntime", "goldilocks-lm[serve,onnx]==", ""),
        ("openvino", "goldilocks-lm[serve,openvino]==", ""),
        ("torch_compile", "goldilocks-lm[serve]==", "g++"),
    ],
)
def test_what_the_engine_of_the_bundle_needs_is_installed(
    weather_bundle: Path, tmp_path: Path, target: str, engine: str, package: str, system: str
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(weather_bundle, copy)
    info = json.loads((copy / "bundle.json").read_text())
    (copy / "bundle.json").write_text(json.dumps(info | {"engine": engine}))

    files = written(copy, target, tmp_path / "out")

    text = files["Dockerfile" if target == "docker" else "goldilocks.service"]
    assert package in text
    if target == "docker":
        assert f"/wheels/NAME.whl[{package.partition('[')[2].partition(']')[0]}]" in text
    assert ("g++" in text) == (system == "g++")


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
    # As many threads as CPUs are requested; what is held in memory fits below the limit.
    assert made.replicas.threads == int(container["resources"]["requests"]["cpu"])
    memory = {kind: int(amount["memory"].removesuffix("M")) for kind, amount in container["resources"].items()}
    assert made.replicas.memory_mb == memory["requests"] < memory["limits"]
    # A number of replicas would be set back by each apply, whatever the autoscaler has made of it.
    assert "replicas" not in result["Deployment"]["spec"]
    assert result["HorizontalPodAutoscaler"]["spec"]["minReplicas"] == 1
    # Kubernetes ends a pod only after the service had its time to drain, which begins after preStop.
    waits = int(container["lifecycle"]["preStop"]["exec"]["command"][1])
    assert pod["terminationGracePeriodSeconds"] > waits + made.limits.drain_seconds + GRACE
    metric = result["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    assert metric.removeprefix("goldilocks_") in GAUGES
    labels = result["Deployment"]["spec"]["selector"]["matchLabels"].items()
    assert labels <= result["Deployment"]["spec"]["template"]["metadata"]["labels"].items()
    assert result["Service"]["spec"]["selector"].items() <= labels


def test_the_autoscaler_reads_what_the_adapter_offers(weather_bundle: Path, tmp_path: Path) -> None:
    files = written(weather_bundle, "kubernetes", tmp_path / "out")
    manifests = {entry["kind"]: entry for entry in yaml.safe_load_all(files["kubernetes.yaml"])}
    metric = manifests["HorizontalPodAutoscaler"]["spec"]["metrics"][0]["pods"]["metric"]["name"]
    (rule,) = yaml.safe_load(files["prometheus-adapter.yaml"])["rules"]["custom"]
    # Without "name" the adapter offers a series under its own name; {} selects those that belong to a pod.
    assert set(rule) == {"seriesQuery", "resources", "metricsQuery"}
    assert rule["seriesQuery"] == metric + '{namespace!="",pod!=""}'
    assert rule["resources"]["overrides"] == {kind: {"resource": kind} for kind in ("namespace", "pod")}
    # Pods with several models have a series for each; the autoscaler wants one value for each pod.
    assert rule["metricsQuery"] == "sum(<<.Series>>{<<.LabelMatchers>>}) by (<<.GroupBy>>)"
    assert f"/pods/*/{metric}" in files["prometheus-adapter.yaml"]


def test_the_operator_scrapes_the_pods_and_has_the_rules(weather_bundle: Path, tmp_path: Path) -> None:
    files = written(weather_bundle, "kubernetes", tmp_path / "out")
    manifests = {entry["kind"]: entry for entry in yaml.safe_load_all(files["kubernetes.yaml"])}
    template = manifests["Deployment"]["spec"]["template"]
    monitor, rules = (yaml.safe_load(files[name]) for name in ("podmonitor.yaml", "prometheusrule.yaml"))
    for made, kind in ((monitor, "PodMonitor"), (rules, "PrometheusRule")):
        assert (made["apiVersion"], made["kind"]) == ("monitoring.coreos.com/v1", kind)
        assert made["metadata"]["namespace"] == manifests["Deployment"]["metadata"]["namespace"]
        assert set(made) == {"apiVersion", "kind", "metadata", "spec"}
    assert set(monitor["spec"]) == {"selector", "podMetricsEndpoints"}
    assert monitor["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items()
    (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
    assert set(endpoint) == {"port", "path", "interval", "authorization"}
    assert endpoint["port"] in {port["name"] for port in template["spec"]["containers"][0]["ports"]}
    # The service takes the key as a bearer token; the two commands at the top make the Secret that is named here.
    secret = endpoint["authorization"]["credentials"]
    assert endpoint["authorization"]["type"] == "Bearer"
    assert f"secret generic {secret['name']} --from-file={secret['key']}=metrics_key.txt" in files["podmonitor.yaml"]
    here = f'namespace="{rules["metadata"]["namespace"]}",'
    assert here in files["prometheusrule.yaml"]
    everywhere = yaml.safe_load(files["prometheusrule.yaml"].replace(here, ""))
    assert everywhere["spec"] == yaml.safe_load(files["rules.yaml"])
    allowed = {"alert", "record", "expr", "for", "labels", "annotations"}
    for group in rules["spec"]["groups"]:
        assert set(group) == {"name", "rules"}
        for rule in group["rules"]:
            assert {"expr"} < set(rule) <= allowed
            assert ("alert" in rule) != ("record" in rule)


def test_alerts_and_dashboard_name_metrics_that_there_are(weather_bundle: Path, tmp_path: Path) -> None:
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
    assert len(panels) == 13
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == 13


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_takes_the_rules(weather_bundle: Path, tmp_path: Path) -> None:
    written(weather_bundle, "compose", tmp_path / "out")
    done = promtool("check", "rules", str(tmp_path / "out" / "rules.yaml"))
    assert done.returncode == 0, done.stderr


def test_the_dashboard_asks_in_promql(weather_bundle: Path, tmp_path: Path) -> None:
    """Each panel's query, with Grafana's variables filled in, is one that ``promtool`` parses."""
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not installed")
    panels = json.loads(written(weather_bundle, "compose", tmp_path / "out")["dashboard.json"])["panels"]
    asked = [target["expr"] for panel in panels for target in panel.get("targets", ())]
    assert len(asked) >= 12
    filled = [expr.replace("$__rate_interval", "1m") for expr in asked]
    filled = [re.sub(r"\$(namespace|job|model)\b", ".*", expr) for expr in filled]
    assert not [expr for expr in filled if "$" in expr]
    rules = [{"record": f"panel:{number}", "expr": expr} for number, expr in enumerate(filled)]
    path = tmp_path / "panels.yaml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    done = promtool("check", "rules", str(path))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.words)
def test_alerts_fire_when_the_budget_burns_and_not_before(
    weather_bundle: Path, tmp_path: Path, scenario: Scenario
) -> None:
    written(weather_bundle, "compose", tmp_path / "out")
    test: dict[str, Any] = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in scenario.series.items()],
        "alert_rule_test": [
            {
                "eval_time": scenario.at,
                "alertname": name,
                "exp_alerts": [_fired(name)] if name in scenario.fires else [],
            }
            for name in ALERTS
        ],
    }
    done = run_rule_test(tmp_path / "out" / "rules.yaml", test, scenario.every)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
@pytest.mark.parametrize(("rules", "failing", "sound"), TWO_SERVICES)
def test_services_with_a_model_of_the_same_name_do_not_dilute_each_others_errors(
    weather_bundle: Path, tmp_path: Path, rules: str, failing: dict[str, str], sound: dict[str, str]
) -> None:
    shutil.copytree(weather_bundle, tmp_path / "weather")
    files = written(tmp_path / "weather", "kubernetes", tmp_path / "out")
    manifest = yaml.safe_load(files["prometheusrule.yaml"])
    (tmp_path / "out" / "operator.yaml").write_text(yaml.safe_dump(manifest["spec"]))
    # A tenth of the requests of one service fails: 20 times the budget. Of both together it would be
    # half of that.
    series = requests(20, failed=0.1, scraped=_written_labels(failing))
    series |= requests(20, scraped=_written_labels(sound))
    # The operator loads the rules of both services, so each file is about its own namespace.
    seen = [(failing, 0.1)] if rules == "operator.yaml" else [(failing, 0.1), (sound, 0.0)]
    name = "goldilocks:errors:ratio_rate5m"
    test = {
        "interval": "1m",
        "input_series": [{"series": key, "values": values} for key, values in series.items()],
        "promql_expr_test": [
            {
                "expr": name,
                "eval_time": "15m",
                "exp_samples": [
                    {"labels": f'{name}{{model="m",{_written_labels(labels)}}}', "value": value}
                    for labels, value in seen
                ],
            }
        ],
        "alert_rule_test": [
            {
                "eval_time": "15m",
                "alertname": "GoldilocksErrorsBurnFast",
                "exp_alerts": [_fired("GoldilocksErrorsBurnFast", failing)],
            }
        ],
    }
    done = run_rule_test(tmp_path / "out" / rules, test, "1m")
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_and_panel_keeps_services_apart(weather_bundle: Path, tmp_path: Path) -> None:
    files = written(weather_bundle, "kubernetes", tmp_path / "out")
    for name in ("rules.yaml", "prometheusrule.yaml", "dashboard.json"):
        grouped = re.findall(r"\bby \(([^)]*)\)", files[name])
        assert len(grouped) >= 13
        assert all(set(labels.split(", ")) >= {"namespace", "job", "model"} for labels in grouped), name


def test_image_and_units_stop_late_enough_and_are_pinned(weather_bundle: Path, tmp_path: Path) -> None:
    most = read_settings_of(weather_bundle, tmp_path / "read").limits.drain_seconds + GRACE
    compose = yaml.safe_load(written(weather_bundle, "compose", tmp_path / "compose")["compose.yaml"])
    assert int(compose["services"]["model"]["stop_grace_period"].removesuffix("s")) >= most
    for service in compose["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        assert "mem_limit" in service
    # Of a file that is mounted alone a container sees the old one for ever: a revoked key would stay valid.
    keys = read_settings_of(weather_bundle, tmp_path / "read again").keys
    assert keys is not None
    assert next(volume.split(":")[1] for volume in compose["services"]["model"]["volumes"]) == str(keys.parent)
    unit = written(weather_bundle, "systemd", tmp_path / "systemd")["goldilocks.service"]
    seconds = re.search(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert seconds
    assert int(seconds[1]) >= most
    docker = written(weather_bundle, "docker", tmp_path / "docker")["Dockerfile"]
    stop = re.search(r"--stop-timeout (\d+)", docker)
    assert stop
    assert int(stop[1]) >= most
    images = [*re.findall(r"^ARG PYTHON=(\S+)$", docker, re.MULTILINE), compose["services"]["prometheus"]["image"]]
    assert all(re.search(r":v?\d+\.\d+\.\d+", image) for image in images), images
    assert set(re.findall(r"^FROM (\S+)", docker, re.MULTILINE)) == {"${PYTHON}"}


def read_settings_of(weather_bundle: Path, out: Path) -> ServeSettings:
    written(weather_bundle, "docker", out)
    return read_settings(out / "serve.yaml")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_takes_the_unit(weather_bundle: Path, tmp_path: Path) -> None:
    unit = written(weather_bundle, "systemd", tmp_path / "out")["goldilocks.service"]
    path = tmp_path / "goldilocks-weather.service"
    path.write_text(unit.replace("/opt/goldilocks/bin/goldilocks", "/bin/true"))  # the program need not be installed
    done = subprocess.run(["systemd-analyze", "verify", str(path)], capture_output=True, text=True, check=False)
    assert "goldilocks-weather.service" not in done.stderr, done.stderr


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
    with pytest.raises(InputError, match="is not a bundle"):
        deployment_of(tmp_path)
    (tmp_path / "run").mkdir()
    shutil.copytree(weather_bundle, tmp_path / "run" / "bundle")
    with pytest.raises(InputError, match=r"run is the folder of a run; pass .*run/bundle\."):
        deployment_of(tmp_path / "run")


@pytest.mark.parametrize(
    "image", ["tickets", "tickets:1", "localhost:5000/a/b_c:v1.2", "reg.example.org/t:1@sha256:" + 64 * "0"]
)
def test_names_of_images_are_taken(weather_bundle: Path, image: str) -> None:
    assert deployment_of(weather_bundle, image=image).image == image


@pytest.mark.parametrize("image", ["", "my image", "Tickets", "tickets:1\nuser: root", "tickets:", "-t"])
def test_names_that_no_registry_takes_are_refused(weather_bundle: Path, image: str) -> None:
    with pytest.raises(InputError, match=r"the image is .*; write it as in registry.example.org/tickets:1\."):
        deployment_of(weather_bundle, image=image)
