from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from goldilocks.errors import InputError, IntegrityError, MissingError
from goldilocks.families import decoder
from goldilocks.methods import head_only, in_context, zero_shot
from goldilocks.nets.generation.sampling import GeneratedText, Sampling
from goldilocks.nets.heads import decoder_generator
from goldilocks.nets.heads.decoder_classifier import DecoderClassifier
from goldilocks.nets.heads.decoder_generator import DecoderGenerator
from goldilocks.nets.heads.token_classifier import TagHead, TokenClassifier
from goldilocks.nets.tokenization.batching import padded
from goldilocks.records import Candidate, Generation, Goal, ModelInfo, Output, Part, Workload
from goldilocks.support.sandbox.harness import with_tests
from goldilocks.testing import tiny
from goldilocks.tuning.run import Run, RunSetup

WORK = Workload(rows=60, characters=40, words=6, labels=3)
GOAL = replace(tiny.GOAL, instruction="Give the label.")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.decoder_folder(tmp_path_factory.mktemp("decoder") / "tiny")


def _facts(folder: Path) -> ModelInfo:
    info = decoder.describe(folder, str(folder))
    assert info is not None
    return info


def _run(folder: Path, method: str, part: Part, goal: Goal, **config: float) -> Run:
    info = _facts(folder)
    own = replace(decoder.training_config(info, WORK), **config) if config else None  # type: ignore[arg-type]
    return Run(Candidate(info, method), part, goal, RunSetup(model_folder=folder, work=WORK, seed=0, config=own))


def test_encoder_is_not_described(tmp_path: Path) -> None:
    assert decoder.describe(tiny.encoder_folder(tmp_path / "bert"), "bert") is None


def test_prompt_of_a_decoder_is_encoded_for_the_first_question_only(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = _run(folder, "in_context", tiny.part(30), GOAL)
    run.advance(1.0)
    assert isinstance(run.model, DecoderClassifier)
    saved = folder.parent / "prompted"
    run.model.save(saved)
    model = decoder.restore(saved)
    read: list[int] = []
    backbone: Any = type(model.backbone)
    plain = backbone.forward_cached

    def counted(self: Any, ids: Any, *rest: Any) -> Any:
        read.append(ids.shape[1])
        return plain(self, ids, *rest)

    monkeypatch.setattr(backbone, "forward_cached", counted)
    first = model.predict(["soup with bread"])
    tokens_read, read[:] = sum(read), []
    again = model.predict(["soup with bread"])
    assert sum(read) < tokens_read / 3
    assert np.allclose(first.probabilities, again.probabilities, atol=1e-6)
    model.load_weights(saved)
    assert np.allclose(model.predict(["soup with bread"]).probabilities, first.probabilities, atol=1e-6)


@pytest.mark.parametrize(("method", "shots"), [("zero_shot", 0), ("in_context", 8)])
def test_prompted_decoder_runs_as_a_candidate(folder: Path, method: str, shots: int) -> None:
    run = _run(folder, method, tiny.part(30), GOAL)
    run.advance(1.0)

    answers = run.predict(["soup with bread"])

    assert np.allclose(answers.probabilities.sum(1), 1, atol=1e-5)
    assert isinstance(run.model, DecoderClassifier)
    assert run.model.prompt_state is not None
    assert len(run.model.prompt_state.prompt.examples) == shots
    assert run.model.prompt_state.prompt.lead.startswith("Give the label. The labels: food, money, sport.")


def test_calibrated_labels_are_equally_likely_over_the_texts_they_were_calibrated_on(folder: Path) -> None:
    part = tiny.part(30)
    network = decoder.create(_facts(folder), folder, part, GOAL, seed=0)
    assert isinstance(network, DecoderClassifier)
    network.fit(part.texts, part.gold, seed=0)

    logs = np.log(network.predict(part.texts).probabilities)

    # Mean log-probabilities differ between labels only by what each text's own sum takes off all of them alike.
    assert np.ptp(logs.mean(0)) < 1e-3


@pytest.mark.parametrize("method", ["head_only", "full", "lora"])
def test_tuned_decoder_learns_labels(folder: Path, method: str) -> None:
    run = _run(folder, method, tiny.part(60), GOAL, epochs=20, learning_rate=5e-3, head_learning_rate=1e-2)
    part = tiny.part(60)
    run.advance(1.0)
    answers = run.predict(part.texts).values
    right = sum(answer == gold for answer, gold in zip(answers, part.gold, strict=True))

    assert right > 36  # 20 would be chance


def test_tuned_decoder_writes_what_it_learnt(folder: Path) -> None:
    part = Part(("ab", "cd") * 16, ("xy", "uv") * 16, tuple(range(32)))
    goal = Goal(Output.TEXT, instruction="Go on.")
    run = _run(folder, "full", part, goal, epochs=20, learning_rate=5e-3, head_learning_rate=5e-3)
    run.advance(1.0)

    assert run.predict(["ab", "cd"]).values == ("xy", "uv")


@pytest.mark.parametrize("fitted", [True, False])
def test_program_that_is_begun_is_gone_on_with(folder: Path, fitted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    items = tuple(f"def f{number}(x):\n    'Say {number}.'\n" for number in range(8))
    rests = tuple((f"    return {n}\n", with_tests(item, f"check(f{n})")) for n, item in enumerate(items))
    goal = Goal(Output.TEXT, instruction="Write.")
    network = decoder.create(_facts(folder), folder, Part(items, rests, tuple(range(8))), goal, seed=0)
    assert isinstance(network, DecoderGenerator)
    if fitted:
        network.fit(items, rests, seed=0)
    asked: list[str] = []

    def writes(_: object, tokenizer: Any, prompts: Any, sampling: Any, **__: object) -> list[GeneratedText]:
        before = network._prefix_ids()
        asked.extend(tokenizer.decode([*before, *prompt], skip_special_tokens=True) for prompt in prompts)
        assert "\ndef" in sampling.stops
        return [GeneratedText("    return 1\n\n", 5, True, 0.1) for _ in prompts]

    monkeypatch.setattr(decoder_generator, "generate", writes)
    answers = network.predict(items[:2])

    assert asked == list(items[:2])
    assert answers.values == ("    return 1", "    return 1")


def test_rest_of_a_program_is_learnt_right_behind_its_beginning(folder: Path) -> None:
    item = "def f(x):\n    'Say 0.'\n"
    rest = ("    return 0\n", with_tests(item, "check(f)"))
    network = decoder.create(_facts(folder), folder, Part((item,), (rest,), (0,)), Goal(Output.TEXT), seed=0)
    assert isinstance(network, DecoderGenerator)

    row = network.rows_to_learn([item], [rest])[0]

    assert network.tokenizer.decode(row.ids.tolist(), skip_special_tokens=True) == f"{item}    return 0"


def test_answers_are_the_likeliest_or_drawn_with_a_seed(folder: Path) -> None:
    part = Part(("ab", "cd") * 4, ("xyz " * 8, "uvw " * 8) * 4, tuple(range(8)))
    network = decoder.create(_facts(folder), folder, part, Goal(Output.TEXT), seed=0)
    assert isinstance(network, DecoderGenerator)
    network.fit(part.texts, part.gold, seed=0)

    drawn = [network.predict(["ab"], generation=Generation(temperature=1.5, seed=seed)).values for seed in (1, 1, 2)]

    assert network.predict(["ab"], generation=Generation(temperature=0)).values == network.predict(["ab"]).values
    assert drawn[0] == drawn[1] != drawn[2]


def test_generation_settings_are_those_of_the_task_file_until_others_are_set(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    how = Generation(max_tokens=5, temperature=0.7, top_k=9, stops=("END",), seed=3)
    goal = Goal(Output.TEXT, generation=how)
    part = Part(("ab", "cd") * 4, ("xy", "uv") * 4, tuple(range(8)))
    network = decoder.create(_facts(folder), folder, part, goal, seed=0)
    assert isinstance(network, DecoderGenerator)
    network.fit(part.texts, part.gold, seed=0)
    network.save(tmp_path)
    asked: list[Sampling] = []

    def writes(_: object, __: object, prompts: Any, sampling: Sampling, **___: object) -> list[GeneratedText]:
        asked.append(sampling)
        return [GeneratedText("x", 1, True, 0.1) for _ in prompts]

    monkeypatch.setattr(decoder_generator, "generate", writes)
    again = decoder.restore(tmp_path)
    assert isinstance(again, DecoderGenerator)
    again.predict(["ab"])
    again.generation = replace(how, max_tokens=7, stops=None)
    again.predict(["ab"])

    assert asked[0] == Sampling(5, ("END",), 0.7, top_k=9, seed=3)
    assert asked[1] == Sampling(7, ("\n", "\nText:", "\nText 1:"), 0.7, top_k=9, seed=3)


def test_more_tokens_than_a_decoder_holds_are_refused(folder: Path) -> None:
    part = Part(("ab", "cd") * 4, ("xy", "uv") * 4, tuple(range(8)))
    network = decoder.create(_facts(folder), folder, part, Goal(Output.TEXT), seed=0)
    assert isinstance(network, DecoderGenerator)
    network.fit(part.texts, part.gold, seed=0)
    network.generation = Generation(max_tokens=1_000_000)

    with pytest.raises(InputError, match=r"max_tokens is 1000000; .* decoder is 2048 tokens, .* ask for fewer"):
        network.predict(["ab"])


def test_decoder_prompted_on_a_machine_with_bfloat16_answers_here(folder: Path, tmp_path: Path) -> None:
    part = Part(("ab", "cd") * 4, ("xy", "uv") * 4, tuple(range(8)))
    network = decoder.create(_facts(folder), folder, part, Goal(Output.TEXT), seed=0)
    assert isinstance(network, DecoderGenerator)
    network.fit(part.texts, part.gold, seed=0)
    network.module.to(torch.bfloat16)
    network.save(tmp_path)

    again = decoder.restore(tmp_path)

    # The tiny checkpoint is kept in float32, which is then what answers.
    assert next(again.module.parameters()).dtype == torch.float32
    assert len(again.predict(["ab"]).values) == 1


def test_likelihood_of_a_long_text_is_that_of_its_pieces(folder: Path) -> None:
    goal = Goal(Output.LIKELIHOOD)
    network = decoder.create(_facts(folder), folder, Part(), goal, seed=0)
    assert isinstance(network, DecoderGenerator)

    short, long, both = network.predict(["soup", "soup " * 150, ("soup", "bread")]).values

    assert isinstance(short, float)
    assert isinstance(long, float)
    assert long < short < 0
    assert isinstance(both, float)


@pytest.mark.parametrize("item", ["soup bread", ("soup", "bread"), "soup " * 20])
def test_likelihoods_of_the_tokens_add_up_to_that_of_the_text(folder: Path, item: str | tuple[str, ...]) -> None:
    network = decoder.create(_facts(folder), folder, Part(), Goal(Output.LIKELIHOOD), seed=0)
    assert isinstance(network, DecoderGenerator)
    tokens = network.token_likelihoods(item)
    assert sum(value for _, value in tokens) == pytest.approx(network.predict([item]).values[0], rel=1e-4)
    assert network.token_likelihoods("soup " * 5_000) == []


def test_example_rows_that_cannot_all_be_read_are_left_out(folder: Path) -> None:
    part = Part(("word " * 200,) * 40, ("food", "money") * 20, tuple(range(40)))
    network = decoder.create(_facts(folder), folder, part, GOAL, seed=0)
    in_context.prepare(network, in_context.Options(shots=30))
    assert isinstance(network, DecoderClassifier)
    network.fit(part.texts, part.gold, seed=0)

    assert network.prompt_state is not None
    assert 0 < len(network.prompt_state.prompt.examples) < 30
    assert len(network.predict(["soup " * 5000]).values) == 1


def test_folder_without_tokenizer_says_how_to_write_one(tmp_path: Path) -> None:
    made = tiny.decoder_folder(tmp_path / "m")
    (made / "tokenizer.json").unlink()
    with pytest.raises(MissingError, match=r"tokenizer\.json: there is no such file; write it with"):
        decoder.create(_facts(made), made, Part(), GOAL, seed=0)


def test_weights_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    made = tiny.decoder_folder(tmp_path / "m")
    info = _facts(made)
    whole = (made / "model.safetensors").read_bytes()
    (made / "model.safetensors").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(IntegrityError, match="no whole safetensors file"):
        decoder.create(info, made, Part(), GOAL, seed=0)


def test_no_shots_in_context_is_refused() -> None:
    with pytest.raises(InputError, match="use at least 1, or the method zero_shot"):
        in_context.prepare(None, in_context.Options(shots=0))


def test_model_that_cannot_be_prompted_says_so() -> None:
    counted = ModelInfo("n", "f", "builtin", "a", "none", ("*",), "none-needed", 1, 1)
    assert "cannot be prompted; needs training" in str(zero_shot.incompatibility(counted))
    assert "cannot be prompted; needs training" in str(in_context.incompatibility(counted))


# ------------------------------------------------------------------------------------------------------------- tagging

NEXT = Goal(Output.TAGS, ("B-X", "O"))
"""A word is an X where "b" stands behind it: what a decoder that only looks back cannot know."""


def _tagged(count: int) -> Part:
    rng = np.random.default_rng(0)
    items = tuple(tuple(rng.choice(["a", "b", "c"], 5).tolist()) for _ in range(count))
    gold = tuple(tuple("B-X" if two == "b" else "O" for two in (*item[1:], "")) for item in items)
    return Part(items, gold, tuple(range(count)))


def test_tagging_head_knows_what_stands_behind_a_word(folder: Path) -> None:
    part = _tagged(64)
    run = _run(folder, "head_only", part, NEXT, epochs=15, head_learning_rate=1e-2, deep_head=True)
    run.advance(1.0)

    assert run.predict(part.texts).values == part.gold


def test_several_tagging_heads_learn_apart_and_answer_with_the_mean_of_their_scores(
    folder: Path, tmp_path: Path
) -> None:
    part, texts = _tagged(64), _tagged(80).texts[64:]
    config = replace(decoder.training_config(_facts(folder), WORK), epochs=4.0, head_learning_rate=1e-2, deep_head=True)
    options = head_only.Options(heads=2)
    candidate = Candidate(_facts(folder), "head_only")
    made = [
        Run(candidate, part, NEXT, RunSetup(model_folder=folder, work=WORK, seed=0, config=config, options=options))
        for _ in range(2)
    ]
    made[0].advance(0.5)
    made[0].save(tmp_path / "half")
    made[1].resume_from(tmp_path / "half")
    for run in made:
        run.advance(1.0)
    tagger = made[0].model
    assert isinstance(tagger, TokenClassifier)
    tagger.save(tmp_path / "model")
    again = decoder.restore(tmp_path / "model")
    assert isinstance(again, TokenClassifier)
    batch = padded(tagger.rows(texts), 0)
    with torch.inference_mode():
        states = tagger.backbone(batch)
        first, second = (tagger._scores_of(head, states, batch) for head in tagger.heads)
        both = tagger.word_scores(states, batch)

    assert not torch.allclose(first, second, atol=0.1)
    assert torch.allclose(both, (first + second) / 2, atol=1e-5)
    assert made[1].predict(texts).values == again.predict(texts).values == tagger.predict(texts).values
    assert np.array_equal(again.predict(texts).scores, tagger.predict(texts).scores)


@pytest.mark.parametrize(("heads", "words"), [(0, "heads is 0; it must be at least 1"), (2, "only token classifiers")])
def test_heads_that_cannot_be_had_are_refused(folder: Path, heads: int, words: str) -> None:
    network = decoder.create(_facts(folder), folder, tiny.part(20), GOAL, seed=0)
    with pytest.raises(InputError, match=words):
        head_only.prepare(network, head_only.Options(heads=heads))


def test_tags_are_read_off_the_lower_half_and_come_back_from_disk(folder: Path, tmp_path: Path) -> None:
    part = _tagged(20)
    network = decoder.create(_facts(folder), folder, part, NEXT, seed=0)
    network.save(tmp_path)
    again = decoder.restore(tmp_path)

    assert network.backbone.depth == decoder.lower_half(_facts(folder).depth) < _facts(folder).depth
    assert network.predict(part.texts).values == again.predict(part.texts).values
    assert np.array_equal(network.predict(part.texts).scores, again.predict(part.texts).scores)


def test_lower_blocks_say_what_they_say_in_the_whole_model(folder: Path) -> None:
    part = _tagged(4)
    tagger = decoder.create(_facts(folder), folder, part, NEXT, seed=0)
    whole = decoder.create(_facts(folder), folder, part, GOAL, seed=0)
    batch = padded(tagger.rows(part.texts), 0)
    depth = tagger.backbone.depth

    with torch.inference_mode():
        assert torch.equal(tagger.backbone(batch), whole.backbone(batch, stop=depth))


def test_states_come_to_the_tagging_head_with_mean_0_and_deviation_1(folder: Path) -> None:
    part = _tagged(20)
    network = decoder.create(_facts(folder), folder, part, NEXT, seed=0)
    batch = padded(network.rows(part.texts), 0)
    assert isinstance(network.head, TagHead)
    assert network.head.reread is not None
    with torch.inference_mode():
        states = network.backbone(batch)
        words = torch.stack([states[n, place] for n, row in enumerate(batch.rows) for place in row.places])
        centred = network.head.reread.standardised(words)

    assert torch.allclose(centred.mean(0), torch.zeros(()), atol=1e-3)
    assert torch.allclose(centred.std(0, correction=0), torch.ones(()), atol=1e-2)


def test_words_of_a_decoder_are_answered_at_their_last_token(folder: Path) -> None:
    network = decoder.create(_facts(folder), folder, _tagged(4), NEXT, seed=0)
    row = network.rows([("football", "a")])[0]
    count = len(network.tokenizer.encode(" football", add_special_tokens=False).ids)
    begins = len(row.ids) - count - len(network.tokenizer.encode(" a", add_special_tokens=False).ids)

    assert count > 1
    assert row.places[0] == begins + count - 1


@pytest.mark.parametrize(("words", "blank"), [(("去", "I", "K"), ""), (("to", "IKEA"), " ")])
def test_words_have_blanks_before_them_where_their_language_has(
    folder: Path, words: tuple[str, ...], blank: str
) -> None:
    network = decoder.create(_facts(folder), folder, _tagged(4), NEXT, seed=0)
    spelled = [network.tokenizer.encode(blank + word, add_special_tokens=False).ids for word in words]

    row = network.rows([words])[0]

    assert row.ids.tolist()[-sum(map(len, spelled)) :] == [token for entry in spelled for token in entry]


@pytest.mark.parametrize("output", [Output.LABEL, Output.TAGS])
def test_decoder_reads_no_further_than_it_has_positions(tmp_path: Path, output: Output) -> None:
    from transformers import AutoModelForCausalLM, GPT2Config

    tiny.decoder_folder(tmp_path)
    config = GPT2Config(vocab_size=258, n_embd=32, n_layer=2, n_head=4, n_positions=64, bos_token_id=0, eos_token_id=1)
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    case = next(entry for entry in tiny.cases([output]) if entry.goal.output is output)
    part = case.part.take([*range(6)])
    long = tuple((text * 200) if isinstance(text, tuple) else f"{text} " * 200 for text in part.texts)
    gold = tuple(answer * 200 if output is Output.TAGS else answer for answer in part.gold)
    run = _run(tmp_path, "full", Part(long, gold, part.rows), case.goal, epochs=0.5)

    run.advance(1.0)

    assert len(run.predict(long[:2])) == 2
