from __future__ import annotations

from typing import Any

import pytest

from goldilocks.catalog.options import check_options, options_of
from goldilocks.errors import InputError
from goldilocks.methods import in_context, lora


def test_choice_of_the_task_file_replaces_the_methods_own() -> None:
    assert options_of("in_context", {"in_context": {"shots": 3}}) == in_context.Options(shots=3)
    assert options_of("lora", {"lora": {"rank": 4, "roles": ["attention"]}}) == lora.Options(4, roles=("attention",))
    assert options_of("lora", {"in_context": {"shots": 3}}) == lora.Options()


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"in_contxt": {"shots": 3}}, "options names the method 'in_contxt'. Did you mean 'in_context'"),
        ({"in_context": {"shot": 3}}, "unknown key 'options.in_context.shot'. Did you mean 'shots'"),
        ({"full": {"rank": 3}}, "unknown key 'options.full.rank'. It has no options"),
        ({"in_context": {"shots": "few"}}, "options.in_context.shots is 'few': "),
    ],
)
def test_choice_that_is_not_there_is_named(chosen: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message.replace("?", r"\?")):
        check_options(chosen)
