"""Links are read under their own names; what is not a regular file, or too much, is refused before it is read."""

import gzip
import os
import socket
import stat
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from case_files import as_csv, reading, topic_rows

from goldilocks import plugins
from goldilocks.cli.task_file import spec_of
from goldilocks.data.read import Reading, read
from goldilocks.errors import InputError, MissingError
from goldilocks.settings import read_task, task_from

TASK = plugins.load("tasks", "text_classification")


def read_here(folder: Path, name: str, most: int = 10**6) -> Reading:
    return read(name, {}, TASK, folder, max_bytes=most)


def test_link_is_read_under_its_own_name(tmp_path: Path) -> None:
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "SHA256E-s10").write_bytes(as_csv(topic_rows(4)))
    (tmp_path / "rows.csv").symlink_to("objects/SHA256E-s10")
    assert read_here(tmp_path, "rows.csv").total == 4
    spec = spec_of(tmp_path / "rows.csv")
    assert (spec.folder, spec.data.train, spec.name) == (tmp_path, "rows.csv", "rows")


def test_task_file_that_is_a_link_starts_from_its_own_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "blob").write_text("name: t\ndata: {train: rows.csv}\n")
    (tmp_path / "task.yaml").symlink_to("cache/blob")
    assert read_task(tmp_path / "task.yaml").folder == tmp_path


def test_links_that_lead_nowhere_or_in_a_circle_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    (tmp_path / "c.csv").symlink_to("gone.csv")
    with pytest.raises(MissingError, match=r"a\.csv: is a symbolic link that leads in a circle"):
        read_here(tmp_path, "a.csv")
    with pytest.raises(MissingError, match=r"c\.csv: is a symbolic link that leads to gone\.csv, which is not there"):
        read_here(tmp_path, "c.csv")


def test_fifo_and_socket_and_device_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.csv")
    with pytest.raises(InputError, match=r"fifo\.csv: is a FIFO \(named pipe\), not a file"):
        read_here(tmp_path, "fifo.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(tmp_path / "s.csv"))
        with pytest.raises(InputError, match=r"s\.csv: is a socket, not a file"):
            read_here(tmp_path, "s.csv")
    (tmp_path / "zero.csv").symlink_to("/dev/zero")
    with pytest.raises(InputError, match=r"zero\.csv: is a character device, not a file"):
        read_here(tmp_path, "zero.csv")


def test_fifo_in_a_folder_of_labels_is_refused(tmp_path: Path) -> None:
    for name in ("texts/a/1.txt", "texts/b/1.txt"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("text")
    os.mkfifo(tmp_path / "texts" / "b" / "2.txt")
    with pytest.raises(InputError, match=r"2\.txt: is a FIFO"):
        read_here(tmp_path, "texts")


def test_folder_that_links_to_itself_is_walked_once(tmp_path: Path) -> None:
    (tmp_path / "texts" / "a").mkdir(parents=True)
    (tmp_path / "texts" / "a" / "1.txt").write_text("text")
    (tmp_path / "texts" / "loop").symlink_to(tmp_path / "texts")
    assert read_here(tmp_path, "texts").total >= 1


def test_sparse_file_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "x.csv").open("wb") as file:
        file.write(as_csv(topic_rows(4)))
        file.truncate(1 << 24)
    if (tmp_path / "x.csv").stat().st_blocks * 512 >= 1 << 24:
        pytest.skip("this file system stores holes")
    with pytest.raises(InputError, match=r"x\.csv: is sparse: parts of its 16,777,216 bytes were never written"):
        read_here(tmp_path, "x.csv", 1 << 30)


def test_more_bytes_than_allowed_are_refused_compressed_or_not(tmp_path: Path) -> None:
    content = as_csv([("a" * 50_000, "x"), ("b" * 50_000, "y")])
    for name, stored in (
        ("x.csv", content),
        ("x.csv.gz", gzip.compress(content)),
        ("packed.csv", gzip.compress(content)),
    ):
        (tmp_path / name).write_bytes(stored)
        with pytest.raises(InputError, match=rf"{name}: holds more than 99,999 bytes; raise the limit \(--max-bytes"):
            read_here(tmp_path, name, 99_999)
        assert read_here(tmp_path, name, len(content)).total == 2


def test_bomb_in_parquet_is_refused(tmp_path: Path) -> None:
    table = pa.table({"text": ["same text"] * 200_000, "label": ["a"] * 200_000})
    pq.write_table(table, tmp_path / "x.parquet")
    assert (tmp_path / "x.parquet").stat().st_size < 100_000
    with pytest.raises(InputError, match="holds more than 1,000,000 bytes"):
        read_here(tmp_path, "x.parquet")


def test_folder_counts_as_the_sum_of_its_files(tmp_path: Path) -> None:
    for place in range(3):
        (tmp_path / "texts" / f"label{place}").mkdir(parents=True)
        (tmp_path / "texts" / f"label{place}" / "1.txt").write_text("x" * 400)
    with pytest.raises(InputError, match="holds more than 1,000 bytes in its files"):
        read_here(tmp_path, "texts", 1_000)
    assert read_here(tmp_path, "texts", 1_200).total == 3


def test_limit_is_read_from_the_task_file_and_the_option() -> None:
    spec = task_from({"name": "t", "data": {"train": "x.csv", "max_bytes": 5}})
    assert spec.data.max_bytes == 5
    assert spec_of(Path("x.csv"), max_bytes=7).data.max_bytes == 7
    assert spec_of(Path("x.csv")).data.max_bytes == 4_000_000_000
    with pytest.raises(InputError, match=r"data\.max_bytes is 0; it must be at least 1"):
        task_from({"name": "t", "data": {"train": "x.csv", "max_bytes": 0}})


def test_parallel_files_are_limited_too(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("x" * 100 + "\n")
    (tmp_path / "a.de").write_text("y\n")
    with pytest.raises(InputError, match=r"a\.en: holds more than 50 bytes"):
        read("a.{en,de}", {}, plugins.load("tasks", "translation"), tmp_path, max_bytes=50)


def test_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    path = tmp_path / "x.csv"
    path.write_bytes(as_csv(topic_rows(4)))
    path.chmod(stat.S_IWUSR)
    with pytest.raises(InputError, match=r"x\.csv: may not be read"):
        read_here(tmp_path, "x.csv")


def test_reading_of_a_whole_file_needs_no_more_than_its_bytes(tmp_path: Path) -> None:
    content = as_csv(topic_rows(10))
    assert reading(tmp_path, "x.csv", content).total == 10
    assert read_here(tmp_path, "x.csv", len(content)).total == 10
