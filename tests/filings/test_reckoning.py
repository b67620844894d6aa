"""What two figures yield together, and how it is asked for."""

from decimal import Decimal

import pytest

from ledgerline.examples.example import Ask
from ledgerline.filings import figures
from ledgerline.filings.periods import Span
from ledgerline.filings.reckoning import RECKONINGS, metrics_in, read_reckoning, renamed
from ledgerline.filings.search import Hit, Miss, Search
from tests.filings.test_search import figure_text

LATER = (Decimal(4_104_600_000), "USD")
EARLIER = (Decimal(3_551_000_000), "USD")
LOSS = (Decimal(-2_000_000), "USD")
SHARE = (Decimal("0.125"), "pure")


@pytest.mark.parametrize(
    ("name", "first", "second", "figure"),
    [
        ("change", LATER, EARLIER, "$553.6 million"),
        ("change", EARLIER, LATER, "$553.6 million"),
        ("change", LATER, LOSS, "$4.1 billion"),
        ("growth", LATER, EARLIER, "15.6%"),
        ("growth", EARLIER, LATER, "13.5%"),
        ("ratio", EARLIER, LATER, "86.5%"),
        ("change", LATER, LATER, None),  # nothing changed
        ("change", LATER, SHARE, None),
        ("growth", LATER, LOSS, None),  # of a loss there is no rate
        ("growth", LATER, LATER, None),
        ("ratio", LOSS, LATER, None),
        ("ratio", LATER, (Decimal(1), "USD"), None),  # no share that anybody states
    ],
)
def test_what_two_figures_yield(name: str, first, second, figure: str | None) -> None:
    found = RECKONINGS[name].reckon(first, second)
    assert (found and figures.render(*found)) == figure


@pytest.mark.parametrize("name", sorted(RECKONINGS))
def test_what_is_asked_for_in_its_form_is_understood(name: str) -> None:
    reckoning = RECKONINGS[name]
    metrics = ("net income/(loss)", "total revenue")[: reckoning.metrics]
    written = reckoning.form.format(*metrics)
    assert read_reckoning(written) == (reckoning, metrics)
    assert metrics_in(written) == metrics
    assert renamed(written, {"total revenue": "Revenue", metrics[0]: "Profit"}) == (
        reckoning.form.format("Profit", "Revenue")
    )


def test_a_name_that_sounds_like_a_reckoning_is_a_name() -> None:
    assert renamed("Change in cash", {"change in cash": "cash flow"}) == "cash flow"
    assert renamed("change in seats / revenue", {"change in seats": "capex"}) == "capex / revenue"
    assert read_reckoning("net change in cash") is None
    assert metrics_in("net income/(loss)") == ("net income/(loss)",)


def test_what_an_example_may_ask_to_reckon_is_known() -> None:
    assert set(Ask) - {Ask.FIGURE, Ask.NOTHING} == set(RECKONINGS)


@pytest.mark.parametrize(
    ("metric", "period", "text", "display", "derived"),
    [
        (
            "change in net sales",
            "fiscal 2023",
            "$11.0 billion",
            "Revenue, change",
            "FY2023 - FY2022",
        ),
        (
            "percent change in sales",
            "FY23",
            "2.8%",
            "Revenue, percent change",
            "FY2023 / FY2022 - 1",
        ),
        (
            "R&D / net sales",
            "the year ended September 30, 2023",
            "7.8%",
            "Research and development expense / Revenue",
            "research_and_development / revenue",
        ),
        ("% change in total assets", "September 30, 2023", "0.0%", "", ""),
    ],
)
def test_what_two_facts_yield_is_reckoned(
    real_search: Search, metric: str, period: str, text: str, display: str, derived: str
) -> None:
    answer = real_search("AAPL", metric, period)
    if not display:  # 352,755 and 352,583 million: less than a tenth of a percent
        assert isinstance(answer, Miss)
        assert answer.argument == "metric"
        return
    assert isinstance(answer, Hit)
    figure = answer.figure
    assert (figure.text, figure.metric_display, figure.derived) == (text, display, derived)
    plain = real_search("AAPL", metric.partition(" / ")[0].rpartition(" in ")[2], period)
    assert isinstance(plain, Hit)
    assert answer.filed[0] == plain.figure
    assert (figure.metric, figure.period) == (plain.figure.metric, plain.figure.period)
    assert figure.filed == max(each.filed for each in answer.of)
    assert figure.accession in {each.accession for each in answer.of}
    assert real_search.knows("metric", metric)


def test_of_what_is_unknown_nothing_is_reckoned(real_search: Search) -> None:
    for metric in ("change in moods", "moods / revenue", "revenue / moods"):
        answer = real_search("AAPL", metric, "FY2023")
        assert isinstance(answer, Miss)
        assert answer.argument == "metric"
        assert not real_search.knows("metric", metric)
    assert real_search.alike("metric", "change in sales", "change in net revenue")
    assert not real_search.alike("metric", "change in sales", "percent change in sales")
    first = min(p.fiscal_year for p in real_search.series(320193, "revenue") if p.span is Span.FY)
    for year in (1999, first):  # of the first there is a figure, and none of the year before
        answer = real_search("AAPL", "change in sales", f"FY{year}")
        assert isinstance(answer, Miss)
        assert answer.argument == "period"


def test_other_words_for_a_change_are_no_misspelt_metric(real_search: Search) -> None:
    one = figure_text(real_search, "AAPL", "change in research and development expense", "FY2023")
    for words in ("changes in", "the change in", "Change  in"):
        metric = f"{words} research and development expense"
        assert figure_text(real_search, "AAPL", metric, "FY2023") == one
    for metric in ("change in change in revenue", "change in R&D / revenue"):
        assert isinstance(real_search("AAPL", metric, "FY2023"), Miss)
