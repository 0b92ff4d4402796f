import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made import TEXTS, bundle

from goldilocks import plugins
from goldilocks.answers import as_fields
from goldilocks.bundle.layout import FORMAT_VERSION
from goldilocks.bundle.read import Bundle, load
from goldilocks.bundle.write import Tuned, write_tuned
from goldilocks.data.mask import mask
from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.protocols import OneShotEstimator
from goldilocks.records import Candidate, DataProfile, Dataset, Measured, Output, Part


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bundle(tmp_path_factory.mktemp("written") / "bundle")


@pytest.fixture
def folder(written: Path, tmp_path: Path) -> Path:
    """A copy of the bundle that a test may spoil."""
    return Path(shutil.copytree(written, tmp_path / "bundle"))


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    info = json.loads((folder / "bundle.json").read_text())
    edit(info)
    (folder / "bundle.json").write_text(json.dumps(info))


def test_text_gets_the_same_answer_alone_and_in_a_batch(written: Path) -> None:
    read = load(written)

    together = read.predict(TEXTS)

    for text, answer in zip(TEXTS, together, strict=True):
        alone = read.predict([text])[0]
        assert alone.label == answer.label
        assert alone.score == pytest.approx(answer.score, abs=1e-4)


def test_answer_is_the_most_probable_label_with_all_scores(written: Path) -> None:
    answer = load(str(written)).predict(["the sun shines"])[0]

    assert answer.label == "dry"
    assert answer.score == answer.scores["dry"] > answer.scores["wet"]
    assert sum(answer.scores.values()) == pytest.approx(1.0, abs=1e-5)


def test_repr_is_one_short_line_with_candidate_task_and_score(written: Path) -> None:
    read = load(written)
    info = read.info

    shown = repr(read)

    assert shown.startswith(f"Bundle('{info.family}/{info.model}/{info.method}', task='{info.task}', {info.metric}=")
    assert shown.endswith(f", labels={len(info.labels)})")
    assert "\n" not in shown
    assert len(shown) < 200


def test_no_texts_no_answers(written: Path) -> None:
    read = load(written)

    assert read.predict([]) == []
    assert np.shape(read.probabilities([])) == (0, 2)


def test_one_string_is_not_taken_for_a_list_of_letters(written: Path) -> None:
    with pytest.raises(InputError, match="pass a list of texts"):
        load(written).predict("the sun shines")


def test_text_that_is_no_string_is_named_by_its_position(written: Path) -> None:
    with pytest.raises(InputError, match="text 1 is a NoneType"):
        load(written).predict(["fine", None])


def test_folder_without_a_bundle_is_missing_and_a_runs_folder_is_pointed_on(folder: Path) -> None:
    with pytest.raises(MissingError, match=r"holds no bundle.json, so it is not a bundle. Did you mean .*bundle\?"):
        load(folder.parent)
    with pytest.raises(MissingError, match=r"so it is not a bundle\. Pass a bundle's folder"):
        load(folder / "model")


def test_tampered_weights_are_refused(folder: Path) -> None:
    weights = next((folder / "model").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)

    with pytest.raises(IntegrityError, match=r"'model/.*safetensors' was changed"):
        load(folder)


def test_missing_file_is_named(folder: Path) -> None:
    (folder / "README.md").unlink()

    with pytest.raises(IntegrityError, match=r"'README\.md' is missing"):
        load(folder)


def test_extra_file_is_refused(folder: Path) -> None:
    (folder / "model" / "more.json").write_text("{}")

    with pytest.raises(IntegrityError, match=r"holds 'model/more\.json', which bundle\.json does not list"):
        load(folder)


@pytest.mark.parametrize("name", ["weights.pkl", "model/pytorch_model.bin", "model/a.joblib", "model/weights.PT"])
def test_pickle_is_refused_by_its_name(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"anything")

    with pytest.raises(IntegrityError, match="is a pickle or may hold one"):
        load(folder)


@pytest.mark.parametrize("name", ["../outside.json", "/etc/passwd", "model/../../x", "a\\b", "C:/x", "./README.md", ""])
def test_name_that_leads_out_of_the_folder_is_refused(folder: Path, name: str) -> None:
    change(folder, lambda info: info["files"].update({name: "0" * 64}))

    with pytest.raises(IntegrityError, match="leads out of the bundle"):
        load(folder)


def test_link_is_refused(folder: Path) -> None:
    (folder / "model" / "link.json").symlink_to("/etc/hostname")

    with pytest.raises(IntegrityError, match="is a link or not a regular file"):
        load(folder)


def test_newer_format_asks_for_an_upgrade(folder: Path) -> None:
    change(folder, lambda info: info.update(format_version=FORMAT_VERSION + 1, something="new"))

    with pytest.raises(IntegrityError, match=r"format version 4, .* reads up to 3; upgrade: pip install --upgrade"):
        load(folder)


@pytest.mark.parametrize("version", [0, -1, "1", None, True, 1.5])
def test_format_version_that_never_was_is_refused(folder: Path, version: object) -> None:
    change(folder, lambda info: info.update(format_version=version))

    with pytest.raises(IntegrityError, match="is none there ever was"):
        load(folder)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_truncated_info_is_damaged(folder: Path, share: float) -> None:
    content = (folder / "bundle.json").read_bytes()
    (folder / "bundle.json").write_bytes(content[: int(share * len(content))])

    with pytest.raises(IntegrityError, match=r"bundle\.json: damaged"):
        load(folder)


def test_info_with_a_field_missing_names_it(folder: Path) -> None:
    change(folder, lambda info: info.pop("labels"))

    with pytest.raises(IntegrityError, match=r"damaged or from another version \(labels"):
        load(folder)


def test_other_labels_than_the_models_are_refused(folder: Path) -> None:
    change(folder, lambda info: info.update(labels=["wet", "dry"]))

    with pytest.raises(IntegrityError, match=r"the model's labels are not those in bundle\.json"):
        load(folder)


def test_family_that_is_not_there_is_missing(folder: Path) -> None:
    change(folder, lambda info: info.update(family="../naive_bayes"))

    with pytest.raises(MissingError, match="Did you mean 'naive_bayes'"):
        load(folder)


def test_whole_files_that_the_family_cannot_read_are_reported(folder: Path) -> None:
    change(folder, lambda info: info.update(family="majority"))

    with pytest.raises(IntegrityError, match=r"but majority cannot read them .* written by goldilocks-lm"):
        load(folder)


def test_rows_may_name_what_is_read_and_hold_more(written: Path) -> None:
    read = load(written)
    assert read.predict([{"text": TEXTS[0], "label": "wet"}]) == read.predict([TEXTS[0]])


def test_row_that_cannot_be_answered_is_named_by_its_place(written: Path) -> None:
    with pytest.raises(InputError, match=r"text 1: text is empty\."):
        load(written).predict(["fine", " "])
    with pytest.raises(InputError, match=r"text 0: text is empty; the row has 'body', this task takes 'text'"):
        load(written).predict([{"body": "fine"}])
    with pytest.raises(InputError, match=r"text 0: 2 texts; this task takes text"):
        load(written).predict([("fine", "too")])


def tagging(folder: Path, sentences: list[list[str]]) -> Bundle:
    """A bundle of a CRF that learnt from these words that what begins with a capital is a name."""
    gold = [tuple("B-X" if word[0].isupper() else "O" for word in sentence) for sentence in sentences]
    part = Part(tuple(map(tuple, sentences)), tuple(gold), tuple(range(1, len(gold) + 1)))
    profile = DataProfile({"train": len(gold)}, {}, {}, {}, "en", {"en": 1.0})
    dataset = Dataset(part, part, Part(), ("B-X", "O"), "0" * 16, profile, output=Output.TAGS)
    family = plugins.load("families", "crf")
    model = family.create(family.models()[0], None, part, dataset.goal, seed=0)
    assert isinstance(model, OneShotEstimator)
    model.fit(part.texts, part.gold, seed=0)
    candidate, score = Candidate(family.models()[0], "scratch"), Measured(1.0, 1.0, 1.0, len(gold), "")
    return load(write_tuned(model, Tuned(candidate, "ner", "entity_f1", score), dataset, folder, mask=mask))


def test_words_of_a_text_are_cut_as_those_were_that_the_model_learnt_from(tmp_path: Path) -> None:
    news = tagging(tmp_path / "news", [["in", "West-India", "."], ["U.S.", "fans", "saw", "Rome", "."]])
    letters = tagging(tmp_path / "letters", [list("在Rome"), list("1976年")])

    text = "Fans in South-East Rome, U.S."
    answer = news.predict([text])[0]
    assert answer.words == ("Fans", "in", "South-East", "Rome", ",", "U.S.")
    assert [text[start:end] for start, end in answer.spans] == list(answer.words)
    assert len(answer.answer) == 6  # type: ignore[arg-type]
    assert letters.predict(["19年 在Rom"])[0].words == tuple("19年在Rom")


def test_words_that_are_given_stay_as_they_are(tmp_path: Path) -> None:
    read = tagging(tmp_path / "news", [["in", "Rome", "."], ["saw", "Rome", "."]])
    for row in (("in", "Rome."), {"tokens": ["in", "Rome."]}):
        answer = read.predict([row])[0]
        assert (answer.words, answer.spans) == (("in", "Rome."), ())


def test_words_that_are_personal_data_are_not_remembered(tmp_path: Path) -> None:
    apart = [["to", "Rome", "."], ["to", "Oslo", "."], ["to", "Bonn", "."]]  # so that the point of U.S. is its own
    read = tagging(tmp_path / "mail", [*apart, ["to", "U.S."], ["to", "(ann@example.com", ")"]])
    assert read.info.word_cuts.known == ("U.S.",)


def test_lines_of_a_text_are_sentences_where_such_items_were_learnt_from(tmp_path: Path) -> None:
    sentences = [["in", "Rome", ".", "\n", "Oslo", "too"], ["saw", "Bern", "."]]
    several, single = tagging(tmp_path / "a", sentences), tagging(tmp_path / "b", [["in", "Rome", "."], ["saw", "it"]])
    assert (several.info.word_cuts.lines, single.info.word_cuts.lines) == (True, False)
    text = "in Bern.\n\nRome too"
    given = {"tokens": [["in", "Bern", "."], ["Rome", "too"]]}
    assert several.predict([text])[0].score == several.predict([given])[0].score
    flat = {"tokens": ["in", "Bern", ".", "Rome", "too"]}
    assert single.predict([text])[0].score == single.predict([flat])[0].score


def test_sentences_of_a_row_are_distinguished_in_its_answer(tmp_path: Path) -> None:
    bundle = tagging(tmp_path / "news", [["in", "Rome", "."], ["saw", "Rome", "."]])
    row = {"tokens": [["in", "Rome"], ["no", "Rome", "."]]}
    result = as_fields(bundle.predict([row])[0], bundle.info.goal)
    assert result["tokens"] == ["in", "Rome", "no", "Rome", "."]
    assert result["sentences"] == [[0, 2], [2, 5]]
    assert [(match["start"], match["end"], match["text"]) for match in result["entities"]] == [
        (1, 2, "Rome"),
        (3, 4, "Rome"),
    ]
    assert "sentences" not in as_fields(bundle.predict([("in", "Rome")])[0], bundle.info.goal)
