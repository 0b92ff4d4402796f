from __future__ import annotations

from goldilocks.classical.pair_features import STEPS, marked


def _grams(first: str, second: str) -> set[str]:
    return {piece for piece in marked(first, second, words=True, characters=False).split() if not piece.startswith("~")}


def _reached(first: str, second: str, name: str) -> int:
    result = marked(first, second, words=True, characters=True).split()
    return max(int(match.rpartition(".")[2]) for match in result if match.rpartition(".")[0] == name)


def test_shared_words_differ_from_words_of_one_side() -> None:
    result = _grams("the cat sat", "the cat ran")
    assert {"=the", "=cat", "=the_cat", "<sat", "-sat", ">ran", "-ran"} <= result
    assert not {"<the", ">the", "-the"} & result


def test_turned_pair_keeps_what_is_missing_but_not_where() -> None:
    here, there = _grams("the cat", "the dog"), _grams("the dog", "the cat")
    assert {entry for entry in here if entry[0] in "=-"} == {entry for entry in there if entry[0] in "=-"}
    assert here != there


def test_share_of_common_words_comes_in_steps() -> None:
    assert _reached("a b c d", "a b c d", "~w") == STEPS
    assert _reached("a b c d", "a b x y", "~w") == STEPS * 2 // 6
    assert _reached("a b c d", "a b", "~w>") == STEPS  # all of the second is in the first
    assert _reached("a b c d", "a b", "~w<") == STEPS // 2
    assert _reached("a b", "c d", "~w") == 0


def test_chinese_is_marked_by_character() -> None:
    assert {"=猫", "<黑", ">白"} <= _grams("黑猫", "白猫")


def test_empty_sides_are_no_fault() -> None:
    assert _grams("", "") == set()
    assert _reached("", "", "~l") == 0
