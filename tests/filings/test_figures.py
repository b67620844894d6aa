"""Figures: written in one way, read in many."""

from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerline.filings.figures import Amount, find, read, render, units_agree

WRITTEN = [
    ("383285000000", "USD", "$383.3 billion"),
    ("72400000", "USD", "$72.4 million"),
    ("6.13", "USD/shares", "$6.13"),
    ("15550061000", "shares", "15.6 billion shares"),
    ("0.125", "pure", "12.5%"),
    ("-1200000000", "USD", "$(1.2) billion"),
    ("1200000000", "EUR", "€1.2 billion"),
    ("2263891292000", "TWD", "NT$2.26 trillion"),
    ("845123", "USD", "$845 thousand"),
    ("612", "USD", "$612"),
    ("-0.35", "USD/shares", "$(0.35)"),
    ("0.0025", "USD/shares", "$0.0025"),
    ("-0.034", "pure", "(3.4)%"),
    ("1.0534", "x", "1.05x"),
    ("999960000", "USD", "$1.0 billion"),
    ("999949999", "USD", "$999.9 million"),
    ("999999", "USD", "$1.0 million"),
    ("1200000000", "CHF", "CHF 1.2 billion"),
    ("0", "USD", "$0"),
]


@pytest.mark.parametrize(("value", "unit", "written"), WRITTEN)
def test_house_style(value: str, unit: str, written: str) -> None:
    assert render(Decimal(value), unit) == written


@pytest.mark.parametrize(
    ("text", "value", "unit", "quantum"),
    [
        ("383,285 million", "383285e6", "", "1e6"),
        ("$(1.2) bn", "-1.2e9", "USD", "1e8"),
        ("-$1.2 billion", "-1.2e9", "USD", "1e8"),
        ("($1.2 billion)", "-1.2e9", "USD", "1e8"),
        ("$1.2B", "1.2e9", "USD", "1e8"),
        ("US$1.2bn", "1.2e9", "USD", "1e8"),
        ("USD 1.2 billion", "1.2e9", "USD", "1e8"),
        ("1.2 billion dollars", "1.2e9", "USD", "1e8"),
        ("RMB 1.2 billion", "1.2e9", "CNY", "1e8"),
        ("$845K", "845000", "USD", "1000"),
        ("12.5%", "0.125", "pure", "0.001"),
        ("12.5 percent", "0.125", "pure", "0.001"),
        ("(3.4)%", "-0.034", "pure", "0.001"),
        ("150 basis points", "0.015", "pure", "0.0001"),
        ("1.05x", "1.05", "x", "0.01"),
        ("−3", "-3", "", "1"),
        ("13 cents", "0.13", "USD", "0.01"),
        ("$6.13 per diluted share", "6.13", "USD/shares", "0.01"),
        ("15.6 billion shares", "15.6e9", "shares", "1e8"),
        ("about $5 million.", "5e6", "USD", "1e6"),
        ("$383,285,000,000", "383285000000", "USD", "1"),
    ],
)
def test_reads_what_people_write(text: str, value: str, unit: str, quantum: str) -> None:
    assert read(text) == Amount(Decimal(value), unit, Decimal(quantum))


@pytest.mark.parametrize(
    "text",
    (
        "none|$9 billion billion|12 or 13|1,23|$1.2 billion or so million|5%%||$|billion|1.2.3"
        f"|$5 shares of 7|NaN|1e9 %|٣|$5 12|{'9' * 5000}"
    ).split("|"),
)
def test_is_not_one_figure(text: str) -> None:
    with pytest.raises(ValueError, match="figure"):
        read(text)


@given(
    st.decimals(min_value=-(10**15), max_value=10**15, places=4),
    st.sampled_from(
        ["USD", "EUR", "TWD", "CHF", "USD/shares", "TWD/shares", "shares", "pure", "x"]
    ),
)
def test_reading_what_was_written_gives_it_back(value: Decimal, unit: str) -> None:
    text = render(value, unit)
    amount = read(text)
    assert abs(amount.value - value) <= amount.quantum / 2
    assert units_agree(amount.unit, unit)
    assert render(amount.value, unit) == text
    assert [found for _, _, found in find(f"It came to {text} then.")] == [amount]


@given(st.text(max_size=80))
def test_any_text_is_answered(text: str) -> None:
    for start, end, _ in find(text):
        assert 0 <= start < end <= len(text)
    with suppress(ValueError):
        assert isinstance(read(text), Amount)


def test_finds_figures_and_not_dates_or_names() -> None:
    text = (
        "In the 10-K for fiscal 2023, filed November 3, 2023, sales fell 2.8% to $383.3 billion "
        "from $394,328 million (Q3: $(1.2) million); the A100 and FY23 are names."
    )
    assert [text[start:end] for start, end, _ in find(text)] == [
        "2.8%",
        "$383.3 billion",
        "$394,328 million",
        "$(1.2) million",
    ]


def test_units_that_people_leave_out() -> None:
    assert units_agree("USD", "USD/shares")
    assert units_agree("", "shares")
    assert not units_agree("", "pure")
    assert not units_agree("EUR", "USD")
    assert not units_agree("pure", "USD")
