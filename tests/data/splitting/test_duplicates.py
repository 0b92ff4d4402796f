from __future__ import annotations

from goldilocks.data.splitting.duplicates import group, normalise

LONG = "the parcel that you sent to me last week has not come and nobody answers when I call"


def test_the_same_text_in_other_clothes_is_the_same_text() -> None:
    assert normalise("ＡＢＣ ﬁne\u00a0Straße\n") == normalise("abc  fine strasse")


def test_exact_and_near_duplicates_are_distinguished() -> None:
    got = group([LONG, LONG.upper() + " ", LONG + "!", "something else altogether, about the weather"])

    assert got.exact[0] == got.exact[1] != got.exact[2]
    assert got.near[0] == got.near[1] == got.near[2] != got.near[3]


def test_chinese_texts_are_compared_too() -> None:
    texts = [
        "这家酒店的服务态度非常好房间也很干净下次还会再来",
        "这家酒店的服务态度非常好房间也很干净下次还会再来！",
        "手机电池不耐用",
    ]
    got = group(texts)
    assert got.near[0] == got.near[1] != got.near[2]
    assert len(set(got.exact.tolist())) == 3


def test_no_texts_are_no_groups() -> None:
    assert len(group([]).near) == 0


def test_texts_about_the_same_belong_together_and_stay_different() -> None:
    groups = group(["who? a city", "when? a city", "who? a river"], about=["a city", "a city", "a river"])

    assert groups.near[0] == groups.near[1] != groups.near[2]
    assert len(set(groups.exact.tolist())) == 3
