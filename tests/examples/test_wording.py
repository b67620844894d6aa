import random
from datetime import date

import pytest

from ledgerline.examples.indicators import indicator
from ledgerline.examples.wording import (
    HALF_STYLES,
    NINE_MONTH_STYLES,
    QUARTER_END_STYLES,
    QUARTER_STYLES,
    YEAR_END_STYLES,
    YEAR_STYLES,
    PeriodStyle,
    is_plural,
    metric_words,
    possessive,
    short_name,
)
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.period_words import Ending, Named, read_period
from ledgerline.filings.periods import Period, Span


@pytest.mark.parametrize(
    ("name", "short"),
    [
        ("Apple Inc.", "Apple"),
        ("Redby & Belwell, Inc.", "Redby & Belwell"),
        ("COCA COLA CO", "COCA COLA"),
        ("Xelunteon Electric Holdings Ltd.", "Xelunteon Electric"),
        ("Co Co", "Co Co"),
    ],
)
def test_short_names_leave_the_legal_form_out(name: str, short: str) -> None:
    assert short_name(name) == short


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("Net sales", "net sales"),
        ("EBITDA", "EBITDA"),
        ("R&D expense", "R&D expense"),
        ("YoY revenue growth", "YoY revenue growth"),
        ("Capital expenditures", "capital expenditures"),
    ],
)
def test_metrics_are_written_small_unless_abbreviated(name: str, written: str) -> None:
    assert metric_words([name], random.Random(0)) == written


def test_names_that_tell_the_sign_are_not_used() -> None:
    names = ["Operating income", "operating loss", "income (loss)", "net cash used in operations"]
    rng = random.Random(0)
    found = {metric_words(names, rng) for _ in range(100)}
    assert found == {"operating income", "income (loss)"}


def test_verbs_agree_with_the_metric() -> None:
    assert is_plural("net sales")
    assert is_plural("costs of revenue")
    assert not is_plural("operating loss")
    assert not is_plural("diluted EPS")
    assert not is_plural("revenue")


def test_possessives() -> None:
    assert possessive("Apple") == "Apple's"
    assert possessive("Walters") == "Walters'"


@pytest.mark.parametrize(
    ("span", "months", "styles"),
    [
        (Span.FY, 12, YEAR_STYLES),
        (Span.Q2, 3, QUARTER_STYLES),
        (Span.H1, 6, HALF_STYLES),
        (Span.M9, 9, NINE_MONTH_STYLES),
        (Span.FY, None, YEAR_END_STYLES),
        (Span.Q2, None, QUARTER_END_STYLES),
    ],
)
def test_every_way_to_write_a_period_is_read_as_that_period(
    span: Span, months: int | None, styles: tuple[PeriodStyle, ...]
) -> None:
    period, end = Period(2023, span), date(2023, 6, 30)
    for style in styles:
        match read_period(style.write(period, end)):
            case Named(read):
                assert read == period, style.name
            case Ending(year, month, day, length):
                assert (year, month, length) == (2023, 6, months), style.name
                assert day in (30, None)
            case other:
                raise AssertionError(f"{style.name}: {other}")


def test_periods_before_a_noun_have_no_article() -> None:
    for style in (*YEAR_STYLES, *QUARTER_STYLES, *HALF_STYLES, *NINE_MONTH_STYLES):
        assert not (style.compact and style.name.startswith("the "))


def test_indicators_hardly_ever_name_a_metric() -> None:
    catalogue = Catalogue.load()
    rng = random.Random(0)
    names = {indicator(rng) for _ in range(5000)}
    # Two or three letters can be anybody's abbreviation; a look-up sorts those out.
    spelt_out = [name for name in names if not name.isupper()]
    assert len(names) > 4500
    # Any words may stand in a name, so that one is now and then near to a metric's; such a document
    # is refused when its look-up finds something.
    named = [name for name in spelt_out if isinstance(catalogue.resolve(name), Metric)]
    assert len(named) < len(names) / 250, named
