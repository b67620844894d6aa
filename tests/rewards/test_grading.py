from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerline.examples.example import Reference
from ledgerline.filings import figures
from ledgerline.rewards.grading import Verdict, grade


def reference(value: str, unit: str = "USD") -> Reference:
    return Reference(320193, "Apple Inc.", "revenue", "FY2023", Decimal(value), unit, "0-0-0")


APPLE = reference("383285000000")


@pytest.mark.parametrize(
    "answer",
    [
        "$383.3 billion",
        "$383 billion",
        "383,285 million",
        "$383,285,000,000",
        "383.285 bn",
        "US$383.3bn",
        "about $383.3 billion.",
    ],
)
def test_a_figure_is_right_however_it_is_written(answer: str) -> None:
    assert grade(answer, APPLE).verdict is Verdict.RIGHT


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("$383.4 billion", "value"),
        ("$394.3 billion", "value"),
        ("$383.3 million", "scale"),
        ("$3,832,850,000,000", "scale"),
        ("€383.3 billion", "unit"),
        ("38.3%", "unit"),
        ("$(383.3) billion", "sign"),
        ("−383,285 million", "sign"),
        ("$0.4 trillion", "precision"),
    ],
)
def test_a_wrong_figure_is_wrong_for_its_reason(answer: str, fault: str) -> None:
    graded = grade(answer, APPLE)
    assert (graded.verdict, graded.fault) == (Verdict.WRONG, fault)


@pytest.mark.parametrize(
    "answer",
    ["", "a lot", "$383.3 billion $365.8 billion", "$383.3 billion or $365.8 billion", "1 2 3"],
)
def test_what_is_not_one_figure_is_never_right(answer: str) -> None:
    assert grade(answer, APPLE).verdict is Verdict.UNREADABLE


def test_any_figure_is_wrong_where_none_is_due() -> None:
    assert grade("$383.3 billion", None).fault == "none due"


@pytest.mark.parametrize(
    ("value", "unit", "answer", "right"),
    [
        ("6.13", "USD/shares", "$6.13", True),
        ("6.13", "USD/shares", "$6.1", False),
        ("6.13", "USD/shares", "6.13 per share", True),
        ("0.125", "pure", "12.5%", True),
        ("0.125", "pure", "12.5", False),
        ("0.125", "pure", "13%", False),
        ("0.125", "pure", "1,250 bps", True),
        ("-1200000000", "USD", "$(1.2) bn", True),
        ("-1200000000", "USD", "$1.2 billion", False),
        ("1.05", "x", "1.05x", True),
        ("15600000000", "shares", "15.6 billion shares", True),
        ("15600000000", "shares", "15.6 billion", True),
        ("15600000000", "shares", "$15.6 billion", False),
    ],
)
def test_every_unit_is_graded(value: str, unit: str, answer: str, right: bool) -> None:
    assert grade(answer, reference(value, unit)).right is right


values = st.decimals(-(10**14), 10**14, allow_nan=False, allow_infinity=False, places=2)
units = st.sampled_from(["USD", "EUR", "TWD", "USD/shares", "shares", "pure", "x"])


@given(value=values, unit=units)
def test_the_house_style_is_always_right(value: Decimal, unit: str) -> None:
    if unit == "pure":
        value = value.scaleb(-14)
    assert grade(figures.render(value, unit), reference(str(value), unit)).right


@given(value=values.filter(lambda value: abs(value) > 1), shift=st.sampled_from([-6, -3, 3, 6]))
def test_a_shifted_scale_is_never_right(value: Decimal, shift: int) -> None:
    shifted = figures.render(value.scaleb(shift), "USD")
    assert not grade(shifted, reference(str(value))).right


@given(answer=st.text(max_size=60), value=values, unit=units)
def test_grading_takes_any_text(answer: str, value: Decimal, unit: str) -> None:
    assert grade(answer, reference(str(value), unit)).verdict in Verdict
