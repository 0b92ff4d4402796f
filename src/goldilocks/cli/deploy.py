"""``goldilocks deploy``: write deployment files for a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def deploy(
    bundle: Annotated[Path, typer.Argument(help="Folder of the bundle.")],
    to: Annotated[str, typer.Option("--to", help="Target: docker, compose, kubernetes or systemd.")],
    out: Annotated[Path, typer.Option(help="New folder to write to.")] = Path("deploy"),
    image: Annotated[str | None, typer.Option(help="Name of the image (default goldilocks-NAME:VERSION).")] = None,
    min_replicas: Annotated[int, typer.Option(min=1, help="Minimum number of replicas (kubernetes, systemd).")] = 1,
    max_replicas: Annotated[
        int, typer.Option(min=1, help="Maximum number of replicas under load (kubernetes, systemd).")
    ] = 4,
) -> None:
    """Write the files to run BUNDLE as a service (Docker, Compose, Kubernetes, systemd), with alerts and a dashboard.

    Nothing is built, sent or started, and no key is written: the first lines of each file explain its use.
    Exit code 0: written; 2: no bundle, an unknown target, or the folder is not empty.

    Example: goldilocks deploy run/bundle --to kubernetes --out k8s
    """
    from goldilocks.bundle.verify import verify
    from goldilocks.errors import IntegrityError
    from goldilocks.serving.deploy.write import deployment_of, write_deployment

    deployment = deployment_of(bundle, image=image, min_replicas=min_replicas, max_replicas=max_replicas)
    if not (checked := verify(bundle)).ok:
        raise IntegrityError(f"{bundle}: {checked.message}; write the bundle again.")
    for path in write_deployment(bundle, to, out, deployment):
        typer.echo(str(path))
