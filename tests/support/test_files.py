from pathlib import Path

import pytest

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.records import Measured
from goldilocks.support.files import append_line, check_apart, read_record, sha256_of, to_json, try_writing, write_bytes


def test_record_comes_back_from_json(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    measured = Measured(0.5, 0.4, 0.6, 100, "accuracy")
    write_bytes(path, to_json(measured).encode())

    assert read_record(Measured, path) == measured


def test_damaged_record_names_file_and_spot(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text('{"value": "x"}')
    with pytest.raises(IntegrityError, match=r"m.json: damaged or from another version \(value: "):
        read_record(Measured, path)
    with pytest.raises(MissingError, match="there is no such file"):
        read_record(Measured, tmp_path / "no.json")


def test_failed_write_leaves_the_old_content_and_no_scraps(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(InputError, match="No space left on device"):
        append_line(full, "x" * 10_000)
    folder = tmp_path / "file"
    folder.write_text("old")
    with pytest.raises(InputError, match="cannot be written"):
        write_bytes(folder / "under", b"new")
    assert folder.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_place_that_cannot_be_written_to_is_named_and_not_the_file_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    try_writing(tmp_path / "new" / "a.json")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(InputError, match="is a folder; name a file"):
        try_writing(tmp_path)
    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(Path, "unlink", refuse)  # as where the folder may not be searched
    for tried in (try_writing, lambda path: write_bytes(path, b"x")):
        with pytest.raises(InputError, match=r"/a\.json: cannot be written \(Permission denied\)"):
            tried(tmp_path / "a.json")


def test_output_is_not_one_of_the_inputs_nor_in_the_folder_of_one(tmp_path: Path) -> None:
    data, bundle = tmp_path / "data.csv", tmp_path / "bundle"
    data.touch()
    bundle.mkdir()
    (tmp_path / "symbolic").symlink_to(data)
    (tmp_path / "hard").hardlink_to(data)
    for same in (data, tmp_path / "bundle" / ".." / "data.csv", tmp_path / "symbolic", tmp_path / "hard", bundle):
        with pytest.raises(InputError, match="is read by this command and would be overwritten"):
            check_apart(same, str(data), bundle)
    with pytest.raises(InputError, match=r"new/out.json: lies in .*bundle, which must not change"):
        check_apart(bundle / "new" / "out.json", data, bundle)
    check_apart(tmp_path / "bundle2", data, bundle, None, "pypi://package/data.csv", "x" * 5_000)


def test_sha256_is_that_of_the_standard(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")

    # FIPS 180-4, example of one block
    assert sha256_of(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
