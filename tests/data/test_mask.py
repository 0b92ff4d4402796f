from __future__ import annotations

import pytest

from goldilocks.data.mask import KINDS, find, mask

# Numbers published for testing: card schemes, the IBAN registry, GB 11643's own example, ranges kept free for fiction.
FOUND = {
    "mail ann.b+c@mail.example.org now": "email",
    "pay to DE89 3704 0044 0532 0130 00 today": "iban",
    "pay to GB82WEST12345698765432.": "iban",
    "card 4111 1111 1111 1111 please": "card",
    "card 5555-5555-5555-4444": "card",
    "amex 378282246310005": "card",
    "身份证11010519491231002X号": "chinese_id",
    "from 192.0.2.17 again": "ip",
    "from 2001:db8::8a2e:370:7334 again": "ip",
    "call +49 30 1234567": "phone",
    "邮箱ann@mail.example.org。": "email",
    "账号GB82WEST12345698765432。": "iban",
    "call (212) 555-0100 now": "phone",
    "call 0845 281 0075": "phone",
    "电话13800138000。": "phone",
}
NOT_FOUND = [
    "nothing here",
    "card 4111 1111 1111 1112",  # fails Luhn
    "pay to DE89370400440532013002",  # fails modulo 97
    "110105194912310021",  # fails the check digit
    "on 2015-02-16 12:30:45 at 10:15",
    "it costs 1,234,567.89 or 15 000 000",
    "version 1.2.3, std::vector",
    "999.1.1.1",
    "@user said hi",
    "0000 0000 0000 0000",
]


@pytest.mark.parametrize("text", FOUND)
def test_personal_data_are_found_and_masked(text: str) -> None:
    (result,) = find(text)
    assert result[0] == FOUND[text]
    assert f"<{FOUND[text]}>" in mask(text)
    assert text[result[1] : result[2]] not in mask(text)


@pytest.mark.parametrize("text", NOT_FOUND)
def test_other_numbers_are_left_alone(text: str) -> None:
    assert find(text) == []
    assert mask(text) == text


def test_every_kind_is_described() -> None:
    assert set(KINDS) == set(FOUND.values())
