"""Bundles and clients that several files of this folder use."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import client, live, settings, weather
from starlette.testclient import TestClient


@pytest.fixture(scope="session")
def weather_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return weather(tmp_path_factory.mktemp("weather") / "bundle")


@pytest.fixture(scope="module")
def api(weather_bundle: Path) -> Iterator[TestClient]:
    with client(settings({"weather": weather_bundle})) as found:
        yield found


@pytest.fixture(scope="module")
def address(weather_bundle: Path) -> Iterator[str]:
    with live(settings({"weather": weather_bundle})) as found:
        yield found
