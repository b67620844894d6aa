"""What two figures yield together, and how it is asked for."""

from decimal import Decimal

import pytest

from ledgerline.examples.example import Ask
from ledgerline.filings import figures
from ledgerline.filings.reckoning import RECKONINGS, metrics_in, read_reckoning, renamed

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
