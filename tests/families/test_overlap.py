from pathlib import Path

from goldilocks.families import overlap
from goldilocks.records import Goal, Output, Part
from goldilocks.testing.contracts import check_family

CATS = "Cats sleep in the sun. Dogs bark at the moon! Fish swim, and 3.5 of them sing."
GOLD = ((0, "Cats"),)


def fitted(rows: list[tuple[tuple[str, str], tuple[tuple[int, str], ...]]]) -> overlap.Overlap:
    model = overlap.Overlap()
    model.fit([item for item, _ in rows], [gold for _, gold in rows], seed=0)
    return model


def test_family_keeps_the_contract(tmp_path: Path) -> None:
    assert check_family(overlap, "overlap", tmp_path) == 1


def test_sentence_with_the_words_of_the_question_is_the_answer() -> None:
    model = overlap.create(overlap.models()[0], None, Part(), Goal(Output.SPAN), seed=0)

    result = model.predict(
        [("What do dogs bark at?", CATS), ("How many fish sing?", CATS), ("谁写的？", "他来了。谁写的书？")]
    )

    assert result.values == ("Dogs bark at the moon!", "Fish swim, and 3.5 of them sing.", "谁写的书？")


def test_rare_word_weighs_more_than_common_ones() -> None:
    contexts = ["The red house is here.", "The red car is there.", "The blue car is here. A zebra came."]
    model = fitted([(("what", context), GOLD) for context in contexts])

    # "is here" is shared by "The blue car is here", the rarer "zebra" by the other: log(4/3) + log(4/2) < log 4.
    assert model.predict([("is here zebra", contexts[2])]).values == ("A zebra came.",)


def test_nothing_is_said_where_too_little_is_shared_and_training_had_such_questions() -> None:
    rows = [
        (("cats sun", CATS), GOLD),
        (("dogs bark", CATS), GOLD),
        (("trees dogs", CATS), ()),
        (("stone wall", CATS), ()),
    ]
    model = fitted(rows)

    # Shares covered: 1, 1, a half, 0: answering from 1 on is right four times.
    assert model.least_share == 1.0
    assert model.predict([("fish swim", CATS), ("fish fly", CATS)]).values == ("Fish swim, and 3.5 of them sing.", "")


def test_where_every_training_question_had_an_answer_something_is_said() -> None:
    model = fitted([(("cats", CATS), GOLD)])

    assert model.predict([("???", CATS), ("x", ""), ("", "  ")]).values == ("Cats sleep in the sun.", "", "")
