"""What the serving benchmarks conclude with: gold spans, F1, break-even volumes, growth, and their HTTP clients."""

import asyncio
import sys
from pathlib import Path

import pytest
from served import live, settings

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(autouse=True)
def _scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    # At the end: a benchmark has the name of a module of the standard library.
    monkeypatch.setattr(sys, "path", [*sys.path, str(BENCHMARKS)])


def test_gold_spans_hold_values_with_right_check_digits() -> None:
    from personal_data import KINDS, documents

    made = documents(400, seed=3)
    values = [(kind, document["text"][start:end]) for document in made for kind, start, end in document["spans"]]
    assert {kind for kind, _ in values} == set(KINDS)
    for kind, value in values:
        plain = value.replace(" ", "").replace("-", "")
        if kind == "iban":  # ISO 13616: the rearranged number is 1 modulo 97
            assert int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1
        elif kind == "card":
            doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(plain))]
            assert sum(number // 10 + number % 10 for number in doubled) % 10 == 0
        elif kind == "chinese_id":  # ISO 7064, MOD 11-2: the weighted sum with the check digit is 1
            digits = [10 if sign == "X" else int(sign) for sign in plain]
            assert sum(digit * pow(2, 17 - place, 11) for place, digit in enumerate(digits)) % 11 == 1
    assert documents(400, seed=3) == made


def test_f1_counts_a_gold_span_once_and_wants_half_of_the_union() -> None:
    from masking import f1

    gold = [[("email", 0, 10), ("phone", 20, 30)], []]
    predicted = [[("email", 0, 10, 1.0), ("email", 1, 10, 1.0), ("phone", 26, 30, 1.0)], [("email", 0, 4, 0.2)]]
    # email: 2 claimed in the first text, 1 in the second, 1 real, 1 hit -> 2/(3+1); without the score of 0.2: 2/(2+1).
    assert f1(predicted, gold, "email", 0.0) == pytest.approx(0.5)
    assert f1(predicted, gold, "email", 0.5) == pytest.approx(2 / 3)
    assert f1(predicted, gold, "phone", 0.0) == 0.0  # 4 of 10 characters


def test_break_even_by_hand() -> None:
    from rent_or_own import Prices, break_even

    prices = Prices(cpu_hour=0.1, label=0.1, labels=1_200, work_hours=0, work_hour=0)
    # A machine is 73 a month, the labels 10. At 10 a second and half of it used one machine answers 13.14 million.
    assert prices.own(1e6, 10, labels=True) == pytest.approx(83)
    assert prices.own(14e6, 10, labels=False) == pytest.approx(146)
    assert break_even(prices, 10, 0.083, labels=True) == pytest.approx(1e6, rel=0.03)
    assert break_even(prices, 10, 0.00001, labels=True) is None


def test_ece_by_hand() -> None:
    import numpy as np
    from rent_or_own import ece

    # Bins (0.5, 0.6] and (0.9, 1]: gaps |0.55 - 1| and |(0.95 + 0.95) - 1| over 3 items.
    assert ece(np.array([0.55, 0.95, 0.95]), np.array([1.0, 1.0, 0.0])) == pytest.approx((0.45 + 0.9) / 3)


def test_growth_leaves_out_the_start() -> None:
    from serving_endurance import growth

    assert growth([10.0, *[100.0] * 18, 110.0, 110.0]) == pytest.approx(0.1)


def test_clients_count_what_comes_back(weather_bundle: Path) -> None:
    from http_load import Load, first_answer

    with live(settings({"weather": weather_bundle}, limits={"item_characters": 50})) as address:
        port = int(address.rpartition(":")[2])
        load = Load(port, ["rain", "sun", "x" * 100])
        asyncio.run(first_answer(load))
        asyncio.run(load.once(2))
        assert load.statuses == {200: 2, 413: 1}
        assert load.failures == 1
        due = Load(port, ["rain"])
        asyncio.run(due.at_rate(200, 0.3))
    assert set(due.statuses) == {200}
    assert len(due.milliseconds) == due.statuses[200]
    assert due.summary(1.0)["requests"] > 10


def test_an_open_loop_does_not_use_a_connection_that_was_idle_for_too_long() -> None:
    from http_load import Load

    async def statuses(idle_seconds: float) -> dict[int, int]:
        connections = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            """Answers once and closes the connection without a word, as a server does with one that is idle."""
            nonlocal connections
            connections += 1
            await reader.readuntil(b"}")
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
            writer.close()

        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            load = Load(server.sockets[0].getsockname()[1], ["rain"], idle_seconds=idle_seconds)
            await load.at_rate(100, 0.3)
        assert connections == load.statuses[200]
        return load.statuses

    assert set(asyncio.run(statuses(0.0))) == {200}
    assert asyncio.run(statuses(60.0))[0] > 0  # each lost request is one that was sent on a closed connection


def test_clients_see_whether_a_chunked_response_is_whole() -> None:
    from http_load import response

    async def read(content: bytes) -> tuple[int, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        return await response(reader)

    whole = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    assert asyncio.run(read(whole)) == (200, b"{}")
    with pytest.raises(asyncio.IncompleteReadError):
        asyncio.run(read(whole[:-8]))
