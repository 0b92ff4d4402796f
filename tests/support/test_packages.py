from __future__ import annotations

from pathlib import Path

import pytest

from goldilocks.errors import InputError, MissingError
from goldilocks.support.packages import in_package


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that must not be imported, with one file in a folder."""
    (tmp_path / "shipped" / "data").mkdir(parents=True)
    (tmp_path / "shipped" / "__init__.py").write_text("raise RuntimeError('imported')\n")
    (tmp_path / "shipped" / "data" / "rows.csv").write_text("x")
    about = tmp_path / "shipped-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: shipped\nVersion: 1.0\n")
    (about / "RECORD").write_text("shipped/__init__.py,,\nshipped/data/rows.csv,,\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_files_and_folders_are_found_without_importing_the_package(shipped: Path) -> None:
    assert in_package("pypi://shipped/shipped/data") == shipped / "shipped" / "data"
    assert in_package("pypi://shipped/shipped/data/rows.csv") == shipped / "shipped" / "data" / "rows.csv"
    assert in_package("pypi://shipped/shipped/data/", only_folders=True) == shipped / "shipped" / "data"


def test_file_is_no_folder(shipped: Path) -> None:
    with pytest.raises(MissingError, match=r"1.0 has no such folder. Did you mean 'pypi://shipped/shipped/data'\?"):
        in_package("pypi://shipped/shipped/data/rows.csv", only_folders=True)


def test_wrong_path_names_the_nearest(shipped: Path) -> None:
    with pytest.raises(
        MissingError, match=r"no such file or folder. Did you mean 'pypi://shipped/shipped/data/rows.csv'"
    ):
        in_package("pypi://shipped/shipped/data/row.csv")


def test_package_that_is_not_installed_is_named_with_the_command() -> None:
    with pytest.raises(MissingError, match="the package not-here is not installed: pip install not-here"):
        in_package("pypi://not-here/data")


@pytest.mark.parametrize("source", ["pypi://shipped", "pypi://shipped/", "pypi:///x", "pypi://shipped/../x"])
def test_source_without_a_path_inside_a_package_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="names no file or folder of a package; write pypi://package/path/inside/it"):
        in_package(source)
    with pytest.raises(InputError, match="names no folder of a package"):
        in_package(source, only_folders=True)
