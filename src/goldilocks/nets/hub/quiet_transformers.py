"""What transformers draws while it reads a model (tables, bars) would go into our own."""

from __future__ import annotations


class quiet:  # noqa: N801
    """Keep transformers from drawing tables and bars: what is wrong is said by an error."""

    def __enter__(self) -> None:
        """Turn them off."""
        from transformers.utils import logging

        self._level, self._bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        """As they were."""
        from transformers.utils import logging

        logging.set_verbosity(self._level)
        if self._bars:
            logging.enable_progress_bar()
