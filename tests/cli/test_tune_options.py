"""Options that are written as NAME=VALUE, and options of ``goldilocks tune`` that do not go together."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from goldilocks.cli.main import app
from goldilocks.cli.task_file import pairs_of
from goldilocks.errors import InputError


def test_training_options_are_name_and_value() -> None:
    form = "NAME=VALUE, e.g. --training schedule=cosine"
    assert pairs_of(["schedule=cosine", "epochs=2"], "--training", form) == {"schedule": "cosine", "epochs": "2"}
    assert pairs_of(None, "--training", form) == {}
    for pair in ("schedule", "=cosine", "schedule="):
        with pytest.raises(InputError, match=f"--training {pair}: write NAME=VALUE"):
            pairs_of([pair], "--training", form)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--resume", "--resume continues a run with --search or --processes"),
        ("--processes 2 --search 3", "--processes is for a single run"),
        ("--shard", "--shard divides weights among processes"),
        ("--old-data old.csv", "--old-data goes with --continue-from"),
        ("--continue-from bundle --search 3", "--search does not go with --continue-from"),
        ("--continue-from bundle --candidate a/b/c", "--candidate does not go with --continue-from"),
        ("--from run --metric accuracy", "--metric: with --from, the run determines this"),
        ("--from run --epochs 2", "epochs: with --from, the run determines this"),
        ("", "--candidate is required"),
    ],
)
def test_options_that_do_not_go_together_are_refused_by_name(arguments: str, message: str) -> None:
    done = CliRunner().invoke(app, ["tune", "rows.csv", *arguments.split()])

    assert isinstance(done.exception, InputError)
    assert str(done.exception).startswith(message)
