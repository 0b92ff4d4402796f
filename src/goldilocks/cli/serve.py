"""``goldilocks serve``: serve bundles over HTTP."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from goldilocks.errors import MissingError


def serve(
    bundles: Annotated[
        list[Path] | None, typer.Argument(help="Folders of bundles; run/bundle is served as run.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Address to bind (default 127.0.0.1).")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65_535, help="Port (default 8000); 0: a free one.")] = None,
    config: Annotated[Path | None, typer.Option(help="serve.yaml with further settings; see docs/serving.md.")] = None,
    keys: Annotated[Path | None, typer.Option(help="Key file, made with `goldilocks keys add`.")] = None,
    allow_open: Annotated[
        bool, typer.Option("--allow-open", help="Bind to non-loopback addresses without keys.")
    ] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="PEM file with the certificate.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="PEM file with its private key.")] = None,
    executor: Annotated[str, typer.Option(help="What runs the replicas: local, or ray (Ray Serve).")] = "local",
) -> None:
    """Serve BUNDLES over HTTP until SIGTERM or Ctrl-C, then finish the accepted requests.

    Listens on one port and opens no outgoing connection.

    Exit code 0: stopped by a signal; 2: a bundle, key file or address cannot be used; 4: accepted requests were
    still unanswered limits.drain_seconds after the signal.

    Example: goldilocks serve run/bundle --port 8000

    Example: goldilocks serve --config serve.yaml --keys keys.json --host 0.0.0.0
    """
    from dataclasses import replace

    from goldilocks.errors import InputError

    try:
        import fastapi  # noqa: F401
        import prometheus_client  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise MissingError(f"{error.name} is not installed; pip install 'goldilocks-lm[serve]'.") from error
    if executor not in ("local", "ray"):
        raise InputError(f"--executor is {executor!r}; it must be local or ray.")
    from goldilocks.data.mask import find
    from goldilocks.serving.server import serve as run
    from goldilocks.serving.settings import ServeSettings, TlsSettings, read_settings, with_bundles

    settings = read_settings(config) if config else ServeSettings()
    settings = with_bundles(settings, bundles or [])
    if (tls_cert is None) != (tls_key is None):
        raise InputError("--tls-cert and --tls-key go together; pass both, or neither.")
    if tls_cert and tls_key:
        settings = replace(settings, tls=TlsSettings(tls_cert, tls_key))
    settings = replace(
        settings,
        host=host if host is not None else settings.host,
        port=port if port is not None else settings.port,
        keys=keys if keys is not None else settings.keys,
        allow_open=allow_open or settings.allow_open,
    )
    if executor == "ray":
        from goldilocks.serving.ray_executor import serve_on_ray as run
    run(settings, lambda line: typer.echo(line, err=True), find)
