import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
from fake_shelf import checkpoint

from goldilocks.catalog.fetch import check_files, folder_of
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.records import ModelInfo

FACTS = ModelInfo("mine", "fake", "", "", "", (), "mit", 1, 1)


def test_local_folder_is_itself(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")

    assert folder_of(str(folder), offline=True) == folder.resolve()


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.pkl", "model.pt"])
def test_weights_that_are_only_there_as_a_pickle_are_refused(tmp_path: Path, weights: str) -> None:
    folder = checkpoint(tmp_path / "mine", weights=weights)

    with pytest.raises(InputError, match=f"only there as {weights}, a pickle, .* as safetensors"):
        folder_of(str(folder), offline=True)


def test_pickle_beside_safetensors_is_not_read_and_does_not_matter(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")
    (folder / "pytorch_model.bin").write_bytes(b"")

    assert folder_of(str(folder), offline=True)


def test_folder_without_weights_is_missing_them(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match=r"holds no .safetensors file"):
        folder_of(str(tmp_path), offline=True)


def test_file_where_a_folder_belongs_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").touch()

    with pytest.raises(InputError, match="is a file; name the folder"):
        folder_of(str(tmp_path / "model.safetensors"), offline=True)
    (tmp_path / "model.gguf").touch()
    with pytest.raises(InputError, match=r"is a file; name the folder that holds the \.gguf"):
        folder_of(str(tmp_path / "model.gguf"), offline=True)


def test_package_that_is_not_installed_is_named_with_the_command() -> None:
    with pytest.raises(MissingError, match="the package not-a-package is not installed: pip install not-a-package"):
        folder_of("pypi://not-a-package/model", offline=True)


def test_wrong_folder_of_a_package_names_the_nearest() -> None:
    with pytest.raises(MissingError, match=r"has no such folder. Did you mean 'pypi://pytest/_pytest/mark'\?"):
        folder_of("pypi://pytest/_pytest/marks", offline=True)


@pytest.mark.parametrize("source", ["pypi://pytest", "pypi://pytest/", "pypi:///x", "pypi://pytest/../x"])
def test_source_that_names_no_folder_of_a_package_is_refused(source: str) -> None:
    with pytest.raises(InputError, match="names no folder of a package; write pypi://package/path/inside/it"):
        folder_of(source, offline=True)


def test_model_made_here_has_no_folder() -> None:
    with pytest.raises(InputError, match="made here has no folder"):
        folder_of("builtin", offline=True)


def test_file_that_is_not_the_one_the_catalogue_knows_is_refused(tmp_path: Path) -> None:
    folder = checkpoint(tmp_path / "mine")
    known = replace(FACTS, source=str(folder), sha256={"model.safetensors": hashlib.sha256(b"weights").hexdigest()})
    assert folder_of(known, offline=True)

    (folder / "model.safetensors").write_bytes(b"wEights of another size")

    with pytest.raises(IntegrityError, match=r"mine: .*model.safetensors has sha256 .* the catalogue knows"):
        folder_of(known, offline=True)


def test_file_the_catalogue_knows_and_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(IntegrityError, match=r"model.safetensors is missing"):
        check_files(tmp_path, replace(FACTS, sha256={"model.safetensors": "0" * 64}))
