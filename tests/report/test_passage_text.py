from __future__ import annotations

from dataclasses import replace

from fake_run import Run, make_run

from goldilocks.records import EntityRow, ErrorRow, Mark, Passage
from goldilocks.report.passage_text import passage_text


def test_overlapping_marks_are_drawn_piece_by_piece_and_text_is_escaped() -> None:
    passage = Passage("", "a <b> c", (Mark(0, 5, "gold", "X"), Mark(2, 7, "predicted", "Y")))

    assert str(passage_text(passage)) == (
        '<mark class="gold" title="gold, not predicted: X">a </mark>'
        '<mark class="gold predicted" title="gold, not predicted: X; predicted, not gold: Y">'
        "&lt;b&gt;<sub>X</sub></mark>"
        '<mark class="predicted" title="predicted, not gold: Y"> c<sub>Y</sub></mark>'
    )


def test_long_passage_is_cut_to_its_marks() -> None:
    text = "x" * 1_000 + "Paris" + "y" * 1_000

    shown = str(passage_text(Passage("", text, (Mark(1_000, 1_005, "gold"),)), brief=True))

    assert shown.startswith("…x")
    assert "Paris" in shown
    assert shown.endswith("y…")
    assert len(shown) < 400


def page(run: Run, error: ErrorRow) -> str:
    return replace(run, evaluation=replace(run.evaluation, errors=(error,))).html()


def test_code_keeps_its_lines_in_the_page() -> None:
    passages = (
        Passage("Predicted text", "def f():\n    return 1", code=True),
        Passage("Failing test", "assert f() == 2"),
    )

    html = page(make_run(), ErrorRow(3, "prompt", "gold", "given", 0.0, passages))

    assert '<pre tabindex="0"><code>def f():\n    return 1</code></pre>' in html
    assert "Failing test" in html


def test_entities_by_type_have_a_table() -> None:
    run = make_run()
    rows = (EntityRow("LOC", 10, 8, 6), EntityRow("PER", 5, 5, 5))

    html = replace(run, evaluation=replace(run.evaluation, entities=rows)).html()

    # LOC: 10 - 6 missed, 8 - 6 spurious, precision 6/8, recall 6/10, F1 12/18.
    assert "Entities by type" in html
    for value in ('data-v="4"', 'data-v="2"', 'data-v="0.75"', 'data-v="0.6"', f'data-v="{12 / 18}"'):
        assert value in html
    assert "Entities by type" not in run.html()
