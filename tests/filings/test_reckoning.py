"""What two figures yield together, and how a policy asks for it."""

from decimal import Decimal

import pytest

from ledgerline.filings.reckoning import reckoned

SHOWN = [
    ("$4.1 billion", (Decimal(4_104_600_000), "USD")),
    ("$3.6 billion", (Decimal(3_551_000_000), "USD")),
    ("$(2.0) million", (Decimal(-2_000_000), "USD")),
    ("12.5%", (Decimal("0.125"), "pure")),
]


@pytest.mark.parametrize(
    ("text", "figure"),
    [
        ("$4.1 billion - $3.6 billion", "$553.6 million"),
        ("$3.6 billion - $4.1 billion", "$553.6 million"),
        (" $4.1 billion / $3.6 billion - 1 ", "15.6%"),
        ("$3.6 billion / $4.1 billion - 1", "13.5%"),
        ("$3.6 billion / $4.1 billion", "86.5%"),
        ("$3.6 billion - $(2.0) million", "$3.6 billion"),
    ],
)
def test_the_values_are_reckoned_with_and_not_their_rounded_texts(text: str, figure: str) -> None:
    assert reckoned(text, SHOWN) == figure


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$4.1 billion",
        "$4.1 billion - $9.9 billion",  # nowhere shown
        "$4.1 billion - 12.5%",
        "$4.1 billion / $(2.0) million",  # of a loss there is no share
        "$4.1 billion / $4.1 billion - 1",  # nothing changed
        "$4.1 billion + $3.6 billion",
        "$4.1 billion - $3.6 billion - 1",
        "$4.1 billion-$3.6 billion",
    ],
)
def test_what_says_nothing_of_two_figures_shown_is_left(text: str) -> None:
    assert reckoned(text, SHOWN) is None


def test_figures_that_look_alike_are_told_apart_by_their_order() -> None:
    shown = [
        ("$4.1 billion", (Decimal(4_140_000_000), "USD")),
        ("$4.1 billion", (Decimal(4_060_000_000), "USD")),
    ]
    assert reckoned("$4.1 billion - $4.1 billion", shown) == "$80.0 million"
