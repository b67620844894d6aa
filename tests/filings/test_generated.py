"""The generated universe: varied, coherent, repeatable, with its errors on record."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

import orjson
import pytest

from ledgerline.filings.accounts import SECTORS
from ledgerline.filings.companyfacts import read_companyfacts
from ledgerline.filings.facts import Company, Fact
from ledgerline.filings.generated import FIRST_CIK, GeneratedSettings, Planted, companies
from ledgerline.filings.names import SECTOR_WORDS, company_names, tickers

CLEAN = GeneratedSettings(
    companies=60,
    years=10,
    last_year=2024,
    foreign_rate=0.0,
    restatement_rate=0.0,
    fact_error_rate=0.0,
    filing_error_rate=0.0,
    seed=11,
)


@pytest.fixture(scope="module")
def universe() -> list[tuple[Company, list[Fact]]]:
    return [read_companyfacts(content)[:2] for content, _ in companies(CLEAN)]


def test_the_same_seed_gives_the_same_universe() -> None:
    few = CLEAN.model_copy(update={"companies": 3})
    assert list(companies(few)) == list(companies(few))
    assert list(companies(few)) != list(companies(few.model_copy(update={"seed": 12})))


def test_names_are_many_and_not_confusable() -> None:
    sectors = [list(SECTORS)[n % len(SECTORS)] for n in range(3000)]
    names = company_names(3000, sectors, 1)
    assert len(set(names)) == 3000
    assert len({name.split()[0] for name in names}) > 1500
    assert max(Counter(name.split()[0] for name in names).values()) < 120
    assert len(set(tickers(names, 1))) == 3000
    assert set(SECTOR_WORDS) == set(SECTORS)


def test_accounts_cohere(universe: list[tuple[Company, list[Fact]]]) -> None:
    for company, facts in universe:
        by_context: dict[tuple[object, ...], dict[str, Decimal]] = defaultdict(dict)
        for fact in facts:
            by_context[fact.accession, fact.start, fact.end][fact.tag] = fact.value
        for values in by_context.values():
            if "Assets" in values:
                assert values["Assets"] == values["Liabilities"] + values["StockholdersEquity"]
                assert values["CashAndCashEquivalentsAtCarryingValue"] < values["Assets"]
            revenue = next(
                (v for tag, v in values.items() if tag.startswith(("Revenue", "Sales"))), None
            )
            if revenue is None or "NetIncomeLoss" not in values:
                continue
            assert revenue > values["NetIncomeLoss"], company
            if "GrossProfit" in values:
                assert values["GrossProfit"] == revenue - values["CostOfRevenue"]
            shares = values["WeightedAverageNumberOfDilutedSharesOutstanding"]
            per_share = values["EarningsPerShareDiluted"]
            assert abs(per_share * shares - values["NetIncomeLoss"]) <= shares * Decimal("0.0051")


def test_it_is_as_varied_as_promised(universe: list[tuple[Company, list[Fact]]]) -> None:
    assert [company.cik for company, _ in universe] == list(range(FIRST_CIK, FIRST_CIK + 60))
    assert len({company.sic for company, _ in universe}) >= 12
    assert len({company.fiscal_year_end for company, _ in universe}) >= 6
    tags = [{fact.tag for fact in facts} for _, facts in universe]
    assert len(set.union(*tags)) >= 24
    assert 12 <= sum(map(len, tags)) / len(tags) <= 24
    years = [
        len({f.end for f in facts if f.form == "10-K" and f.tag == "Assets"})
        for _, facts in universe
    ]
    assert max(years) == 10
    assert sum(count == 10 for count in years) >= 25
    sizes = [max(f.value for f in facts if f.tag == "Assets") for _, facts in universe]
    assert max(sizes) / min(sizes) > 1000


def test_comparatives_repeat_the_year_before(universe: list[tuple[Company, list[Fact]]]) -> None:
    _, facts = universe[0]
    told: dict[tuple[object, ...], set[Decimal]] = defaultdict(set)
    filings: dict[tuple[object, ...], set[str]] = defaultdict(set)
    for fact in facts:
        if fact.form == "10-K":
            told[fact.tag, fact.start, fact.end].add(fact.value)
            filings[fact.tag, fact.start, fact.end].add(fact.accession)
    assert all(len(values) == 1 for values in told.values())
    assert sum(len(accessions) == 2 for accessions in filings.values()) > len(filings) / 2


def test_cash_flow_is_told_year_to_date(universe: list[tuple[Company, list[Fact]]]) -> None:
    for _, facts in universe:
        lengths = {
            round((f.end - f.start).days / 91)
            for f in facts
            if f.start
            and f.form == "10-Q"
            and f.tag == "NetCashProvidedByUsedInOperatingActivities"
        }
        assert lengths == {1, 2, 3}
        assert {
            round((f.end - f.start).days / 91)
            for f in facts
            if f.start and f.form == "10-Q" and f.tag == "NetIncomeLoss"
        } == {1}


def test_restatements_move_values_of_the_year_before() -> None:
    settings = CLEAN.model_copy(update={"restatement_rate": 0.12, "companies": 150})
    told: dict[tuple[object, ...], set[Decimal]] = defaultdict(set)
    for content, _ in companies(settings):
        for fact in read_companyfacts(content)[1]:
            if fact.form == "10-K":
                told[fact.cik, fact.tag, fact.start, fact.end].add(fact.value)
    share = sum(len(values) > 1 for values in told.values()) / len(told)
    assert 0.005 < share < 0.025


def test_some_companies_report_in_a_currency_of_their_own() -> None:
    settings = CLEAN.model_copy(update={"foreign_rate": 0.25, "companies": 200})
    currencies = []
    for content, _ in companies(settings):
        units = {fact.tag: fact.unit for fact in read_companyfacts(content)[1]}
        currency = units["Assets"]
        assert units["NetIncomeLoss"] == currency
        assert units["EarningsPerShareDiluted"] == f"{currency}/shares"
        assert units["CommonStockSharesOutstanding"] == "shares"
        currencies.append(currency)
    assert 30 < sum(currency != "USD" for currency in currencies) < 70
    assert len(set(currencies)) > 8
    domestic, foreign = (
        next(companies(CLEAN.model_copy(update={"foreign_rate": rate}))) for rate in (0.0, 1.0)
    )
    assert {fact.value for fact in read_companyfacts(foreign[0])[1]} == {
        fact.value for fact in read_companyfacts(domestic[0])[1]
    }


def test_planted_errors_are_on_record() -> None:
    settings = CLEAN.model_copy(update={"fact_error_rate": 0.01, "filing_error_rate": 0.01})
    wrong: dict[tuple[object, ...], Decimal] = {}
    right: dict[tuple[object, ...], Decimal] = {}
    planted: list[Planted] = []
    for (spoilt, errors), (clean, none) in zip(companies(settings), companies(CLEAN), strict=True):
        assert none == []
        planted += errors
        for values, content in ((wrong, spoilt), (right, clean)):
            for fact in read_companyfacts(content)[1]:
                values[fact.accession, fact.tag, fact.start, fact.end] = fact.value
    different = {key for key in right if wrong[key] != right[key]}
    assert len(planted) == len(different) > 300
    assert {error.kind for error in planted} == {"fact", "filing"}
    assert {Decimal(error.factor) for error in planted} >= {
        Decimal(1000), Decimal("0.001"), Decimal(1000000), Decimal(100),
    }  # fmt: skip
    for error in planted:
        assert Decimal(error.wrong) == Decimal(error.right) * Decimal(error.factor)
        key = (
            error.accession,
            error.tag,
            error.start and date.fromisoformat(error.start),
            date.fromisoformat(error.end),
        )
        assert (right[key], wrong[key]) == (Decimal(error.right), Decimal(error.wrong))


def test_it_looks_like_edgar() -> None:
    content, _ = next(companies(CLEAN))
    document = orjson.loads(content)
    assert set(document) >= {"cik", "entityName", "facts"}
    rows = document["facts"]["us-gaap"]["Assets"]["units"]["USD"]
    assert set(rows[0]) == {"end", "val", "accn", "fy", "fp", "form", "filed"}
