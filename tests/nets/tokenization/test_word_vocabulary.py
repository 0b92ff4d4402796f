from __future__ import annotations

from goldilocks.nets.tokenization.word_vocabulary import PAD_ID, UNKNOWN_ID, learn_words


def test_words_are_lower_case_and_apart_from_punctuation() -> None:
    words = learn_words(["Hello, world! hello WORLD"], max_tokens=10)
    assert words.encode("HELLO world").tokens == ["hello", "world"]
    assert words.encode("hello!").ids[1] == UNKNOWN_ID  # "!" occurs once, which is below two


def test_every_chinese_character_is_a_word() -> None:
    words = learn_words(["我喜欢面包", "我喜欢球"], max_tokens=10)
    assert words.encode("我喜欢银").tokens == ["我", "喜", "欢", "[UNK]"]


def test_padding_and_the_unknown_word_come_first() -> None:
    words = learn_words(["a a b b"], max_tokens=10)
    assert (words.token_to_id("[PAD]"), words.token_to_id("[UNK]")) == (PAD_ID, UNKNOWN_ID) == (0, 1)


def test_the_commonest_words_stay_below_the_limit() -> None:
    words = learn_words(["a a a b b c c c c"], max_tokens=10, limit=4)
    assert sorted(words.get_vocab()) == ["[PAD]", "[UNK]", "a", "c"]


def test_a_text_is_cut_at_max_tokens() -> None:
    assert len(learn_words(["a a"], max_tokens=3).encode("a " * 9).ids) == 3


def test_the_same_texts_give_the_same_vocabulary() -> None:
    texts = [f"w{i % 50} w{i % 7} same" for i in range(200)]
    assert learn_words(texts, max_tokens=9).to_str() == learn_words(texts, max_tokens=9).to_str()
