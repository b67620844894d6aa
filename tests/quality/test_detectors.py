"""What must and what must not be taken for an error, company by company."""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import settings as settings_of_hypothesis
from hypothesis import strategies as st

from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.figures import render
from ledgerline.quality.board import Kind, make_board, trailing_zeros, unit_kind
from ledgerline.quality.findings import PERCENT
from ledgerline.quality.scale_words import contradicts_itself
from ledgerline.quality.sparkline import sparkline
from ledgerline.quality.structure import size_findings
from ledgerline.quality.units import SIGN, UNIT
from ledgerline.quality.validation import ValidateSettings, find

Row = tuple[int, int, str, str, bool, int, float]


def frame_of(rows: Iterable[Row]) -> pd.DataFrame:
    """Rows (cik, year filed, tag, unit, flow, year told, value) as a store's frame."""
    columns = ["cik", "filed_in", "tag", "unit", "flow", "told", "value"]
    frame = pd.DataFrame(list(rows), columns=columns)
    return pd.DataFrame(
        {
            "fact_id": np.arange(len(frame)),
            "cik": frame["cik"],
            "accession": [
                f"{c:010d}-{f % 100:02d}-000001"
                for c, f in zip(frame["cik"], frame["filed_in"], strict=True)
            ],
            "form": "10-K",
            "filed": [pd.Timestamp(date(f, 2, 20)) for f in frame["filed_in"]],
            "taxonomy": "us-gaap",
            "tag": frame["tag"],
            "unit": frame["unit"],
            "start": [
                pd.Timestamp(date(t, 1, 1)) if f else pd.NaT
                for t, f in zip(frame["told"], frame["flow"], strict=True)
            ],
            "end": [pd.Timestamp(date(t, 12, 31)) for t in frame["told"]],
            "value": frame["value"].astype(float),
        }
    )


def history(
    cik: int, tag: str, values: list[float], unit: str = "USD", flow: bool = False
) -> list[Row]:
    """One value a year from 2015 on, each told again in the next year's filing."""
    rows = [(cik, 2016 + n, tag, unit, flow, 2015 + n, v) for n, v in enumerate(values)]
    again = [(cik, 2017 + n, tag, unit, flow, 2015 + n, v) for n, v in enumerate(values[:-1])]
    return rows + again


def market() -> list[Row]:
    """Twenty ordinary companies for peers."""
    rows = []
    for n in range(20):
        size = 1.7e9 * 1.4 ** (n - 10)
        grown = [round(size * 1.06**year, -3) for year in range(6)]
        rows += history(100 + n, "Revenues", grown, flow=True)
        rows += history(100 + n, "Assets", [round(v * 1.7, -3) for v in grown])
        shares = [round(size / 20 + year * 1e5) for year in range(6)]
        rows += history(100 + n, "CommonStockSharesOutstanding", shares, "shares")
        rates = [0.21, 0.22, 0.2, 0.21, 0.23, 0.21]
        rows += history(100 + n, "EffectiveIncomeTaxRate", rates, "pure", flow=True)
    return rows


def reasons(rows: list[Row], settings: ValidateSettings, cik: int) -> list[tuple[str, float]]:
    """(reason, value) of every finding on one company."""
    board = make_board(frame_of([*market(), *rows]))
    return [
        (f.reason, float(board.value[f.row]))
        for f in find(board, settings, Catalogue.load())
        if board.companies[board.company[f.row]] == cik
    ]


@pytest.mark.parametrize("split", [2, 3, 4, 7, 10, 20])
def test_a_stock_split_is_no_error(settings: ValidateSettings, split: int):
    before, after = [50e6, 51e6, 52e6], [53e6 * split, 54e6 * split, 55e6 * split]
    rows = history(1, "CommonStockSharesOutstanding", before + after, "shares")
    # Filings after the split restate what went before it.
    rows = [
        (c, f, t, u, fl, told, v * split if f >= 2019 and told < 2018 else v)
        for c, f, t, u, fl, told, v in rows
    ]
    earnings = [4.0, 4.2, 4.4, 4.6 / split, 4.8 / split, 5 / split]
    rows += history(1, "EarningsPerShareBasic", earnings, "USD/shares", flow=True)
    rows += history(1, "Revenues", [1.1e9, 1.2e9, 1.3e9, 1.4e9, 1.5e9, 1.6e9], flow=True)
    assert reasons(rows, settings, 1) == []


def test_a_tiny_company_is_no_error(settings: ValidateSettings):
    rows = history(1, "Revenues", [81_250, 90_417, 77_020, 64_300, 99_871, 120_040], flow=True)
    rows += history(1, "Assets", [12_000, 9_417, 17_020, 4_300, 19_871, 22_040])
    assert reasons(rows, settings, 1) == []


def test_hypergrowth_is_no_error(settings: ValidateSettings):
    values = [1_213_000, 9_871_000, 88_134_000, 701_223_000, 3_982_118_000, 12_345_678_000]
    assert reasons(history(1, "Revenues", values, flow=True), settings, 1) == []


def test_a_first_filing_is_no_error(settings: ValidateSettings):
    rows: list[Row] = [
        (1, 2022, "Revenues", "USD", True, 2021, 5_318_000.0),
        (1, 2022, "Assets", "USD", False, 2021, 7_404_000.0),
    ]
    assert reasons(rows, settings, 1) == []


def test_a_spin_off_is_no_error(settings: ValidateSettings):
    values = [9.123e9, 9.456e9, 9.789e9, 2.123e9, 2.2e9, 2.301e9]
    rows = history(1, "Revenues", values, flow=True)
    # Continuing operations only, in filings from the spin-off on.
    rows = [
        (c, f, t, u, fl, told, v / 4.5 if f >= 2019 and told < 2018 else v)
        for c, f, t, u, fl, told, v in rows
    ]
    assert reasons(rows, settings, 1) == []


def test_the_later_filing_can_be_the_wrong_one(settings: ValidateSettings):
    rows = history(1, "Revenues", [1.112e9, 1.223e9, 1.334e9, 1.445e9, 1.556e9, 1.667e9], flow=True)
    place = next(n for n, row in enumerate(rows) if row[1] == 2019 and row[5] == 2017)
    rows[place] = (*rows[place][:6], 1.334e12)
    assert [value for _, value in reasons(rows, settings, 1)] == [1.334e12]


AMOUNTS = ("Revenues", "Assets", "Liabilities", "StockholdersEquity", "NetIncomeLoss", "Cash")
COUNTS = (
    "CommonStockSharesIssued",
    "CommonStockSharesOutstanding",
    "CommonStockSharesAuthorized",
)


def two_filings(off: int, scaled: tuple[str, ...]) -> tuple[list[Row], set[float]]:
    """The 10-Ks of 2019 and 2020, of which `off` gives the metrics in `scaled` a thousandfold;
    and the values that are wrong. No third filing tells which of the two is."""
    rows: list[Row] = []
    for place, tag in enumerate(AMOUNTS + COUNTS):
        flow = tag in ("Revenues", "NetIncomeLoss")
        unit = "shares" if tag in COUNTS else "USD"
        for filed, told in ((2019, 2017), (2019, 2018), (2020, 2018), (2020, 2019)):
            value = round(1.7e9 * 0.8**place * 1.07 ** (told - 2017), -3)
            if tag in COUNTS:
                value = 864_777.0 + place  # far fewer than is usual for this size
            factor = 1000.0 if filed == off and tag in scaled else 1.0
            rows.append((1, filed, tag, unit, flow, told, value * factor))
    return rows, {row[6] for row in rows if row[1] == off and row[2] in scaled}


@pytest.mark.parametrize("off", [2019, 2020])
def test_share_counts_go_with_the_amounts_of_a_filing_that_is_off(
    settings: ValidateSettings, off: int
):
    rows, wrong = two_filings(off, AMOUNTS + COUNTS)
    assert {value for _, value in reasons(rows, settings, 1)} == wrong


@pytest.mark.parametrize("off", [2019, 2020])
def test_share_counts_that_another_filing_gives_alike_stay(settings: ValidateSettings, off: int):
    rows, wrong = two_filings(off, AMOUNTS)
    assert {value for _, value in reasons(rows, settings, 1)} == wrong


def test_a_percentage_given_as_a_ratio(settings: ValidateSettings):
    rates = [0.213, 0.224, 0.208, 0.219, 0.231, 0.212]
    rows = history(1, "EffectiveIncomeTaxRate", rates, "pure", flow=True)
    place = next(n for n, row in enumerate(rows) if row[1] == 2018 and row[5] == 2017)
    rows[place] = (*rows[place][:6], 20.8)
    assert reasons(rows, settings, 1) == [(PERCENT, 20.8)]


def test_shares_counted_in_dollars(settings: ValidateSettings):
    rows = history(1, "CommonStockSharesOutstanding", [50e6, 51e6, 52e6, 53e6], "shares")
    rows[1] = (*rows[1][:3], "USD", *rows[1][4:])
    assert reasons(rows, settings, 1) == [(UNIT, 51e6)]


def test_the_one_filing_with_the_other_sign(settings: ValidateSettings):
    rows = history(1, "NetIncomeLoss", [-3.1e6, -3.2e6, -3.4e6, -3.5e6], flow=True)
    rows += [(1, 2019, "NetIncomeLoss", "USD", True, 2016, 3.2e6)]
    assert reasons(rows, settings, 1) == [(SIGN, 3.2e6)]


@pytest.mark.parametrize(
    "text",
    ["$9 billion billion", "$9 billion million", "9bn million", "sales of $1,2 billion, billion",
     "9,000,000,000 billion", "4 million (in thousands)", "15.6 billion shares million",
     "($9 billion) millions", "NT$2.26 trillion dollars (in billions)",
     "4 million (in thousands of dollars)"],
)  # fmt: skip
def test_scale_words_that_contradict(text: str):
    assert contradicts_itself(text)


@pytest.mark.parametrize(
    "text",
    ["$383.3 billion", "between $4 million and 5 billion", "$8.2 billion, $8.5 billion, $8.7 bn",
     "383,285 million", "(in millions) 4,500", "a million people and a billion cells",
     "$1.2 million. Billion-dollar plans", "15,552,752,000 shares",
     "$4 million and billion-dollar plans", "($71.9 million) Thousands of fans signed it",
     "it lost 2 billion thousands of fans ago"],
)  # fmt: skip
def test_scale_words_that_are_fine(text: str):
    assert not contradicts_itself(text)


@settings_of_hypothesis(deadline=None)
@given(
    st.decimals(min_value=-(10**16), max_value=10**16, places=4),
    st.sampled_from(["USD", "TWD", "USD/shares", "shares", "pure", "Store"]),
)
def test_no_figure_that_search_renders_contradicts_itself(value: Decimal, unit: str):
    assert not contradicts_itself(render(value, unit))


@settings_of_hypothesis(deadline=None)
@given(st.integers(1, 10**6), st.integers(-3, 9))
def test_trailing_zeros_follow_the_power_of_ten(digits: int, power: int):
    value = float(f"{digits}e{power}")
    expected = power + len(str(digits)) - len(str(digits).rstrip("0"))
    assert trailing_zeros(np.array([value]))[0] == expected


@pytest.mark.parametrize(
    ("unit", "kind"),
    [("USD", Kind.MONEY), ("TWD", Kind.MONEY), ("shares", Kind.SHARES),
     ("USD/shares", Kind.PER_SHARE), ("pure", Kind.RATIO), ("Store", Kind.OTHER)],
)  # fmt: skip
def test_kind_of_unit(unit: str, kind: Kind):
    assert unit_kind(unit) is kind


def test_a_total_under_a_per_share_tag_is_set_aside_without_a_factor() -> None:
    tag = "CommonStockDividendsPerShareDeclared"
    board = make_board(
        frame_of(history(7, tag, [0.21, 0.22, -40_000_000.0], "USD/shares", flow=True))
    )
    found = size_findings(board, Catalogue.load(), {"per_share": 1e7})
    assert [board.value[finding.row] for finding in found] == [-40_000_000]
    assert found[0].factor is None


def test_a_value_of_zero_is_not_drawn() -> None:
    years = ((2020, 0.0), (2021, 100.0), (2022, 110.0))
    board = make_board(
        frame_of((1, year + 1, "Revenues", "USD", True, year, value) for year, value in years)
    )
    (zero,) = np.flatnonzero(board.value == 0)
    assert sparkline(board, int(zero)) == ""
    assert "offending" in sparkline(board, int(np.flatnonzero(board.value > 0)[0]))
