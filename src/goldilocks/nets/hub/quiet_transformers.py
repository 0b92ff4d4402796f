"""Keeps transformers' tables and progress bars out of our own output."""

from __future__ import annotations


class quiet:  # noqa: N801
    """Context manager: no tables, bars or warnings of transformers while it loads a model; errors are raised."""

    def __enter__(self) -> None:
        """Turn them off."""
        from transformers.utils import logging

        self._level, self._bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
        logging.set_verbosity_error()
        logging.disable_progress_bar()

    def __exit__(self, *_: object) -> None:
        """Restore the settings."""
        from transformers.utils import logging

        logging.set_verbosity(self._level)
        if self._bars:
            logging.enable_progress_bar()
