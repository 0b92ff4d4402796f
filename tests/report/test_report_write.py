from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fake_run import FINGERPRINT, ROWS, Run, make_run, many_rows

from goldilocks.errors import InputError
from goldilocks.records import AlphaRange, ErrorRow, Measured, Objective

VOID = {"meta", "link", "br", "img", "input", "hr", "wbr"}


class Reader(HTMLParser):
    """Tags with their attributes, ids, and the visible text; fails where tags are not closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.joined = False
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        self.joined = tag == "wbr"  # a place to break a word, not its end

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append((self.words.pop() if self.joined else "") + data)
        self.joined = False

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    @property
    def ids(self) -> list[str]:
        return [attributes["id"] or "" for _, attributes in self.tags if "id" in attributes]


@pytest.fixture(scope="module")
def run() -> Run:
    return make_run()


@pytest.fixture(scope="module")
def page(run: Run) -> Reader:
    return Reader(run.html())


def test_nothing_in_the_page_asks_for_anything(page: Reader, run: Run) -> None:
    for tag, attributes in page.tags:
        assert tag not in ("img", "iframe", "object", "embed", "base", "form", "use", "image")
        assert "src" not in attributes
        link = attributes.get("href") or "#"
        assert link.startswith(("#", "data:")), (tag, link)
        assert not [name for name in attributes if name.startswith("on")]
    style = (re.search(r"<style>(.*?)</style>", run.html(), re.DOTALL) or [""])[0]
    assert "url(" not in style
    assert "@import" not in style


def test_policy_forbids_every_request(page: Reader) -> None:
    policies = [a["content"] for tag, a in page.tags if tag == "meta" and "http-equiv" in a]

    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:"]


def test_every_section_is_there_in_order(page: Reader) -> None:
    sections = [a["id"] for tag, a in page.tags if tag == "section"]

    assert sections == [
        "summary", "decision", "front", "board", "race", "screening", "excluded", "errors", "data", "reproduce",
        "glossary",
    ]  # fmt: skip
    assert len(page.ids) == len(set(page.ids))
    for tag, attributes in page.tags:
        if tag == "a":
            assert (attributes["href"] or "")[1:] in page.ids


def test_key_figures_are_those_of_the_records(page: Reader, run: Run) -> None:
    winner = run.decision.winner
    assert winner.score is not None
    assert winner.footprint is not None
    assert run.decision.test_score is not None
    assert run.decision.sentence in page.text
    for shown in (
        f"{winner.score.value:.3f} {winner.score.low:.3f} to {winner.score.high:.3f}, 1,000 texts",
        f"{run.decision.test_score.value:.3f} {run.decision.test_score.low:.3f} to {run.decision.test_score.high:.3f}",
        f"{winner.J:.1f} USD",
        "11.4 ms median",
        "90.9 MB",
        "this task: 0.05 (stated); × 200k requests gives α = 10k USD per month",
        "(best set) 2",
        FINGERPRINT,
        "torch 2.13.0",
        "AMD EPYC 9B14",
        "winner's curse",
    ):
        assert shown in page.text, shown


def test_table_carries_the_exact_numbers_of_every_candidate(page: Reader, run: Run) -> None:
    cells = {a["data-v"] for tag, a in page.tags if tag in ("td", "th") and "data-v" in a}

    for candidate in run.decision.candidates:
        if candidate.score is None:
            continue
        exact = [
            candidate.score.value,
            candidate.J,
            candidate.gap and candidate.gap.value,
            candidate.p_value,
            candidate.seconds,
        ]
        exact += [candidate.cost.total, candidate.cost.requests] if candidate.cost else []
        exact += (
            [candidate.footprint.memory_bytes, candidate.footprint.latency_p95_ms.value] if candidate.footprint else []
        )
        assert {str(number) for number in exact if number is not None} <= cells
    for trial in run.trials:
        assert {str(trial.loss), str(trial.value), str(trial.predicted_seconds)} <= cells
    for row in run.evaluation.classes:
        assert {str(row.precision), str(row.recall), str(row.f1), str(row.support)} <= cells


def test_label_table_ends_with_accuracy_and_averages(page: Reader, run: Run) -> None:
    rows = run.evaluation.classes
    n = sum(row.support for row in rows)
    right = sum(row[i] for i, row in enumerate(run.evaluation.confusion))
    macro = [sum(getattr(row, name) for row in rows) / len(rows) for name in ("precision", "recall", "f1")]

    assert f"accuracy {right / n:.3f} {n:,} macro avg " + " ".join(f"{entry:.3f}" for entry in macro) in page.text
    assert "weighted avg" in page.text


def test_energy_is_shown_where_the_machine_reports_it_and_its_absence_said(page: Reader, run: Run) -> None:
    won = run.decision.winner
    assert won.footprint is not None
    assert won.cost is not None
    reported = replace(
        won, footprint=replace(won.footprint, joules_per_text=18.0), cost=replace(won.cost, energy=0.4321)
    )
    others = tuple(
        reported if candidate.candidate == won.candidate else candidate for candidate in run.decision.candidates
    )

    measured = Reader(replace(run, decision=replace(run.decision, winner=reported, candidates=others)).html())

    assert "energy not reported by this machine" in page.text
    assert "is not included: not reported by this machine" in page.text
    assert "not reported by this machine" not in measured.text
    assert "energy 0.43" in measured.text
    assert "0.2 per kWh" in measured.text


def test_confusion_shows_every_count(page: Reader, run: Run) -> None:
    titles = " | ".join(a["title"] or "" for tag, a in page.tags if tag == "td" and "title" in a)

    for i, row in enumerate(run.evaluation.confusion):
        for j, count in enumerate(row):
            assert f"{run.evaluation.labels[i]} → {run.evaluation.labels[j]}: {count} (" in titles


def test_texts_are_escaped_and_kept(page: Reader, run: Run) -> None:
    html = run.html()

    assert "<script>alert" not in html
    assert "<script>alert('http://evil.example')</script> I never got my <b>card</b> & now?" in page.text
    assert "我的卡还没有到" in page.text
    assert "💳🙏" in page.text
    assert html.count("<script>") == 1


def test_hostile_names_and_control_characters_do_no_harm(run: Run, tmp_path: Path) -> None:
    evil = '"><img src=http://x.example onerror=alert(1)>'
    error = ErrorRow(1, "nul \x00 lone \ud800 end", evil, evil, 0.5)
    labels = (evil, *run.evaluation.labels[1:])
    winner = replace(run.decision.winner, model=evil, family=evil, method=evil, candidate=evil)
    hostile = replace(
        run,
        evaluation=replace(run.evaluation, errors=(error,), labels=labels),
        decision=replace(run.decision, winner=winner, candidates=(winner,), map=(AlphaRange(evil, 0.0, None),)),
        task_yaml=f"name: '{evil}'\n",
    )

    written = hostile.write(tmp_path / "deep" / "report.html")

    content = written.read_bytes()
    assert b"\x00" not in content
    page = Reader(content.decode("utf-8"))
    assert not [tag for tag, _ in page.tags if tag == "img"]
    assert evil in page.text


def test_one_candidate_without_screening_or_test_rows_makes_a_report() -> None:
    bare = make_run(ROWS[2:3], labels=("no", "yes"), with_screening=False, n_test=0, stopped=(), tied=())

    page = Reader(bare.html())

    assert "screening" not in page.ids
    assert "There were no test rows, so" in page.text
    assert "there was no test set" in page.text
    assert "No cost of an error changes this decision." in page.text


def test_nothing_but_a_decision_makes_a_report(run: Run) -> None:
    nothing = Measured(float("nan"), float("nan"), float("nan"), 0, "macro_f1")
    empty = replace(
        run,
        trials=(),
        screening=None,
        findings=(),
        pool=replace(run.pool, candidates=(), excluded=()),
        profile=replace(run.profile, rows={}, label_counts={}, characters={}, tokens={}, languages={}),
        evaluation=replace(
            run.evaluation, score=nothing, scores={}, classes=(), labels=(), confusion=(), slices=(), errors=()
        ),
        decision=replace(run.decision, test_score=None, test_scores={}, versions={}),
        task_yaml="",
    )

    page = Reader(empty.html())

    assert "No training run was recorded." in page.text
    assert "None." in page.text
    assert "nan" not in page.text.split()


def test_errors_that_cost_nothing_are_explained() -> None:
    free = make_run(objective=Objective(error_cost=0.0), winner="majority/majority/scratch", tied=())

    assert "so the cheapest candidate wins" in Reader(free.html()).text


def test_150_labels_and_40_candidates_show_the_most_confused_first_and_all_on_demand() -> None:
    labels = [f"intent {i}" for i in range(150)]
    big = make_run(many_rows(40), labels=labels, n_test=3000)

    html = big.html()
    page = Reader(html)

    matrices = re.findall(r'<table class="matrix">.*?</table>', html, re.DOTALL)
    assert len(matrices) == 1
    assert matrices[0].count('scope="row"') <= 14
    assert "All 150 labels" in page.text
    assert len(html) < 1_000_000
    for line in big.decision.candidates:
        assert line.candidate in html.replace("<wbr>", "")


def test_findings_come_worst_first_with_their_meaning(page: Reader, run: Run) -> None:
    places = [
        page.text.index(finding.message) for finding in sorted(run.findings, key=lambda finding: finding.severity.value)
    ]

    # by name: error, note, warning
    assert places[0] < places[2] < places[1]
    assert all(finding.meaning in page.text for finding in run.findings)


def test_distance_to_the_next_change_is_stated() -> None:
    # α is 0.05 x 200,000 = 10,000; another candidate is best from 30,000 (0.15 per error) and below 1,000 (0.005).
    run = make_run()
    winner = run.decision.winner.candidate
    ranges = (
        AlphaRange("majority/majority/scratch", 0.0, 1_000.0),
        AlphaRange(winner, 1_000.0, 30_000.0),
        AlphaRange("encoder/all-MiniLM-L6-v2/full", 30_000.0, None),
    )

    page = Reader(replace(run, decision=replace(run.decision, map=ranges)).html())

    assert (
        "If an error cost 3 times as much (0.15 USD per error, α = 30,000), all-MiniLM-L6-v2 · full would be best."
        in page.text
    )
    assert (
        "If an error cost at most 1/10 as much (0.005 USD per error, α = 1,000), majority would be best." in page.text
    )
    assert "0.005 – 0.15 USD" in page.text


def test_file_that_cannot_be_written_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    with pytest.raises(InputError, match="cannot be written"):
        run.write(tmp_path / "file" / "report.html")


def test_drawings_and_scrolling_tables_have_names_for_those_who_cannot_see(page: Reader) -> None:
    for tag, attributes in page.tags:
        if tag == "svg" and attributes.get("role") == "img":
            assert set((attributes["aria-labelledby"] or "").split()) <= set(page.ids)
        if attributes.get("role") == "region":
            assert attributes.get("aria-label")
            assert attributes.get("tabindex") == "0"
        if tag == "th":
            assert attributes.get("scope") in ("col", "row")
