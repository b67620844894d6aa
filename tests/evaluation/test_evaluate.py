"""The whole evaluation on a small world: what is counted, compared, thresholded, reported."""

from dataclasses import replace
from html.parser import HTMLParser

import pytest
from pydantic import ValidationError

from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import Script
from ledgerline.evaluation.evaluate import EvaluateSettings, Evidence, draw, served, summary, weigh
from ledgerline.evaluation.hacks import look_for_hacks
from ledgerline.evaluation.judging import evaluate_policy
from ledgerline.evaluation.playing import script_player
from ledgerline.evaluation.records import SUITE, TEST, VALIDATION, Record
from ledgerline.evaluation.report import chosen_rollouts, report
from ledgerline.evaluation.rule import Rule, last_period
from ledgerline.evaluation.slices import Slicer, sector
from ledgerline.evaluation.statistics import mcnemar
from ledgerline.evaluation.suites import adversarial
from ledgerline.evaluation.tables import (
    completion_text,
    cost_note,
    headline,
    policy_rows,
    slice_rows,
    telling_slices,
)
from ledgerline.examples.example import Example
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import Corpus
from ledgerline.filings import figures
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.facts import Company
from ledgerline.filings.search import Search
from ledgerline.rewards import degenerate
from tests.evaluation.world import EVALUATE, LIMITS, RUBRIC


def of(records: list[Record], policy: str, split: str) -> list[Record]:
    return [row for row in records if row.policy == policy and row.split == split]


def test_every_policy_plays_the_same_examples(records: list[Record]) -> None:
    """Of validation, which thresholds come from, the trained one plays more."""
    for split, number, others in ((TEST, 240, 240), (VALIDATION, 300, 200), (SUITE, 20, 20)):
        base, trained, rule = (
            [row.example_id for row in of(records, name, split)]
            for name in ("base", "trained", "rule")
        )
        assert len(set(trained)) == number
        assert base == rule == trained[:others]


def test_an_honest_policy_is_right_on_everything_and_degenerate_ones_are_not(
    world: tuple[Search, Corpus],
) -> None:
    search, corpus = world
    slicer = Slicer(search, EVALUATE.harder_kinds)

    def judged(script: degenerate.Policy) -> list[Record]:
        player = script_player(
            script, lambda: FilingsEnvironment(search), episode_fields, LIMITS, 0.0
        )
        return evaluate_policy("p", player, corpus.test, RUBRIC, slicer, TEST)

    assert all(row.right and not row.wrong_shown for row in judged(degenerate.honest))
    quiet = judged(degenerate.always_silent)
    assert all(row.right != row.due and not row.shown for row in quiet)
    stalled = judged(degenerate.stall)
    assert not any(row.right or row.silent or row.shown for row in stalled)
    blind = judged(degenerate.answer_blindly)
    assert all(row.shown and row.made_up for row in blind)
    assert sum(row.wrong_shown for row in blind) > 0.95 * len(blind)


def test_an_answer_that_the_document_says_already_is_withheld(world: tuple[Search, Corpus]) -> None:
    search, corpus = world
    asked = [one for one in corpus.test if one.is_due and figures.find(one.prompt)]
    assert {one.kind for one in asked} >= {"comparison", "several"}

    def judged(script: degenerate.Policy) -> list[Record]:
        player = script_player(
            script, lambda: FilingsEnvironment(search), episode_fields, LIMITS, 0.0
        )
        return evaluate_policy("p", player, asked, RUBRIC, Slicer(search, ()), TEST)

    def repeat(example: Example) -> Script:
        start, end, _ = figures.find(example.prompt)[-1]
        return lambda _opening, _turns: degenerate.answer(example.prompt[start:end])

    repeating = judged(repeat)
    assert all(row.shown and row.repeated for row in repeating)
    assert not any(row.served(0.0).shown for row in repeating)
    honest = judged(degenerate.honest)
    # Two figures are the same by chance at times.
    assert sum(row.repeated for row in honest) < 0.1 * len(honest)


def test_slices_say_what_an_example_is(records: list[Record]) -> None:
    test = of(records, "trained", TEST)
    for row in test:
        assert ("none due" in row.slices) == (not row.due)
        assert ("new everything" in row.slices) == (len(row.holdouts) == 4)
        usual = row.kind not in EVALUATE.harder_kinds
        assert ("usual kinds" in row.slices) == (len(row.holdouts) == 4 and usual)
        if row.due:
            assert ("annual" in row.slices) == row.period.startswith("FY")
            assert any(name.startswith("family: ") for name in row.slices)
            assert any(name.endswith("company") for name in row.slices)
        if row.expected.startswith("$("):
            assert "negative" in row.slices
    present = {name for row in test for name in row.slices}
    assert {"usual kinds", "kind: growth", "kind: several"} <= present
    assert {"non-December year-end", "new company", "sector: finance"} <= present
    assert (sector("1311"), sector("6022"), sector("x")) == ("mining", "finance", "unknown")


def test_the_short_table_has_each_holdout_and_where_most_changed(records: list[Record]) -> None:
    evidence = weigh(records, EVALUATE.model_copy(update={"slice_examples": 1}), 0.1, 0.9)
    comparisons = evidence.comparisons["trained"]
    short = telling_slices(evidence, EVALUATE)
    harder = [f"kind: {kind}" for kind in sorted(EVALUATE.harder_kinds)]
    assert short[:8] == ["all", "new everything", "usual kinds", *harder]
    assert len(short) == 8 + EVALUATE.shown_slices
    alone = {"new company", "new metric", "new period", "new phrasing", "nothing new"}
    assert set(short[8:13]) == alone
    assert "source: template" not in comparisons, "it holds every example, as “all” does"
    assert [row[0] for row in slice_rows(evidence, short)] == short
    changed = [abs(comparisons[name].gained - comparisons[name].lost) for name in short[13:]]
    left = [name for name in comparisons if name not in short]
    assert min(changed) >= max(abs(comparisons[n].gained - comparisons[n].lost) for n in left)
    assert len(slice_rows(evidence)) == len(comparisons)


def test_a_harder_kind_that_does_not_exist_is_named() -> None:
    content = EVALUATE.model_dump() | {"harder_kinds": ("growth", "weather")}
    with pytest.raises(ValidationError, match=r"unknown kinds \['weather'\]"):
        EvaluateSettings.model_validate(content)


def test_the_table_leads_to_the_same_conclusion_as_the_records(evidence: Evidence) -> None:
    comparison = evidence.comparisons["trained"]["new everything"]
    old = {row.example_id: row for row in of(evidence.records["base"], "base", TEST)}
    crossed = [
        (old[row.example_id], row)
        for row in of(evidence.records["trained"], "trained", TEST)
        if "new everything" in row.slices
    ]
    assert comparison.pairs == len(crossed) == 80
    assert comparison.gained == sum(new.right and not base.right for base, new in crossed)
    assert comparison.p_value == mcnemar(comparison.gained, comparison.lost) < 0.1
    assert f"{comparison.gained} gained" in headline(evidence)
    assert summary(evidence)["comparisons"]["trained"]["new everything"]["pairs"] == 80
    assert summary(evidence)["policies"]["rule"]["usual kinds"]["examples"] < 80


def test_a_threshold_keeps_wrong_figures_from_being_shown(evidence: Evidence) -> None:
    threshold = evidence.thresholds["trained"]
    assert threshold is not None
    assert evidence.thresholds["rule"] is None
    shown = [row for row in served(evidence.records["trained"], threshold) if row.shown]
    assert shown
    assert sum(row.wrong_shown for row in shown) <= 0.1 * len(shown)
    assert evidence.served["rule"].shown == 0


class Page(HTMLParser):
    """Collects a page's text and whatever it would load from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.text: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in {"script", "link", "img", "iframe"}:
            self.loads.append(tag)
        self.loads += [value for name, value in attrs if name in {"src", "href"} and value]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_report_leads_with_the_answer_and_needs_no_other_file(evidence: Evidence) -> None:
    content = report(evidence, EVALUATE, 0.1, ["Nobody <else> played."], {"commit": "abc"})
    page = Page()
    page.feed(content)
    assert page.loads == []
    text = " ".join("".join(page.text).split())
    trained = evidence.measures["trained"]["new everything"].accuracy.value
    answer = text.index("Right on “new everything”: base")
    assert f"trained {100 * trained:.1f}" in text[answer : answer + 120]
    assert "best baseline (rule)" in text[answer : answer + 160]
    sections = ["Policies", "Slices", "When it is sure", "Reward hacks", "Latency", "20 rollouts"]
    places = [text.index(section) for section in sections]
    assert places == sorted(places)
    assert "Nobody <else> played." in text
    assert content.count("<details") >= 20


def test_dollars_say_what_they_rest_on(evidence: Evidence) -> None:
    cheap, cheaper, unknown = (
        replace(evidence.measures["rule"]["all"], cost_per_1000_shown=cost)
        for cost in (0.00234, 0.00002, float("nan"))
    )
    measures = {"a": {"all": cheap}, "b": {"all": cheaper}, "c": {"all": unknown}}
    shown = replace(evidence, measures=measures)
    assert [row[-1] for row in policy_rows(shown, "all")] == ["$0.0023", "< $0.0001", "–"]
    assert "$0.10 an hour, which is an assumption" in cost_note(EVALUATE)


def test_failures_are_read_first(evidence: Evidence) -> None:
    rows = of(evidence.records["trained"], "trained", TEST)
    chosen = chosen_rollouts(rows, EVALUATE)
    failures = min(10, sum(not row.right for row in rows))
    assert failures > 2
    assert [row.right for row in chosen] == [False] * failures + [True] * (20 - failures)
    assert len({row.kind for row in chosen[:failures]}) > 1
    text = completion_text(next(row for row in chosen if row.right and row.due))
    for part in ("prompt", "search(", "return_answer(", "completion", "accession 0005000"):
        assert part in text


def test_hacks_are_found_where_they_are(records: list[Record]) -> None:
    base = {finding.name: finding for finding in look_for_hacks(of(records, "base", TEST))}
    trained = {finding.name: finding for finding in look_for_hacks(of(records, "trained", TEST))}
    assert base["ran out"].count > 10
    assert base["same search again"].count == base["ran out"].count
    wrong = [row.answer for row in of(records, "base", TEST) if row.wrong_shown]
    favourite = base["favourite answer"]
    assert favourite.count == max(map(wrong.count, wrong))
    assert favourite.example
    assert favourite.meaning.endswith(f"({favourite.example.answer})")
    assert wrong.count(favourite.example.answer) == favourite.count
    assert trained["ran out"].count == trained["unsearched"].count == 0
    assert base["silent though due"].count > trained["silent though due"].count


def test_suites_are_drawn_from_the_seed_and_carry_no_figure_of_their_own(
    world: tuple[Search, Corpus],
) -> None:
    _, corpus = world
    suite = adversarial(corpus.test, 12, 1)
    assert suite == adversarial(list(reversed(corpus.test)), 12, 1)
    assert [example.kind for example in suite].count("injection") == 12
    assert not any(example.is_due for example in suite if example.kind == "spam")
    originals = {example.id: example for example in corpus.test}
    for example in suite:
        original: Example = originals[example.id.split("-", 1)[1]]
        assert example.prompt.endswith(original.prompt)
        assert example.completion == original.completion


def test_drawing_is_seeded_and_no_more_than_there_is(world: tuple[Search, Corpus]) -> None:
    _, corpus = world
    assert draw(corpus.test, 10, 1) == draw(list(reversed(corpus.test)), 10, 1)
    assert len(draw(corpus.test, 10_000, 1)) == len(corpus.test)


@pytest.mark.parametrize(
    ("document", "asked"),
    [
        (
            "Apple's net sales for fiscal 2023 came to ",
            {"company": "Apple", "metric": "net sales", "period": "fiscal 2023"},
        ),
        (
            "Costs rose. In Q3 2022 Apple Inc. reported operating income of ",
            {"company": "Apple Inc.", "metric": "operating income", "period": "Q3 2022"},
        ),
        ("We met with Apple's management to discuss ", None),
        ("Apple's net sales for fiscal 2023 came to $383.3 billion, which is fi", None),
        ("Somebody's net sales for fiscal 2023 came to ", None),
    ],
)
def test_the_rule_asks_for_what_stands_before_the_caret(
    document: str, asked: dict[str, str] | None
) -> None:
    apple = Company(320193, "Apple Inc.", "AAPL")
    found = Rule(Mentions([apple], Catalogue.load())).question(document)
    if asked is None:
        assert found is None
    else:
        assert found is not None
        assert found["company"].rstrip(".") == asked["company"].rstrip(".")
        assert (found["metric"], found["period"]) == (asked["metric"], asked["period"])


def test_the_last_period_is_taken_whole() -> None:
    assert last_period("FY2021 was weak; the third quarter of 2022 had") == (
        "the third quarter of 2022"
    )
    assert last_period("no period at all, only 12 people") is None
