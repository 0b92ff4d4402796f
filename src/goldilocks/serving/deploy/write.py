"""Write the files of a deployment from the templates in the folder of this module.

What is generated and why: a user other than root, a read-only root file system, no capabilities, probes on the health
routes, requests and limits from the bundle's size, and the keys as a secret that is never written here.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from goldilocks import plugins
from goldilocks.bundle.layout import INFO
from goldilocks.errors import InputError
from goldilocks.protocols import Engine, NeedsInstalled
from goldilocks.serving.engine import version_of
from goldilocks.serving.settings import model_name
from goldilocks.serving.version import VERSION
from goldilocks.support.files import check_apart, read_object, write_text

_TEMPLATES = Path(__file__).parent / "templates"
TARGETS: Mapping[str, tuple[str, ...]] = {
    "docker": ("Dockerfile", "dockerignore", "serve.yaml"),
    "compose": (
        "Dockerfile",
        "dockerignore",
        "serve.yaml",
        "compose.yaml",
        "prometheus.yml",
        "rules.yaml",
        "dashboard.json",
    ),
    "kubernetes": (
        "Dockerfile",
        "dockerignore",
        "serve.yaml",
        "kubernetes.yaml",
        "podmonitor.yaml",
        "prometheusrule.yaml",
        "prometheus-adapter.yaml",
        "rules.yaml",
        "dashboard.json",
    ),
    "systemd": ("goldilocks.service", "serve.yaml", "rules.yaml", "dashboard.json"),
}
"""Target -> files it needs; ``dockerignore`` is written with its dot."""
_IMAGE = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*(:[A-Za-z0-9_][\w.-]{0,127})?(@sha256:[0-9a-f]{64})?",
    re.ASCII,
)
"""Registry, name, tag and digest of an image. Source: the grammar of references in github.com/distribution/reference
(separators a little laxer)."""
_BASE_MB = 700
"""Memory of a process with its libraries, before the bundle (10**6 bytes)."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What the templates are filled with."""

    name: str
    """Name of the model, of the service and of what belongs to it: lower-case letters, digits and hyphens."""
    model: str
    version: str
    image: str
    min_replicas: int = 1
    max_replicas: int = 4
    target_ongoing_requests: int = 4
    memory_mb: int = 2_000
    """Of the process of a replica."""
    package: str = f"goldilocks-lm[serve]=={VERSION}"
    """What pip installs, with the extra of the bundle's engine."""
    system_packages: tuple[str, ...] = ()
    """Debian packages that the engine needs."""

    @property
    def limit_mb(self) -> int:
        """Memory of a container with one replica and the server."""
        return self.memory_mb + 500


def deployment_of(
    bundle: Path, *, image: str | None = None, min_replicas: int = 1, max_replicas: int = 4
) -> Deployment:
    """What a bundle needs.

    Raises:
        InputError: the folder holds no bundle, there are fewer replicas at most than at least, or the image has a name
            that no registry takes.
    """
    if image is not None and not _IMAGE.fullmatch(image):
        raise InputError(f"the image is {image!r}; write it as in registry.example.org/tickets:1.")
    if not 1 <= min_replicas <= max_replicas:
        raise InputError(
            f"replicas are {min_replicas} to {max_replicas}; pass at least 1, and at most as many or more."
        )
    version, model, engine = version_of(bundle), model_name(bundle), _engine_of(bundle)
    needs = engine if isinstance(engine, NeedsInstalled) else None
    extras = ["serve", *([needs.EXTRA] if needs and needs.EXTRA else [])]
    name = re.sub(r"[^a-z0-9]+", "-", model.lower()).strip("-")[:40] or "model"
    size_mb = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file()) / 1e6
    return Deployment(
        name=name,
        model=model,
        version=version,
        image=image or f"goldilocks-{name}:{version}",
        min_replicas=min_replicas,
        max_replicas=max_replicas,
        memory_mb=100 * round((_BASE_MB + 3 * size_mb) / 100),
        package=f"goldilocks-lm[{','.join(extras)}]=={VERSION}",
        system_packages=needs.SYSTEM_PACKAGES if needs else (),
    )


def _engine_of(bundle: Path) -> Engine:
    """What runs the bundle's model."""
    engine: Engine = plugins.load("engines", str(read_object(bundle / INFO).get("engine", "native")))
    return engine


def write_deployment(bundle: Path, target: str, out: Path, deployment: Deployment) -> list[Path]:
    """Write the files of a target, and a copy of the bundle where an image is built of it.

    Args:
        bundle: The bundle's folder.
        target: One of ``TARGETS``.
        out: Folder to write to; it is new or empty.
        deployment: What the templates are filled with.

    Returns:
        The files written.

    Raises:
        InputError: the target is unknown, or the folder holds something.
    """
    import jinja2

    if target not in TARGETS:
        raise InputError(f"the target is {target!r}; there are: {', '.join(TARGETS)}.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: holds something already; name a new folder with --out.")
    check_apart(out, bundle)
    # Prometheus and Grafana write {{ }} themselves.
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_TEMPLATES),
        variable_start_string="<<",
        variable_end_string=">>",
        block_start_string="[%",
        block_end_string="%]",
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
        autoescape=False,
    )
    values: dict[str, Any] = {"d": deployment, "target": target, "bundle": str(bundle.absolute())}
    written: list[Path] = []
    for name in TARGETS[target]:
        path = out / (".dockerignore" if name == "dockerignore" else name)
        write_text(path, environment.get_template(name).render(values))
        written.append(path)
    if "Dockerfile" in TARGETS[target]:
        shutil.copytree(bundle, out / "bundle")
    return written
