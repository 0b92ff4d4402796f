from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from corpora import corpus, read
from safetensors.torch import load_file

from goldilocks import plugins
from goldilocks.errors import GoldilocksError, InputError, IntegrityError, MissingError
from goldilocks.events import Event, PretrainingStep, StageStarted
from goldilocks.pretrain.run import Pretrained, pretrain
from goldilocks.pretrain.settings import PretrainSettings, Size
from goldilocks.testing.tiny import encoder_folder

TINY = PretrainSettings(vocabulary=420, length=32, batch_rows=8, steps=30, learning_rate=5e-3)


@pytest.fixture(autouse=True)
def smallest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("goldilocks.pretrain.run.SIZES", {"tiny": Size(1, 32, 2)})


def made(tmp_path: Path, **given: Any) -> tuple[Pretrained, Path]:
    settings = replace(TINY, out=tmp_path / "model", **given)
    return pretrain([corpus(tmp_path / "corpus.txt")], settings, read), settings.out


@pytest.mark.parametrize(
    ("given", "loader"),
    [
        ({}, "AutoModelForMaskedLM"),
        ({"next_sentence": True, "whole_words": True}, "BertForPreTraining"),
        ({"objective": "clm"}, "AutoModelForCausalLM"),
        ({"objective": "denoise"}, "AutoModelForSeq2SeqLM"),
    ],
)
def test_loss_falls_and_the_folder_is_read_by_transformers(tmp_path: Path, given: dict[str, Any], loader: str) -> None:
    import transformers

    result, out = made(tmp_path, **given, steps=50)

    assert result.curve[-1]["loss"] < 0.85 * result.curve[0]["loss"]
    assert result.held_out_before is None or (result.held_out_after or 0) < result.held_out_before
    names = {path.name for path in out.iterdir()}
    assert names >= {"config.json", "model.safetensors", "tokenizer.json", "README.md", "pretraining.json"}
    assert "work" not in names
    model, info = getattr(transformers, loader).from_pretrained(out, local_files_only=True, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    tokens = transformers.AutoTokenizer.from_pretrained(out, local_files_only=True)
    assert len(tokens) == model.config.vocab_size == result.vocabulary
    assert sum(parameter.numel() for parameter in model.parameters()) == result.parameters


@pytest.mark.parametrize(("objective", "family"), [("mlm", "encoder"), ("denoise", "seq2seq"), ("clm", "decoder")])
def test_the_folder_is_taken_by_its_family(tmp_path: Path, objective: str, family: str) -> None:
    if family not in plugins.names("families"):
        pytest.skip(f"there is no family {family}")
    _, out = made(tmp_path, objective=objective, steps=1)
    facts = plugins.load("families", family).describe(out, str(out))
    assert facts is not None
    assert (facts.family, facts.depth, facts.width) == (family, 1, 32)


def test_our_own_backbone_reads_the_encoder_as_transformers_does(tmp_path: Path) -> None:
    from transformers import AutoModel

    from goldilocks.nets.backbones import bert
    from goldilocks.nets.hub.config import read_config
    from goldilocks.nets.tokenization.batching import Batch

    _, out = made(tmp_path, steps=2)
    options = bert.read_options(read_config(out))
    assert options is not None
    backbone = bert.read_backbone(out, options, "bert").eval()
    ids = torch.tensor([[2, 20, 30, 3]])
    with torch.no_grad():
        ours = backbone(Batch(ids, torch.ones_like(ids), {}, ()))
        theirs = AutoModel.from_pretrained(out, local_files_only=True).eval()(ids).last_hidden_state
    assert torch.allclose(ours, theirs, atol=1e-5)


class _KilledError(Exception):
    pass


def killed_at(step: int) -> Any:
    def progress(event: Event) -> None:
        if isinstance(event, PretrainingStep) and event.step == step:
            raise _KilledError

    return progress


@pytest.mark.parametrize("given", [{"dropout": 0.1}, {"objective": "clm"}, {"objective": "denoise"}])
def test_a_run_that_was_killed_and_resumed_is_the_run_uninterrupted(tmp_path: Path, given: dict[str, Any]) -> None:
    text = corpus(tmp_path / "corpus.txt")
    # 10 steps are more than one epoch of these rows.
    plain = replace(TINY, out=tmp_path / "whole", steps=10, **given)
    whole = pretrain([text], plain, read)

    cut = replace(plain, out=tmp_path / "cut", checkpoint_seconds=0.0)
    with pytest.raises(_KilledError):
        pretrain([text], cut, read, killed_at(3))
    with pytest.raises(_KilledError):
        pretrain([text], replace(cut, resume=True), read, killed_at(7))
    resumed = pretrain([text], replace(cut, resume=True), read)

    assert resumed.curve == whole.curve
    assert resumed.held_out_before == whole.held_out_before
    whole_weights, cut_weights = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert whole_weights.keys() == cut_weights.keys()
    assert all(torch.equal(whole_weights[name], cut_weights[name]) for name in whole_weights)


def test_a_kill_loses_the_steps_since_the_last_checkpoint_only(tmp_path: Path) -> None:
    text = corpus(tmp_path / "corpus.txt")
    settings = replace(TINY, out=tmp_path / "m", steps=6, checkpoint_seconds=0.0)
    with pytest.raises(_KilledError):
        pretrain([text], settings, read, killed_at(4))
    seen: list[int] = []

    def note(event: Event) -> None:
        if isinstance(event, PretrainingStep):
            seen.append(event.step)
        assert event not in (StageStarted("tokenizer"), StageStarted("packing"))

    pretrain([text], replace(settings, resume=True), read, note)
    assert seen == [5, 6]


def test_stopped_by_the_user_it_keeps_what_is_done(tmp_path: Path) -> None:
    def stop(event: Event) -> None:
        if isinstance(event, PretrainingStep) and event.step == 2:
            raise KeyboardInterrupt

    text = corpus(tmp_path / "corpus.txt")
    settings = replace(TINY, out=tmp_path / "m", steps=3)
    with pytest.raises(KeyboardInterrupt):
        pretrain([text], settings, read, stop)
    place = json.loads((tmp_path / "m" / "work" / "checkpoint" / "run.json").read_text())["place"]
    assert place["step"] == 2


def test_a_checkpoint_without_a_head_is_continued_with_one_tied_to_its_embeddings(tmp_path: Path) -> None:
    start = encoder_folder(tmp_path / "start", width=32)
    made_of = json.loads((start / "tokenizer.json").read_text())
    vocabulary = made_of["model"]["vocab"]
    number = len(vocabulary)
    vocabulary["[MASK]"] = number
    (start / "tokenizer.json").write_text(json.dumps(made_of))
    with pytest.raises(InputError, match="not of the same model"):
        made(tmp_path, start=start)
    del vocabulary["[MASK]"]
    vocabulary["[MASK]"] = vocabulary.pop("kitchen")
    (start / "tokenizer.json").write_text(json.dumps(made_of))
    before = load_file(start / "model.safetensors")

    settings = replace(TINY, out=tmp_path / "continued", start=start, learning_rate=1e-3)
    result = pretrain([corpus(tmp_path / "corpus.txt")], settings, read)

    assert result.start == "start"
    assert result.curve[-1]["loss"] < result.curve[0]["loss"]
    after = load_file(tmp_path / "continued/model.safetensors")
    for name, weight in before.items():
        moved = (after[f"bert.{name}"] - weight).abs().max()
        assert moved < 0.1, name
    assert "cls.predictions.transform.dense.weight" in after
    assert "cls.predictions.decoder.weight" not in after  # it is the word table


def test_unlike_settings_do_not_go_on_with_a_run(tmp_path: Path) -> None:
    text = corpus(tmp_path / "corpus.txt")
    settings = replace(TINY, out=tmp_path / "m", checkpoint_seconds=0.0)
    with pytest.raises(_KilledError):
        pretrain([text], settings, read, killed_at(1))
    with pytest.raises(InputError, match=r"its run had seed 0, now 1"):
        pretrain([text], replace(settings, seed=1, resume=True), read)
    with pytest.raises(InputError, match="is not empty; continue with --resume"):
        pretrain([text], settings, read)


def test_a_finished_run_is_not_done_again(tmp_path: Path) -> None:
    result, out = made(tmp_path, steps=1)
    assert made(tmp_path, steps=1, resume=True)[0] == result
    with pytest.raises(InputError, match="its run had steps 1, now 2"):
        made(tmp_path, steps=2, resume=True)
    with pytest.raises(InputError, match="is not empty; choose another"):
        made(tmp_path, steps=1)
    assert out.is_dir()


def test_no_step_gives_the_model_as_it_was_drawn(tmp_path: Path) -> None:
    result, out = made(tmp_path, steps=0)
    assert (result.steps, result.curve) == (0, ())
    assert (out / "model.safetensors").exists()


def test_a_truncated_checkpoint_is_said(tmp_path: Path) -> None:
    text = corpus(tmp_path / "corpus.txt")
    settings = replace(TINY, out=tmp_path / "m", checkpoint_seconds=0.0)
    with pytest.raises(_KilledError):
        pretrain([text], settings, read, killed_at(2))
    (file,) = (tmp_path / "m" / "work" / "checkpoint").glob("*.safetensors")
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(IntegrityError, match="the checkpoint is damaged"):
        pretrain([text], replace(settings, resume=True), read)


def test_truncated_weights_to_start_from_are_said(tmp_path: Path) -> None:
    _, out = made(tmp_path, steps=1)
    weights = out / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    settings = replace(TINY, out=tmp_path / "more", start=out)
    with pytest.raises(InputError, match="transformers cannot load it"):
        pretrain([tmp_path / "corpus.txt"], settings, read)


def test_a_model_of_another_kind_is_refused(tmp_path: Path) -> None:
    _, out = made(tmp_path, objective="clm", steps=1)
    settings = replace(TINY, out=tmp_path / "more", start=out, objective="denoise")
    with pytest.raises(GoldilocksError, match=r"no pad token|cannot continue|sentinels"):
        pretrain([tmp_path / "corpus.txt"], settings, read)


@pytest.mark.parametrize(("content", "words"), [("", "no text"), (" \n\n  \n", "no text")])
def test_an_empty_corpus_is_said(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "a.txt").write_text(content)
    with pytest.raises(InputError, match=words):
        pretrain([tmp_path / "a.txt"], replace(TINY, out=tmp_path / "m"), read)


def test_a_corpus_that_is_not_utf8_is_said_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"fine\n\xff\n")
    with pytest.raises(InputError, match=r"a\.txt: line 2: byte 0xff"):
        pretrain([tmp_path / "a.txt"], replace(TINY, out=tmp_path / "m"), read)


def test_a_missing_corpus_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="there is no such file"):
        pretrain([tmp_path / "a.txt"], replace(TINY, out=tmp_path / "m"), read)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    text = corpus(tmp_path / "corpus.txt")
    with pytest.raises(InputError, match="is a file"):
        pretrain([text], replace(TINY, out=text), read)
    with pytest.raises(InputError, match="cannot be written"):
        pretrain([text], replace(TINY, out=text / "inside"), read)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objective": "mln"}, "objective is 'mln'.* Did you mean 'mlm'"),
        ({"size": "huge"}, "size is 'huge'"),
        ({"tokenizer": "bpee"}, "Did you mean 'bpe'"),
        ({"length": 2}, "length is 2; it must be at least 8"),
        ({"objective": "clm", "whole_words": True}, "whole words belongs to mlm"),
        ({"next_sentence": True, "across": True}, "leave out across"),
        ({"start": Path("x"), "tokenizer": "bpe"}, "keeps its own tokenizer"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused(tmp_path: Path, given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        pretrain([], replace(TINY, out=tmp_path / "m", **given), read)
