from __future__ import annotations

from pathlib import Path

from goldilocks.classical.relation_features import marked_relation
from goldilocks.families import tfidf_linear
from goldilocks.records import Goal, Part

GOAL = Goal(labels=("cause(e1,e2)", "cause(e2,e1)"))


def _rows() -> tuple[list[str], list[str]]:
    """The same words throughout; only the markers tell which entity is the cause."""
    texts, gold = [], []
    for number in range(40):
        first, second = (
            ("[E1] fire [/E1]", "[E2] smoke [/E2]") if number % 2 else ("[E2] fire [/E2]", "[E1] smoke [/E1]")
        )
        texts.append(f"row {number} the {first} caused the {second} here")
        gold.append("cause(e1,e2)" if number % 2 else "cause(e2,e1)")
    return texts, gold


def test_features_tell_the_places_around_the_entities() -> None:
    features = marked_relation("so the [E2] old fire [/E2] caused a [E1] smoke [/E1] here").split()

    assert {"1:old", "1:fire", "1!fire", "1*ire", "2!smoke", "2*oke", "2*smoke"} <= set(features)
    assert {"=caused", "=a", "=caused_a", "=^caused", "=$a", "=>caused_a"} <= set(features)
    assert {"<1so", "<1the", ">2here", "~backward", "~2", "'so"} <= set(features)
    assert not {"~forward", "~3", "=smoke"} & set(features)


def test_entities_side_by_side_have_nothing_between_them() -> None:
    features = marked_relation("[E1] fire [/E1] [E2] smoke [/E2]").split()

    assert "=>" in features
    assert "~0" in features
    assert "~1" not in features


def test_runs_of_characters_are_added_where_asked_for() -> None:
    features = marked_relation("[E1] fire [/E1] a [E2] car [/E2]", characters=True).split()

    assert {"1+·fir", "1+fire", "1+ire·", "2+·car", "2+car·"} <= set(features)
    assert "=+·a·" not in features  # shorter than four


def test_text_without_markers_still_has_its_words() -> None:
    assert "'fire" in marked_relation("a fire").split()
    assert marked_relation("")


def test_linear_model_learns_what_only_the_markers_tell_and_is_restored(tmp_path: Path) -> None:
    texts, gold = _rows()
    model = tfidf_linear.create(tfidf_linear.models()[0], None, Part(), GOAL, seed=0)
    model.fit(texts, gold, seed=0)

    assert list(model.predict(texts).values) == gold
    model.save(tmp_path)
    again = tfidf_linear.restore(tmp_path)
    assert again.relations
    assert list(again.predict(texts).values) == gold
