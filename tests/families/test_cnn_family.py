from __future__ import annotations

from goldilocks import plugins
from goldilocks.nets.heads.token_classifier import TokenClassifierConfig
from goldilocks.nets.network import Network
from goldilocks.records import Goal, Machine, Output, Part, Workload

CNN = plugins.load("families", "cnn")
(TEXTCNN,) = CNN.models()
MACHINE = Machine(cores=2, memory_bytes=8 * 10**9, device="cpu", gflops=188.6, bf16=False, name="")


def test_network_has_the_weights_that_the_info_estimates_but_for_the_vocabulary() -> None:
    part = Part(("soup today", "loan today"), ("a", "b"), (1, 2))
    network = CNN.create(TEXTCNN, None, part, Goal(labels=("a", "b")), seed=0)
    assert isinstance(network, Network)
    words, head = network.tokenizer.get_vocab_size(), 2 * (512 + 1)
    # 128 numbers for each word instead of 8,000, and a head of two labels that the info does not count.
    assert network.size_bytes() == 4 * (TEXTCNN.parameters - (8_000 - words) * 128 + head)


def test_fewer_rows_get_more_epochs() -> None:
    work = [Workload(rows, characters=30, words=6, labels=2) for rows in (40, 1_000, 4_000, 10**6)]
    configs = [CNN.training_config(TEXTCNN, entry) for entry in work]
    assert [config.epochs for config in configs if config is not None] == [60, 24, 12, 4]


def test_forecast_grows_with_the_words_up_to_the_limit() -> None:
    seconds = [CNN.forecast(TEXTCNN, Workload(1_000, 100, words, 2), MACHINE).seconds for words in (10, 512, 5_000)]
    assert seconds[0] < seconds[1] == seconds[2]
    # 24 epochs of 1,000 texts: 110 µs each and 18 µs a word, and 2 s to start.
    assert abs(seconds[0] - (2 + 24 * 1_000 * (110e-6 + 10 * 18e-6))) < 1e-9


def test_tags_get_a_crf() -> None:
    part = Part((("soup", "today"),), (("A", "O"),), (1,))
    network = CNN.create(TEXTCNN, None, part, Goal(Output.TAGS, ("A", "O")), seed=0)
    assert isinstance(network, Network)
    assert network.config.head == TokenClassifierConfig(chain=True)
