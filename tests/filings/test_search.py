"""Search: tolerant of people, strict about facts."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.figures import read
from ledgerline.filings.periods import Period, Span
from ledgerline.filings.search import Hit, Miss, Search
from ledgerline.filings.store import Store
from tests.filings.wordings import worded


def figure_text(search: Search, *call: str, as_of: date | None = None) -> str:
    answer = search(*call, as_of=as_of)
    assert isinstance(answer, Hit), answer
    return answer.figure.text


def test_the_answer_says_where_it_comes_from(real_search: Search) -> None:
    answer = real_search("AAPL", "net sales", "the year ended September 30, 2023")
    assert isinstance(answer, Hit)
    figure = answer.figure
    assert (figure.text, figure.value, figure.unit) == ("$383.3 billion", 383285000000, "USD")
    assert (figure.period.label, figure.start, figure.end) == (
        "FY2023",
        date(2022, 9, 25),
        date(2023, 9, 30),
    )
    assert figure.form == "10-K"
    assert figure.accession.startswith("0000320193-")
    assert figure.filed >= date(2023, 11, 3)
    assert not figure.restated
    assert figure.derived is None


def test_as_of_sees_no_later_filing(real_search: Search) -> None:
    day_before = date(2023, 11, 2)
    answer = real_search("Apple", "revenue", "FY2023", as_of=day_before)
    assert isinstance(answer, Miss)
    assert (answer.argument, answer.near[0]) == ("period", "FY2022")
    assert "FY2023" not in answer.near
    answer = real_search("Apple", "revenue", "FY2023", as_of=date(2023, 11, 3))
    assert isinstance(answer, Hit)
    assert answer.figure.accession == "0000320193-23-000106"


def test_restatements_are_kept_apart(real_search: Search) -> None:
    # NVIDIA split ten for one in 2024; fiscal 2024 was first told before it.
    as_filed = real_search.as_filed(1045810, "eps_diluted")[Period(2024, Span.FY)]
    assert (as_filed.value, as_filed.restated) == (Decimal("11.93"), False)
    latest = real_search.series(1045810, "eps_diluted")[Period(2024, Span.FY)]
    assert (latest.value, latest.restated) == (Decimal("1.19"), True)
    assert figure_text(real_search, "NVDA", "EPS", "FY2024", as_of=date(2024, 5, 1)) == "$11.93"


def test_quarters_that_only_year_to_date_tells(real_search: Search) -> None:
    answer = real_search("Apple", "operating cash flow", "Q3 2023")
    assert isinstance(answer, Hit)
    assert (answer.figure.value, answer.figure.derived) == (26380000000, "9M 2023 − H1 2023")
    answer = real_search("Apple", "revenue", "Q4 2023")
    assert isinstance(answer, Hit)
    assert (answer.figure.text, answer.figure.derived) == ("$89.5 billion", "FY2023 − 9M 2023")
    assert (answer.figure.start, answer.figure.end) == (date(2023, 7, 2), date(2023, 9, 30))
    # A fourth quarter's EPS can't be had by subtraction.
    assert isinstance(real_search("Apple", "EPS", "Q4 2023"), Miss)


def test_derived_metrics_tell_their_formula(real_search: Search) -> None:
    answer = real_search("Apple", "gross margin", "2023")
    assert isinstance(answer, Hit)
    assert (answer.figure.text, answer.figure.derived) == ("44.1%", "gross_profit / revenue")
    assert figure_text(real_search, "Apple", "free cash flow", "FY2023") == "$99.6 billion"
    assert figure_text(real_search, "Apple", "revenue growth", "FY2022") == "7.8%"
    assert figure_text(real_search, "Apple", "current ratio", "FY2023") == "0.99x"


def test_ifrs_and_its_currency(real_search: Search) -> None:
    assert figure_text(real_search, "TSMC", "revenue", "2022") == "NT$2.26 trillion"
    assert (
        figure_text(real_search, "TSM", "total assets", "December 31, 2023") == "NT$5.53 trillion"
    )


@pytest.mark.parametrize(
    ("words", "written", "label"),
    [
        ("last year", date(2023, 12, 1), "FY2023"),
        ("the prior year", date(2024, 6, 1), "FY2023"),
        ("two years ago", date(2024, 6, 1), "FY2022"),
        ("last quarter", date(2024, 2, 15), "Q1 2024"),
        ("the year-ago quarter", date(2024, 2, 15), "Q1 2023"),
        ("the third quarter of last year", date(2024, 2, 15), "Q3 2023"),
    ],
)
def test_relative_periods(real_search: Search, words: str, written: date, label: str) -> None:
    answer = real_search("Apple", "revenue", words, as_of=written)
    assert isinstance(answer, Hit), answer
    assert answer.figure.period.label == label


def test_misses_say_which_argument_failed_and_what_is_near(real_search: Search) -> None:
    assert real_search("Appel Inc", "revenue", "FY2023") != real_search("AAPL", "revenue", "FY2023")
    miss = real_search("Marvel Tecnology", "revenue", "never")
    assert isinstance(miss, Miss)
    assert miss.argument == "period"
    miss = real_search("Globex", "revenue", "FY2023")
    assert isinstance(miss, Miss)
    assert miss.argument == "company"
    miss = real_search("Apple", "net incme before everything", "FY2023")
    assert isinstance(miss, Miss)
    assert (miss.argument, bool(miss.near)) == ("metric", True)
    miss = real_search("Apple", "revenue", "FY1990")
    assert isinstance(miss, Miss)
    assert (miss.argument, miss.near[0][:2]) == ("period", "FY")
    miss = real_search("Snowflake", "inventory", "FY2023")
    assert isinstance(miss, Miss)
    assert miss.argument == "metric"
    assert "reports no Inventory" in miss.message


HOSTILE = st.one_of(
    st.text(max_size=60),
    st.binary(max_size=40).map(lambda raw: raw.decode("latin-1")),
    st.sampled_from(
        [
            *(
                "'; DROP TABLE fact; --",
                "\x00\x00",
                "(" * 500,
                "a" * 100_000,
                "%s%n",
                "Apple (((",
                "$",
            ),
            *("𝟚𝟘𝟚𝟛", "Q\u0663 2023", "0" * 300, "2023-99-99", "the the the", "\ud800", "-" * 90),
        ]
    ),
)


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(company=HOSTILE, metric=HOSTILE, period=HOSTILE)
def test_anything_is_answered(real_search: Search, company: str, metric: str, period: str) -> None:
    for call in ((company, metric, period), ("Apple", metric, period), ("Apple", "EPS", period)):
        assert isinstance(real_search(*call), Hit | Miss)
    assert real_search("Apple", "revenue", "FY2023") == real_search("AAPL", "sales", "2023")


def test_long_input_is_answered(real_search: Search) -> None:
    for text in ("x" * 10**6, "(" * 10**6, "September " * 10**5):
        assert isinstance(real_search(text, "revenue", "FY2023"), Miss)
        assert isinstance(real_search("Apple", text, "FY2023"), Miss)
        assert isinstance(real_search("Apple", "revenue", text), Miss)


def one_edit(draw: st.DrawFn, text: str) -> str:
    """`text` with one letter dropped, doubled or exchanged with its neighbour."""
    at = draw(st.integers(1, len(text) - 2))
    kind = draw(st.sampled_from(["drop", "double", "swap"]))
    if kind == "drop":
        return text[:at] + text[at + 1 :]
    if kind == "double":
        return text[:at] + text[at] + text[at:]
    return text[:at] + text[at + 1] + text[at] + text[at + 2 :]


@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_listed_tolerances_lead_back_to_the_company(
    universe_search: Search, data: st.DataObject
) -> None:
    companies = sorted(universe_search.directory.companies.values(), key=lambda c: c.cik)
    company = data.draw(st.sampled_from(companies))
    name = company.name
    dressed = data.draw(
        st.sampled_from(
            [
                name,
                name.upper(),
                name.lower(),
                name.replace("&", "and"),
                name.replace(",", "").replace(".", ""),
                name.replace(", Inc.", "").replace(" Inc.", "").replace(" Corp.", ""),
                f"{name} ({company.ticker})",
                f"{name} (NYSE: {company.ticker})",
                company.ticker,
                company.ticker.lower(),
                f"{name}'s",
                f"CIK {company.cik:010}",
            ]
        )
    )
    assert universe_search.directory.resolve(dressed) is company
    typo = one_edit(data.draw, name.lower())
    found = universe_search.directory.resolve(typo)
    assert found is company or (isinstance(found, tuple) and len(typo) < 14), (typo, found)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_every_figure_is_found_by_its_words(universe_search: Search, data: st.DataObject) -> None:
    search = universe_search
    company = data.draw(st.sampled_from(sorted(search.directory.companies.values(), key=repr)))
    metric = search.catalogue.get(data.draw(st.sampled_from(search.metrics_of(company.cik))))
    series = search.series(company.cik, metric.name)
    period = data.draw(st.sampled_from(list(series)))
    figure = series[period]
    name = data.draw(st.sampled_from((metric.display, metric.name, *metric.aliases)))
    words = data.draw(st.sampled_from(worded(period, figure.end, metric.flow)))
    answer = search(company.name, name, words)
    assert isinstance(answer, Hit), (company.name, name, words, answer)
    assert answer.figure == figure
    assert abs(read(figure.text).value - figure.value) <= read(figure.text).quantum / 2


def test_companies_that_share_a_name_are_not_guessed(tmp_path: Path) -> None:
    with Store.create(tmp_path / "two.sqlite") as store:
        store.add(Company(1, "Acme Inc.", "ACM"), [])
        store.add(Company(2, "ACME CORP", "ACME"), [])
        store.add(Company(3, "Acme Hotels Inc.", "ACH", former_names=("Zenith",)), [])
    with Store.open(tmp_path / "two.sqlite", read_only=True) as store:
        search = Search(store)
        miss = search("acme", "revenue", "FY2023")
        assert isinstance(miss, Miss)
        assert miss.near == ("ACME CORP (ACME)", "Acme Inc. (ACM)")
        assert search.directory.resolve("ACME") == search.directory.companies[2]
        assert search.directory.resolve("Acme Inc. (ACM)") == search.directory.companies[1]
        assert search.directory.resolve("Acme Hotels") == search.directory.companies[3]
        assert search.directory.resolve("zenith") == search.directory.companies[3]


def reported(
    tag: str, value: int, filed: date, accession: str, start: date | None = date(2022, 1, 1)
) -> Fact:
    return Fact(
        1,
        accession,
        "us-gaap",
        tag,
        "USD",
        start,
        date(2022, 12, 31),
        Decimal(value),
        "10-K",
        filed,
    )


def search_of(folder: Path, facts: Sequence[Fact]) -> Search:
    with Store.create(folder / "facts.sqlite") as store:
        store.add(Company(1, "Acme Inc."), facts)
    return Search(Store.open(folder / "facts.sqlite", read_only=True))


@pytest.mark.parametrize(
    ("form", "filed", "label"),
    [
        ("10-K", date(2023, 2, 1), "FY2022"),
        ("20-F", date(2023, 4, 20), "FY2022"),  # in the second quarter of the next year
        ("10-K/A", date(2023, 11, 30), "FY2022"),
        ("10-Q", date(2023, 5, 5), "Q1 2023"),
        ("10-Q", date(2024, 1, 20), "Q3 2023"),  # late
    ],
)
def test_a_cover_page_belongs_to_what_was_over_last(
    tmp_path: Path, form: str, filed: date, label: str
) -> None:
    cover = Fact(
        1, "a-2", "dei", "EntityCommonStockSharesOutstanding", "shares", None, filed,
        Decimal(500), form, filed,
    )  # fmt: skip
    search = search_of(tmp_path, [reported("Revenues", 100, date(2023, 2, 1), "a-1"), cover])
    assert [p.label for p in search.series(1, "cover_shares_outstanding")] == [label]


def test_a_balance_of_another_day_is_no_restatement(tmp_path: Path) -> None:
    def goodwill(value: int, end: date, filed: date, accession: str) -> Fact:
        return Fact(
            1, accession, "us-gaap", "Goodwill", "USD", None, end, Decimal(value), "10-Q", filed
        )

    facts = [
        reported("Revenues", 100, date(2023, 2, 1), "a-1"),
        goodwill(5000, date(2023, 3, 31), date(2023, 5, 5), "a-2"),
        goodwill(900, date(2023, 4, 20), date(2023, 8, 5), "a-3"),  # of what was acquired then
        goodwill(5900, date(2023, 6, 30), date(2023, 8, 5), "a-3"),
    ]
    found = search_of(tmp_path, facts).series(1, "goodwill")
    assert {period.label: figure.value for period, figure in found.items()} == {
        "Q1 2023": 5000,
        "Q2 2023": 5900,
    }
    assert not found[Period(2023, Span.Q1)].restated


def test_a_ratio_of_two_currencies_is_none(tmp_path: Path) -> None:
    filed = date(2023, 2, 1)
    facts = [
        reported("Revenues", 1000, filed, "a-1"),
        reported("NetIncomeLoss", 700, filed, "a-1")._replace(unit="CNY"),
    ]
    search = search_of(tmp_path, facts)
    assert search.series(1, "net_income")
    assert not search.series(1, "net_margin")


def test_of_several_tags_the_preferred_speaks_from_when_it_was_filed(tmp_path: Path) -> None:
    first, second, third = date(2023, 2, 1), date(2024, 2, 1), date(2025, 2, 1)
    contract = "RevenueFromContractWithCustomerExcludingAssessedTax"
    facts = [
        reported("SalesRevenueNet", 100, first, "a-23"),
        reported(contract, 90, second, "a-24"),
        reported("SalesRevenueNet", 100, second, "a-24"),
        reported("SalesRevenueNet", 101, third, "a-25"),
    ]
    with Store.create(tmp_path / "tags.sqlite") as store:
        store.add(Company(1, "Acme Inc."), facts)
    with Store.open(tmp_path / "tags.sqlite", read_only=True) as store:
        versions = Search(store).versions(1, "revenue")[Period(2022, Span.FY)]
        assert [(f.value, f.accession, f.restated) for f in versions.figures] == [
            (100, "a-23", False),
            (90, "a-24", True),
        ]


def test_a_rounded_repeat_is_no_restatement(real_search: Search) -> None:
    # Marvell told fiscal 2022 in thousands, and in later reports in tenths of a million.
    figure = real_search.series(1835632, "revenue")[Period(2022, Span.FY)]
    assert (figure.value, figure.restated) == (4462383000, False)


def test_an_answer_is_kept(real_search: Search) -> None:
    call = ("Apple", "net sales", "fiscal 2023")
    assert real_search(*call) is real_search(*call)
