"""The recorder of the bank: the order of its cells, one real cell, going on after a stop, and failures."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import pytest

from goldilocks.selection.race_table import read_rows, read_table

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """200 rows of two labels, each text there twice."""
    folder = tmp_path / "data" / "trec"
    folder.mkdir(parents=True)
    texts = [(f"{'fine' if n % 2 else 'awful'} thing {n}", "ab"[n % 2]) for n in range(100)]
    lines = [json.dumps({"text": text, "label": label}) for text, label in texts + texts]
    (folder / "train.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder.parent


def test_cheap_candidates_come_first_and_a_new_family_before_more_of_the_same() -> None:
    from bank import Pair, cells

    got = cells(
        [Pair("f", "m", {"one": 4.0, "two": 4.0}), Pair("f", "n", {"one": 4.0}), Pair("g", "o", {"one": 8.0})],
        ["d", "e"],
    )

    # (seconds + 1) * (1 + models of the family before) * (1 + methods of the model before): 5, 9, 10 and 10.
    order = ["f/m/one", "g/o/one", "f/m/two", "f/n/one"]
    assert [cell.candidate for cell in got[::2]] == order
    assert [cell.dataset for cell in got] == ["d", "e"] * 4


def test_models_of_the_bank_offer_labels() -> None:
    from bank import pairs

    from goldilocks import plugins
    from goldilocks.records import Output

    made = pairs()
    assert {"naive_bayes", "static_embedding", "encoder", "decoder"} <= {pair.family for pair in made}
    assert all(Output.LABEL in plugins.load("families", pair.family).OUTPUTS for pair in made)
    assert all(pair.seconds for pair in made)


def test_parts_share_no_text(data: Path) -> None:
    from bank import parts

    got = parts(data, "trec", 40, 0)

    assert (len(got["train"]), len(got["validation"])) == (40, 60)  # 100 different texts, fewer than are wanted
    assert not set(got["train"].texts) & set(got["validation"].texts)


def test_cells_of_a_small_set_make_a_table_that_replay_reads(data: Path, tmp_path: Path) -> None:
    from bank import Cell, add, record, recorded

    out = tmp_path / "bank.csv"
    wanted = [Cell("trec", "majority", "shares", "scratch"), Cell("trec", "naive_bayes", "word12", "scratch")]
    (data / "trec" / "train.jsonl").write_text(
        "\n".join(
            json.dumps({"text": f"{'fine' if n % 2 else 'awful'} thing {n}", "label": "ab"[n % 2]}) for n in range(500)
        ),
        encoding="utf-8",
    )
    for cell in wanted:
        add(out, record(cell, data, tmp_path, 40, 0))

    (race,) = read_table(out)
    assert race.rungs == (0.1, 0.3, 1.0)
    assert race.curves["naive_bayes/word12/scratch"].test_score > race.curves["majority/shares/scratch"].test_score
    assert recorded(out) == {cell.key(40, 0) for cell in wanted}
    assert "thing" not in out.read_text(encoding="utf-8")  # no row of data


def test_tiny_bank_is_imported_as_experience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bank import Cell, add, record

    from goldilocks.cli.experience import import_
    from goldilocks.selection.experience_store import ExperienceStore

    out = tmp_path / "bank.csv"
    for at, dataset in enumerate(("trec", "sst2", "banking77")):
        (tmp_path / dataset).mkdir()
        lines = [
            json.dumps({"text": f"{'fine' if n % 2 else 'awful'} thing {n % 7} {at}{n}", "label": "ab"[n % 2]})
            for n in range(500)
        ]
        (tmp_path / dataset / "train.jsonl").write_text("\n".join(lines), encoding="utf-8")
        for cell in (Cell(dataset, "majority", "shares", "scratch"), Cell(dataset, "naive_bayes", "word12", "scratch")):
            add(out, record(cell, tmp_path, tmp_path, 40, 0))

    monkeypatch.setenv("GOLDILOCKS_CACHE", str(tmp_path / "cache"))
    import_([out])

    store = ExperienceStore()
    assert store.path.is_relative_to(tmp_path)
    assert store.rows() == read_rows(out)
    assert [race.dataset for race in store.races()] == ["banking77-40", "sst2-40", "trec-40"]
    known = store.experience().candidates
    assert known["naive_bayes/word12/scratch"].level < known["majority/shares/scratch"].level


def test_cells_that_are_there_are_skipped_and_failed_ones_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import bank

    out = tmp_path / "bank.csv"
    asked: list[str] = []

    def bought(cell: bank.Cell, _: argparse.Namespace, limit: float) -> list[dict[str, str]] | str:
        assert 0 < limit <= bank.CELL_SECONDS
        asked.append(cell.method)
        if cell.method == "lora" and asked.count("lora") == 1:
            return "killed"
        row = dict.fromkeys(read_rows(out)[0] if out.exists() else (), "")
        row |= {"dataset": "d-400", "candidate": cell.candidate, "family": "f", "model": "m", "method": cell.method}
        scores = {"rung": "1", "seconds": "1", "validation_score": "0.5", "test_score": "0.5", "n": "9", "seed": "0"}
        return [row | scores]

    monkeypatch.setattr(bank, "pairs", lambda: [bank.Pair("f", "m", {"full": 1.0, "lora": 1.0})])
    monkeypatch.setattr(bank, "SETS", {"d": "train"})
    monkeypatch.setattr(bank, "bought", bought)
    monkeypatch.setattr(sys, "argv", ["bank.py", "--out", str(out)])
    bank.main()
    bank.main()

    assert asked == ["full", "lora", "lora"]
    assert [row["candidate"] for row in read_rows(out)] == ["f/m/full", "f/m/lora"]
    first, second = json.loads((tmp_path / "bank.json").read_text(encoding="utf-8"))["recordings"]
    assert (first["failed"], second["failed"]) == ({"d f/m/lora": "killed"}, {})
    assert "failed: killed" in capsys.readouterr().out


def test_end_of_the_minutes_is_no_failure_of_the_cell_under_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import bank

    clock = [0.0]

    def bought(cell: bank.Cell, _: argparse.Namespace, limit: float) -> str:
        clock[0] += limit
        return f"took longer than {limit:.0f} s"

    monkeypatch.setattr(bank, "bought", bought)
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    missing = [bank.Cell("d", "f", "m", method) for method in ("full", "lora", "cosine")]
    # 900 s of the first cell are its own limit, and a failure; the second is cut short by the end.
    bank.fill(missing, argparse.Namespace(minutes=16, out=tmp_path / "bank.csv", rows=400))

    (recording,) = json.loads((tmp_path / "bank.json").read_text(encoding="utf-8"))["recordings"]
    assert recording["failed"] == {"d f/m/full": "took longer than 900 s"}
    assert "16 minutes are over; 1 cells are missing" in capsys.readouterr().out


def test_experience_that_is_shipped_knows_the_candidates_and_keeps_the_kinds_of_the_package(tmp_path: Path) -> None:
    import bank

    from goldilocks.selection.experience import read_experience
    from goldilocks.selection.experience_store import write_rows
    from goldilocks.testing.races import rows

    base = bank.SHIPPED.with_name("experience.json")
    (tmp_path / "experience.json").write_bytes(base.read_bytes())
    write_rows(tmp_path / "bank.csv", rows())
    message = bank.ship(tmp_path / "bank.csv", tmp_path / "experience_bank.json")

    shipped, package = read_experience(tmp_path / "experience_bank.json"), read_experience(base)
    assert shipped.candidates
    assert set(shipped.level) >= set(package.level)
    assert package.source in shipped.source
    assert f"{len(shipped.candidates)} candidates" in message


def test_crash_of_a_cell_is_an_answer(tmp_path: Path) -> None:
    from bank import Cell, bought

    chosen = argparse.Namespace(data=tmp_path / "nowhere", work=tmp_path, rows=40, seed=0)
    got = bought(Cell("trec", "majority", "shares", "scratch"), chosen)
    assert isinstance(got, str)
    assert "nowhere" in got


def test_worth_of_a_bank_whose_data_sets_rank_candidates_alike_is_positive() -> None:
    import bank
    import bank_worth

    from goldilocks.selection.experience import read_experience
    from goldilocks.selection.race_table import races_of
    from goldilocks.testing.races import rows

    # The best is called z: a race that knows nothing answers with the first name.
    renamed = [row | {"candidate": "z", "model": "z"} if row["model"] == "m0" else row for row in rows()]
    package = read_experience(bank.SHIPPED.with_name("experience.json"))
    seen, stops = bank_worth.regrets(races_of(renamed, where="test"), package, seeds=3)

    assert max(seen["with bank"]["0.05"].values()) < 1.0
    assert min(seen["package"]["0.05"].values()) > 1.0
    assert set(stops) == {"package", "with bank", "bank alone"}
