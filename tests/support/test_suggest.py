from goldilocks.support.suggest import closest, suggest


def test_closest_known_name_is_suggested() -> None:
    assert closest("macro-f1", ["accuracy", "macro_f1"]) == "macro_f1"
    assert suggest("macro-f1", ["accuracy", "macro_f1"]) == " Did you mean 'macro_f1'?"


def test_nothing_is_suggested_where_no_name_is_similar() -> None:
    assert closest("banana", ["accuracy", "macro_f1"]) is None
    assert suggest("banana", ["accuracy", "macro_f1"]) == ""
    assert suggest("banana", []) == ""


def test_lower_cutoff_suggests_less_similar_names() -> None:
    # "ab" and "abcdef" share 2 of 8 characters: the ratio is 2 * 2 / 8 = 0.5.
    assert closest("ab", ["abcdef"]) is None
    assert closest("ab", ["abcdef"], cutoff=0.5) == "abcdef"


def test_prefix_stands_before_the_suggested_name() -> None:
    assert suggest("rows.cvs", ["rows.csv"], prefix="pypi://shipped/") == " Did you mean 'pypi://shipped/rows.csv'?"
