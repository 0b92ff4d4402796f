"""Personal data in texts: detection by form, and masking.

A hint, not a guarantee: names and addresses are not looked for, and a number that only looks like a phone number counts
as one. Card numbers, IBANs and Chinese identity numbers count only where their check digits are right.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from goldilocks.support.text.translation import N_

# Cheap to search, and matches wherever one of the patterns below can: most texts are done after this one look.
_MAYBE = re.compile(r"@|(?:\d[ .()/-]{0,2}){4}|:[0-9A-Fa-f]{0,4}:")


def _luhn(number: str) -> bool:
    digits = [int(match) for match in number if match.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def _iban(number: str) -> bool:
    plain = number.replace(" ", "").upper()
    return int("".join(str(int(character, 36)) for character in plain[4:] + plain[:4])) % 97 == 1


def _chinese_id(number: str) -> bool:
    """GB 11643-1999: the 18th character is a check digit modulo 11."""
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    total = sum(int(digit) * weight for digit, weight in zip(number, weights, strict=False))
    return "10X98765432"[total % 11] == number[-1].upper()


def _ip(address: str) -> bool:
    if sum(match.isalnum() for match in address) < 4:  # "::" is an address too, but not in a text
        return False
    try:
        ipaddress.ip_address(address)
    except ValueError:
        return False
    return True


# In this order: what an earlier kind has taken is not looked at again. ASCII: a number right after a Chinese character
# stands at a border too.
_KINDS: tuple[tuple[str, re.Pattern[str], Callable[[str], bool]], ...] = (
    (
        "email",
        re.compile(r"[\w.%+-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,253})\.[A-Za-z]{2,24}", re.ASCII),
        lambda _: True,
    ),
    ("iban", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?\b", re.ASCII), _iban),
    (
        "chinese_id",
        re.compile(
            r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dXx](?![\dA-Za-z])",
            re.ASCII,
        ),
        _chinese_id,
    ),
    ("card", re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[ -]?\d){8,14}\d(?![\d-])", re.ASCII), _luhn),
    (
        "ip",
        re.compile(
            r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4})(?![\w:]|\.\d)", re.ASCII
        ),
        _ip,
    ),
    (
        "phone",
        re.compile(
            r"(?<![\w.+-])(?:"
            r"(?:\+|00)[1-9]\d{0,2}(?:[ ./-]?\(?\d{1,5}\)?){2,6}"  # +49 30 123456
            r"|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}"  # (212) 555-0100
            r"|0\d{2,5}(?:[ ./-]?\d{2,5}){2,3}"  # 0845 281 0075
            r"|1[3-9]\d[ -]?\d{4}[ -]?\d{4}"  # 138 0013 8000
            r")(?![\w-]|\.\d)",
            re.ASCII,
        ),
        lambda number: 9 <= sum(character.isdigit() for character in number) <= 15,
    ),
)
KINDS = {
    "email": N_("an e-mail address"),
    "iban": N_("an IBAN"),
    "chinese_id": N_("a Chinese identity number"),
    "card": N_("a payment card number"),
    "ip": N_("an IP address"),
    "phone": N_("a phone number"),
}
"""Kind -> what it is, in words."""


def find(text: str) -> list[tuple[str, int, int]]:
    """(kind, start, end) of what looks like personal data, in order of position; the kinds are ``KINDS``."""
    if not _MAYBE.search(text):
        return []
    matches: list[tuple[str, int, int]] = []
    for kind, pattern, holds in _KINDS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if holds(match[0]) and all(
                end <= taken_start or taken_end <= start for _, taken_start, taken_end in matches
            ):
                matches.append((kind, start, end))
    return sorted(matches, key=lambda match: match[1])


def mask(text: str) -> str:
    """The text with each find replaced by its kind.

    Example:
        >>> mask("write to ann@example.org or call +49 30 1234567")
        'write to <email> or call <phone>'
    """
    for kind, start, end in reversed(find(text)):
        text = f"{text[:start]}<{kind}>{text[end:]}"
    return text
