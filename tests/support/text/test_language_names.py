from goldilocks.data.language import languages
from goldilocks.support.text.language_names import is_tag, language_name, tag_of


def test_every_language_that_is_recognised_has_a_name() -> None:
    # A sentence each, of languages that data/language.py tells apart.
    result = languages(["Where is my card and what is it?", "这家酒店的服务很好", "Где моя карта и что это"])

    assert [language_name(tag) for tag in sorted(result)] == ["English", "Russian", "Chinese"]


def test_name_has_a_tag_and_a_tag_a_form() -> None:
    assert (tag_of("German"), tag_of("low german"), tag_of("Klingon")) == ("de", "nds", "")
    assert is_tag("zh-Hant-TW")
    assert not is_tag("German language")
    assert not is_tag("deutsch")
