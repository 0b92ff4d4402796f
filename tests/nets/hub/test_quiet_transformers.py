from __future__ import annotations

import pytest

from goldilocks.nets.hub.quiet_transformers import quiet

logging = pytest.importorskip("transformers").utils.logging


@pytest.mark.parametrize("bars", [True, False])
def test_bars_and_messages_are_off_inside_and_as_before_outside(bars: bool) -> None:
    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    (logging.enable_progress_bar if bars else logging.disable_progress_bar)()
    logging.set_verbosity_info()
    try:
        inside: list[tuple[int, bool]] = []

        def fails() -> None:
            with quiet():
                inside.append((logging.get_verbosity(), logging.is_progress_bar_enabled()))
                raise KeyError

        with pytest.raises(KeyError):
            fails()
        assert inside == [(logging.ERROR, False)]
        assert logging.get_verbosity() == logging.INFO
        assert logging.is_progress_bar_enabled() is bars
    finally:
        logging.set_verbosity(before[0])
        (logging.enable_progress_bar if before[1] else logging.disable_progress_bar)()
