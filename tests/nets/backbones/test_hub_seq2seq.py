from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest
import torch

from goldilocks import plugins
from goldilocks.errors import InputError, MissingError
from goldilocks.nets.heads.seq2seq_generator import Seq2SeqGenerator, Seq2SeqGeneratorConfig, texts_of
from goldilocks.nets.tokenization.batching import padded
from goldilocks.nets.tokenization.bpe import END_ID, PAD_ID, START_ID, learn_bpe
from goldilocks.records import Candidate, Generation, Output, Workload
from goldilocks.testing import tiny
from goldilocks.testing.contracts import check_family
from goldilocks.tuning.run import Run, RunSetup

transformers = pytest.importorskip("transformers")
transformers.utils.logging.disable_progress_bar()

(CASE,) = tiny.cases({Output.TEXT})
KINDS = ("t5", "bart", "marian")
WORK = Workload(rows=60, characters=30, words=6, labels=0)


def checkpoint(kind: str, folder: Path) -> Path:
    """A tiny model of a kind with random weights and the pieces of the tiny texts."""
    tokenizer = learn_bpe(texts_of(CASE.part), limit=400)
    common = {
        "vocab_size": tokenizer.get_vocab_size(),
        "pad_token_id": PAD_ID,
        "decoder_start_token_id": PAD_ID,
        "eos_token_id": END_ID,
        "bos_token_id": START_ID,
        "d_model": 32,
    }
    stacks = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in _NUMBERS.items()}
    torch.manual_seed(0)
    if kind == "t5":
        config = transformers.T5Config(d_kv=8, d_ff=48, num_layers=2, num_heads=4, **common)
        model = transformers.T5ForConditionalGeneration(config)
    elif kind == "bart":
        config = transformers.BartConfig(max_position_embeddings=64, forced_eos_token_id=None, **stacks, **common)
        model = transformers.BartForConditionalGeneration(config)
    else:
        config = transformers.MarianConfig(max_position_embeddings=64, forced_eos_token_id=None, **stacks, **common)
        model = transformers.MarianMTModel(config)
    if kind != "t5":  # trained models have such a bias; it must come along
        model.final_logits_bias = torch.randn_like(model.final_logits_bias)
    model.save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


_NUMBERS = {"layers": 2, "attention_heads": 4, "ffn_dim": 48}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {kind: checkpoint(kind, tmp_path_factory.mktemp("hub") / kind) for kind in KINDS}


def made(folder: Path) -> Seq2SeqGenerator:
    family = plugins.load("families", "seq2seq")
    facts = family.describe(folder, str(folder))
    assert facts is not None
    writer = family.create(facts, folder, CASE.part, CASE.goal, seed=0)
    assert isinstance(writer, Seq2SeqGenerator)
    writer.module.eval()
    return writer


@pytest.mark.parametrize("kind", KINDS)
def test_scores_are_those_of_the_model(kind: str, folders: dict[str, Path]) -> None:
    writer = made(folders[kind])
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(folders[kind]).eval()
    batch = padded(writer.rows(["soup with bread", "loan"]), PAD_ID)
    ids = torch.tensor([[PAD_ID, 9, 8, 7], [PAD_ID, 20, 30, 40]])
    with torch.no_grad():
        ours = writer.head.logits(writer.backbone(batch), batch.mask, ids)
        given = {"input_ids": batch.ids, "attention_mask": batch.mask, "decoder_input_ids": ids}
        wanted = theirs(**given, decoder_attention_mask=torch.ones_like(ids)).logits
    assert torch.allclose(ours, wanted, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_loss_is_that_of_the_model(kind: str, folders: dict[str, Path]) -> None:
    writer = made(folders[kind])
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(folders[kind]).eval()
    rows = writer.rows(["soup with bread"])
    batch, targets = padded(rows, PAD_ID), writer.targets(rows, ["bread with soup"])
    labels = torch.tensor(targets[0][None, :].astype("int64"))
    with torch.no_grad():
        ours = writer.loss(writer.backbone(batch), batch, targets)
        wanted = theirs(input_ids=batch.ids, attention_mask=batch.mask, labels=labels).loss
    assert float(ours) == pytest.approx(float(wanted), abs=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_gives_the_scores_of_the_full_pass(kind: str, folders: dict[str, Path]) -> None:
    writer = made(folders[kind])
    ids = torch.randint(4, 100, (2, 2, 3))
    batch = padded(writer.rows(["soup with bread", "loan"]), PAD_ID)
    with torch.no_grad():
        states = writer.backbone(batch)
        state = writer.head.start(states, batch.mask, 2)
        writer.head.step(ids[:, :, 0], state)
        writer.head.reorder(state, torch.tensor([0, 1, 3, 2]))
        writer.head.select(state, torch.tensor([1]))
        step = writer.head.step(ids[1:, :, 1], state)[0]
        turned = torch.stack([ids[1, :, 0].flip(0), ids[1, :, 1]], dim=1)
        full = writer.head.logits(states[1:].expand(2, -1, -1), batch.mask[1:].expand(2, -1), turned)[:, 1]
    assert torch.allclose(step, full, atol=1e-4)


def one_beam(model: Seq2SeqGenerator) -> Seq2SeqGenerator:
    head = cast(Seq2SeqGeneratorConfig, model.config.head)
    model.config = replace(model.config, head=replace(head, search=replace(head.search, beams=1)))
    return model


@pytest.mark.parametrize("kind", KINDS)
def test_answers_are_those_of_generate_with_one_beam(kind: str, folders: dict[str, Path]) -> None:
    writer = made(folders[kind])
    one_beam(writer)
    theirs = transformers.AutoModelForSeq2SeqLM.from_pretrained(folders[kind]).eval()
    (row,) = writer.rows(["soup with bread"])
    limit = writer._limit(len(row))
    given = torch.tensor(row.ids[None, :].astype("int64"))
    options = {"do_sample": False, "num_beams": 1, "max_new_tokens": limit, "bad_words_ids": [[PAD_ID]]}
    wanted = theirs.generate(given, **options)[0, 1:].tolist()
    (answer,) = writer.predict(["soup with bread"]).values
    assert answer == writer.tokenizer.decode(wanted, skip_special_tokens=True).strip()


@pytest.mark.parametrize("kind", KINDS)
def test_drawn_among_one_token_is_greedy_search(kind: str, folders: dict[str, Path]) -> None:
    writer = made(folders[kind])
    one_beam(writer)
    sources = ["soup with bread", "loan", "the match today"]
    greedy = writer.predict(sources, generation=Generation(max_tokens=8))
    sampled = writer.predict(sources, generation=Generation(max_tokens=8, temperature=0.7, top_k=1))
    assert sampled.values == greedy.values
    assert sampled.scores == pytest.approx(greedy.scores, abs=1e-5)


def test_more_tokens_than_a_checkpoint_has_places_for_are_refused(folders: dict[str, Path]) -> None:
    for kind, reach in (("bart", 64), ("marian", 64), ("t5", None)):
        writer = made(folders[kind])
        assert writer.head.max_positions == reach
    writer = made(folders["bart"])
    with pytest.raises(InputError, match="max_tokens is 65; this model generates at most 64 tokens: ask for fewer"):
        writer.predict(["soup"], generation=Generation(max_tokens=65))


def test_family_contract_holds_for_checkpoints(
    folders: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = plugins.load("families", "seq2seq")
    monkeypatch.setattr(family, "models", lambda: ())  # those are checked with the other families
    assert check_family(family, "seq2seq", tmp_path / "out", list(folders.values())) == 3


@pytest.mark.parametrize("method", ["full", "lora", "bias_only", "top_layers"])
@pytest.mark.parametrize("kind", ["t5", "bart"])
def test_methods_tune_checkpoints(kind: str, method: str, folders: dict[str, Path]) -> None:
    facts = plugins.load("families", "seq2seq").describe(folders[kind], kind)
    assert facts is not None
    assert plugins.load("methods", method).incompatibility(facts) is None
    run = Run(Candidate(facts, method), CASE.part, CASE.goal, RunSetup(model_folder=folders[kind], work=WORK, seed=0))
    run.advance(0.1)
    assert run.share > 0
    assert len(run.model.predict(CASE.part.texts[:2])) == 2


def test_a_decoder_is_no_head_to_be_learnt_alone(folders: dict[str, Path]) -> None:
    facts = plugins.load("families", "seq2seq").describe(folders["bart"], "bart")
    assert facts is not None
    reason = plugins.load("methods", "head_only").incompatibility(facts)
    assert reason is not None
    assert "decoder" in reason


def test_a_folder_without_tokenizer_says_how_to_make_one(folders: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text((folders["t5"] / "config.json").read_text())
    with pytest.raises(MissingError, match="save_pretrained"):
        made(tmp_path)


def test_a_folder_without_weights_is_reported_in_words(folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json"):
        (tmp_path / name).write_text((folders["t5"] / name).read_text())
    with pytest.raises(InputError, match="transformers cannot load it"):
        made(tmp_path)
