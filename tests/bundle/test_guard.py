import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from goldilocks.bundle.guard import refuse_pickle, safe_name
from goldilocks.errors import IntegrityError


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_pickle_is_found_by_its_first_bytes(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "weights.json").write_bytes(pickle.dumps({"a": [1, 2]}, protocol=protocol))

    with pytest.raises(IntegrityError, match="is a pickle"):
        refuse_pickle(tmp_path / "weights.json")


def test_pickle_with_the_name_of_safetensors_is_found(tmp_path: Path) -> None:
    (tmp_path / "weights.safetensors").write_bytes(pickle.dumps(list(range(9)), protocol=4))

    with pytest.raises(IntegrityError, match="is a pickle"):
        refuse_pickle(tmp_path / "weights.safetensors")


def test_safetensors_whose_length_looks_like_a_pickle_are_let_through(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    for filler in range(1, 700):  # until the header is 0x280 = 640 bytes long, so that the file begins with 80 02
        save_file({"a": np.zeros(2, dtype=np.float32)}, path, metadata={"note": "x" * filler})
        if path.read_bytes()[:2] == b"\x80\x02":
            break
    assert path.read_bytes()[:2] == b"\x80\x02"

    refuse_pickle(path)


def test_archive_with_a_pickle_inside_is_found(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "weights.npz", "w") as archive:  # as torch.save writes it
        archive.writestr("archive/data.pkl", pickle.dumps({}))

    with pytest.raises(IntegrityError, match="is a pickle or may hold one"):
        refuse_pickle(tmp_path / "weights.npz")


def test_arrays_of_objects_are_found_and_arrays_of_numbers_let_through(tmp_path: Path) -> None:
    for name, array in (("objects", np.array([{}, []], dtype=object)), ("numbers", np.arange(3))):
        buffer = io.BytesIO()
        np.save(buffer, array)
        (tmp_path / f"{name}.npy").write_bytes(buffer.getvalue())
        np.savez(tmp_path / f"{name}.npz", array)

    for end in ("npy", "npz"):
        refuse_pickle(tmp_path / f"numbers.{end}")
        with pytest.raises(IntegrityError, match="is a pickle"):
            refuse_pickle(tmp_path / f"objects.{end}")


def test_archive_that_cannot_be_looked_into_is_not_let_through(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"PK\x03\x04 and no archive")

    with pytest.raises(IntegrityError, match="may hold one"):
        refuse_pickle(tmp_path / "a.json")


@pytest.mark.parametrize(
    ("name", "safe"),
    [("model/a.json", True), ("a..b", True), ("..", False), ("a/../b", False), ("/a", False), ("a//b", False)],
)
def test_name_stays_inside_the_folder(name: str, safe: bool) -> None:
    assert safe_name(name) is safe
