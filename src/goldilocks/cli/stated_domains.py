"""Domains that rows state, for bundles with adapters per domain: ``--domain`` and ``--domain-column``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from goldilocks.errors import InputError
from goldilocks.support.suggest import suggest

if TYPE_CHECKING:
    from goldilocks.bundle.read import Bundle
    from goldilocks.data.unlabelled import NumberedItem


class Domains:
    """The domain of each row, as far as it is stated."""

    def __init__(self, bundle: Bundle, domain: str | None, column: str | None) -> None:
        """See what was asked for.

        Args:
            bundle: Says which domains there are.
            domain: Domain of all rows.
            column: That states the domain of each row.

        Raises:
            InputError: the bundle has no domains, or not this one, or both are given.
        """
        self._known, self._domain, self._column = bundle.domains, domain, column
        if domain is None and column is None:
            return
        if domain is not None and column is not None:
            raise InputError("--domain and --domain-column do not go together; omit one.")
        if not self._known:
            raise InputError(f"{bundle.folder}: has no domains; omit --domain{'-column' if domain is None else ''}.")
        if domain is not None and domain not in self._known:
            raise InputError(self._unknown(domain))

    def checked(self, row: NumberedItem, cells: Mapping[int, Mapping[str, Any]]) -> NumberedItem:
        """A row (its number and item), whose item is an error where it states a domain that there is not."""
        number, item = row
        name = self._of(number, cells)
        if isinstance(item, InputError) or name is None or name in self._known:
            return row
        return number, InputError(self._unknown(name))

    def stated(self, numbers: Sequence[int], cells: Mapping[int, Mapping[str, Any]]) -> list[str | None] | None:
        """The domain of each row, by its number; ``None`` where the bundle chooses."""
        if self._domain is None and self._column is None:
            return None
        return [self._of(number, cells) for number in numbers]

    def _of(self, number: int, cells: Mapping[int, Mapping[str, Any]]) -> str | None:
        if self._column is None:
            return self._domain
        cell = cells.get(number, {}).get(self._column)
        return str(cell).strip() or None if cell is not None else None

    def _unknown(self, name: str) -> str:
        near = suggest(name, list(self._known))
        return f"there is no domain {name!r}.{near} There are: {', '.join(self._known)}"
