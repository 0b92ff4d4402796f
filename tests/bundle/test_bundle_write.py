import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made import DATASET, GOLD, TEXTS, bundle, decision, facts, fitted

from goldilocks.answers import Answers, of_labels
from goldilocks.bundle.read import load
from goldilocks.bundle.write import Tuned, Winner, write, write_tuned
from goldilocks.errors import InputError, IntegrityError
from goldilocks.protocols import Model
from goldilocks.records import Candidate, Measured, Text


class Wrapped:
    """A model that answers as ``inner`` does, for tests to spoil."""

    def __init__(self, inner: Model) -> None:
        self.inner = inner
        self.labels = inner.labels

    def predict(self, texts: Sequence[Text]) -> Answers:
        return self.inner.predict(texts)

    def size_bytes(self) -> int:
        return self.inner.size_bytes()

    def save(self, folder: Path) -> None:
        self.inner.save(folder)


@pytest.mark.parametrize("family", ["majority", "naive_bayes", "tfidf_linear"])
def test_what_is_written_is_what_is_read(tmp_path: Path, family: str) -> None:
    model = fitted(family)

    read = load(bundle(tmp_path / "bundle", family, model))

    np.testing.assert_allclose(read.probabilities(TEXTS), model.predict(TEXTS).probabilities, atol=1e-6)
    assert (read.info.family, read.info.method, read.labels) == (family, "scratch", ("dry", "wet"))
    assert read.info.facts == facts(family)


def test_scores_and_their_origin_go_with_the_bundle(tmp_path: Path) -> None:
    info = load(bundle(tmp_path / "bundle")).info

    assert info.validation == {"macro_f1": Measured(0.9, 0.85, 0.95, 30, "macro_f1")}
    assert info.test["accuracy"].value == 0.82
    assert (info.data_fingerprint, info.seed, info.language) == ("0123456789abcdef", 7, "en")
    assert info.decision == "naive_bayes/" + facts("naive_bayes").name + "/scratch is worth its price."


def test_twenty_predictions_over_all_labels_are_stored(tmp_path: Path) -> None:
    stored = load(bundle(tmp_path / "bundle")).info.predictions

    gold: dict[Text, str] = dict(zip(TEXTS, GOLD, strict=True))
    assert len({record.text for record in stored}) == 20
    assert sum(gold[record.text] == "dry" for record in stored) == 10


def test_personal_data_are_taken_out_of_stored_texts(tmp_path: Path) -> None:
    candidate = Candidate(facts("naive_bayes"), "scratch")

    write(
        fitted("naive_bayes"),
        Winner(candidate, decision(candidate)),
        DATASET,
        tmp_path / "bundle",
        mask=lambda text: text.replace("sun", "<star>"),
    )

    content = (tmp_path / "bundle" / "bundle.json").read_text()
    assert "<star>" in content
    assert "sun" not in content


def test_folder_names_of_the_machine_do_not_go_with_the_bundle(tmp_path: Path) -> None:
    model_facts = replace(facts("naive_bayes"), source=str(tmp_path / "secret" / "mine"))

    candidate = Candidate(model_facts, "scratch")
    write(fitted("naive_bayes"), Winner(candidate, decision(candidate)), DATASET, tmp_path / "bundle")

    assert load(tmp_path / "bundle").info.facts.source == "mine"
    for name in ("bundle.json", "README.md"):
        assert "secret" not in (tmp_path / "bundle" / name).read_text()


def test_bundle_without_a_race_says_so_and_has_no_test_score(tmp_path: Path) -> None:
    score = Measured(0.9, 0.85, 0.95, 30, "macro_f1")
    candidate = Candidate(facts("majority"), "scratch")
    (tmp_path / "tuned").mkdir()  # an empty folder may be there already

    write_tuned(
        fitted("majority"), Tuned(candidate, "text_classification", "macro_f1", score), DATASET, tmp_path / "tuned"
    )

    info = load(tmp_path / "tuned").info
    assert (info.validation, info.test) == ({"macro_f1": score}, {})
    assert "named by the user" in info.decision


def test_bundle_that_is_there_is_replaced_whole(tmp_path: Path) -> None:
    bundle(tmp_path / "bundle", "naive_bayes")

    bundle(tmp_path / "bundle", "majority")

    assert load(tmp_path / "bundle").info.family == "majority"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_folder_that_holds_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "bundle").mkdir()
    (tmp_path / "bundle" / "thesis.txt").write_text("years of work")

    with pytest.raises(InputError, match="is not a bundle and not empty; move it away, or choose another --out"):
        bundle(tmp_path / "bundle")

    assert (tmp_path / "bundle" / "thesis.txt").read_text() == "years of work"


def test_model_that_reads_back_other_answers_is_not_written(tmp_path: Path) -> None:
    class Forgetful(Wrapped):
        def predict(self, texts: Sequence[Text]) -> Answers:
            turned = self.inner.predict(texts).probabilities[:, ::-1]
            return of_labels(turned, self.labels)  # the file will hold the labels the other way round

    with pytest.raises(IntegrityError, match=r"not written, because read back .* came out differently"):
        bundle(tmp_path / "bundle", "naive_bayes", Forgetful(fitted("naive_bayes")))

    assert list(tmp_path.iterdir()) == []


def test_model_that_saves_a_pickle_is_not_written(tmp_path: Path) -> None:
    class Pickler(Wrapped):
        def save(self, folder: Path) -> None:
            self.inner.save(folder)
            (folder / "extra.pkl").write_bytes(b"\x80\x04N.")

    with pytest.raises(IntegrityError, match=r"extra\.pkl: is a pickle"):
        bundle(tmp_path / "bundle", "naive_bayes", Pickler(fitted("naive_bayes")))

    assert list(tmp_path.iterdir()) == []


def test_disk_full_leaves_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("mounting is not allowed here")

    class Large(Wrapped):
        def save(self, folder: Path) -> None:
            self.inner.save(folder)
            (folder / "large.json").write_text("x" * 200_000)

    try:
        with pytest.raises(InputError, match=r"bundle: cannot be written \(No space left on device\); free space"):
            bundle(disk / "bundle", "majority", Large(fitted("majority")))
        assert list(disk.iterdir()) == []
    finally:
        subprocess.run(["umount", disk], check=True)


def test_disk_full_inside_a_library_is_reported_the_same_way(tmp_path: Path) -> None:
    class Rusty(Wrapped):
        def save(self, folder: Path) -> None:
            raise Exception("Error while serializing: No space left on device (os error 28)")  # noqa: TRY002

    with pytest.raises(InputError, match=r"cannot be written \(No space left on device\)"):
        bundle(tmp_path / "bundle", "majority", Rusty(fitted("majority")))

    assert list(tmp_path.iterdir()) == []


def test_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(InputError, match=r"cannot be written .* choose another --out"):
        bundle(tmp_path / "file" / "bundle", "majority")


KILLED = """
import os, signal, sys
from pathlib import Path
import made
class Killed:
    def __init__(self, inner):
        self.inner, self.labels, self.predict = inner, inner.labels, inner.predict
    def save(self, folder):
        self.inner.save(folder)
        os.kill(os.getpid(), signal.SIGKILL)
made.bundle(Path(sys.argv[1]), "majority", Killed(made.fitted("majority")))
"""


def test_killed_in_the_middle_leaves_no_half_bundle_and_the_next_run_cleans_up(tmp_path: Path) -> None:
    def killed() -> None:
        here = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
        done = subprocess.run([sys.executable, "-c", KILLED, tmp_path / "bundle"], env=here, check=False)
        assert done.returncode == -9

    killed()
    assert not (tmp_path / "bundle").exists()
    bundle(tmp_path / "bundle", "naive_bayes")
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    killed()
    assert load(tmp_path / "bundle").info.family == "naive_bayes"
