"""Names with the words of a sentence left on them."""

# ruff: noqa: SIM905 - long lists of words read better as text

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledgerline.filings.catalogue import Metric
from ledgerline.filings.chatter import CHATTER, DEEDS, without_chatter
from ledgerline.filings.facts import Company
from ledgerline.filings.period_words import read_period
from ledgerline.filings.search import Hit, Miss, Search
from tests.filings.test_catalogue import CATALOGUE, NAMES

CHANGING = (
    "net total gross adjusted other per growth cost deferred organic average before after from to "
    "non excluding less paid used provided generated us not no without change increase decrease "
    "quarter year last prior next may march ended expected forecast"
).split()  # fmt: skip
"""Words that make another figure, or another period, of a name."""


def wrapped(data: st.DataObject, name: str, words: frozenset[str]) -> str:
    some = st.lists(st.sampled_from(sorted(words)), max_size=4)
    before, after = data.draw(some), data.draw(some)
    dress = data.draw(st.sampled_from((str.lower, str.capitalize, lambda text: f"{text},")))
    return " ".join([*map(dress, before), name, *after])


def test_no_word_changes_what_is_meant() -> None:
    assert not CHATTER & set(CHANGING)
    assert len(CHATTER) < 200


@given(st.sampled_from(NAMES), st.data())
def test_a_metric_is_found_among_words(named: tuple[Metric, str], data: st.DataObject) -> None:
    metric, name = named
    assert CATALOGUE.resolve(wrapped(data, name, CHATTER)) is metric


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_company_is_found_among_words(universe_search: Search, data: st.DataObject) -> None:
    companies = sorted(universe_search.directory.companies.values(), key=lambda c: c.cik)
    company = data.draw(st.sampled_from(companies))
    name = data.draw(st.sampled_from((company.name, company.name.upper(), company.ticker)))
    assert universe_search.directory.resolve(wrapped(data, name, DEEDS)) is company


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("include capital expenditures", "capex"),
        ("in at capital expenditures", "capex"),
        ("brought capital expenditures", "capex"),
        ("reported revenue of", "revenue"),
        ("had net income", "net_income"),
        ("Revenue came to", "revenue"),
        ("what was the reported tax rate", "effective_tax_rate_reported"),
    ],
)
def test_metrics_as_a_sentence_has_them(text: str, metric: str) -> None:
    assert CATALOGUE.resolve(text) is CATALOGUE.get(metric)


@pytest.mark.parametrize(
    "text",
    [
        "adjusted revenue", "revenue per employee", "organic revenue", "US based revenue of",
        "reported organic revenue", "revenue from", "cash generated", "cash used in",
        "debt to", "the cost of", "had revenue before", "services revenue was", "the of in",
    ],
)  # fmt: skip
def test_other_figures_stay_unknown(text: str) -> None:
    assert not isinstance(CATALOGUE.resolve(text), Metric)


@pytest.mark.parametrize(
    ("text", "metric"),
    [
        ("revenue growth", "revenue_growth"), ("net sales growth", "revenue_growth"),
        ("deferred revenue", "deferred_revenue"), ("cost of revenue", "cost_of_revenue"),
        ("other income", "other_income"), ("had income taxes paid", "income_taxes_paid"),
        ("had total net income", "net_income_with_noncontrolling"),
    ],
)  # fmt: skip
def test_longer_names_stay_whole(text: str, metric: str) -> None:
    assert CATALOGUE.resolve(text) is CATALOGUE.get(metric)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Apple results", "Apple Inc."),
        ("According to the filing, Apple Inc. (AAPL)", "Apple Inc."),
        ("You wanted NVIDIA", "NVIDIA Corporation"),
        ("Nvidia disclosed", "NVIDIA Corporation"),
        ("from AAPL", "Apple Inc."),
    ],
)
def test_companies_as_a_sentence_has_them(real_search: Search, text: str, name: str) -> None:
    found = real_search.directory.resolve(text)
    assert isinstance(found, Company)
    assert found.name.casefold() == name.casefold()


def test_other_companies_stay_unknown(real_search: Search) -> None:
    for text in ("Apple Hospitality", "Apple suppliers reported", "Reported Aple Inc", "it had"):
        assert not isinstance(real_search.directory.resolve(text), Company), text


@pytest.mark.parametrize(
    ("text", "period"),
    [
        ("for Q3 2022 was", "Q3 2022"),
        ("in fiscal 2023 was", "FY2023"),
        ("during FY23", "FY2023"),
        ("reported in the first nine months of 2023", "9M 2023"),
        ("2023 compared to", "FY2023"),
    ],
)
def test_periods_as_a_sentence_has_them(real_search: Search, text: str, period: str) -> None:
    answer = real_search("Apple", "revenue", text)
    assert isinstance(answer, Hit), answer
    assert answer.figure.period.label == period


def test_periods_stay_what_they_are(real_search: Search) -> None:
    for text in ("before 2022", "since 2022 was", "half of 2022", "in was", "2022 to 2023 was"):
        assert isinstance(real_search("Apple", "revenue", text), Miss), text
    with pytest.raises(ValueError, match="period"):
        read_period("FY2023 was")


def test_as_much_as_can_be_is_kept() -> None:
    assert list(without_chatter("had On Holding, reported", DEEDS)) == [
        "On Holding, reported", "had On Holding,",
        "Holding, reported", "On Holding,", "Holding,",
    ]  # fmt: skip
    assert list(without_chatter("it " * 40)) == []
    assert list(without_chatter("revenue " * 40)) == []
