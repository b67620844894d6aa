"""Fiscal calendars from facts' dates, and labels from calendars."""

from datetime import date, timedelta

import pytest

from ledgerline.filings.calendars import Calendar
from ledgerline.filings.search import Search


def years(*ends: date, form: str = "10-K") -> list[tuple[date, date, str]]:
    return [(end - timedelta(days=363), end, form) for end in ends]


def label(calendar: Calendar, start: str | None, end: str) -> str | None:
    period = calendar.label(start and date.fromisoformat(start), date.fromisoformat(end))
    return period and period.label


# Apple: the last Saturday of September; fiscal 2023 had 53 weeks.
APPLE = Calendar.derive(years(date(2021, 9, 25), date(2022, 9, 24), date(2023, 9, 30)))


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [
        ("2022-09-25", "2023-09-30", "FY2023"),
        ("2022-09-25", "2022-12-31", "Q1 2023"),
        ("2023-01-01", "2023-04-01", "Q2 2023"),
        ("2022-09-25", "2023-04-01", "H1 2023"),
        ("2022-09-25", "2023-07-01", "9M 2023"),
        ("2023-07-02", "2023-09-30", "Q4 2023"),
        (None, "2023-09-30", "FY2023"),
        (None, "2023-07-01", "Q3 2023"),
        ("2023-10-01", "2024-09-28", "FY2024"),
        ("2017-10-01", "2018-09-29", "FY2018"),
        ("2022-01-01", "2022-12-31", None),
        ("2023-01-01", "2023-07-01", None),
        (None, "2023-10-20", None),
    ],
)
def test_a_52_53_week_year(start: str | None, end: str, expected: str | None) -> None:
    assert label(APPLE, start, end) == expected


def test_january_ends_name_the_year_they_fall_in() -> None:
    nvidia = Calendar.derive(years(date(2023, 1, 29), date(2024, 1, 28)))
    assert label(nvidia, "2023-01-30", "2024-01-28") == "FY2024"
    assert label(nvidia, "2023-05-01", "2023-07-30") == "Q2 2024"
    assert label(nvidia, "2024-01-29", "2025-01-26") == "FY2025"


def test_a_calendar_year_that_ends_in_the_first_days_of_january() -> None:
    calendar = Calendar.derive(years(date(2020, 1, 3), date(2021, 1, 1)))
    assert label(calendar, "2020-01-04", "2021-01-01") == "FY2020"
    assert label(calendar, "2020-01-04", "2020-04-03") == "Q1 2020"


def test_a_change_of_year_end_with_a_transition_period() -> None:
    durations = years(date(2010, 12, 31), date(2011, 12, 31), date(2013, 9, 30), date(2014, 9, 30))
    durations.append((date(2012, 1, 1), date(2012, 9, 30), "10-KT"))
    calendar = Calendar.derive(durations)
    assert label(calendar, "2011-01-01", "2011-12-31") == "FY2011"
    assert label(calendar, "2012-01-01", "2012-03-31") == "Q1 2012"
    assert label(calendar, "2012-01-01", "2012-09-30") == "9M 2012"
    assert label(calendar, "2012-10-01", "2012-12-31") == "Q1 2013"
    assert label(calendar, "2012-10-01", "2013-09-30") == "FY2013"


def test_what_a_transition_report_compares_with_ends_no_year() -> None:
    durations = years(date(2019, 6, 30), date(2020, 6, 30), date(2021, 12, 31))
    for start, end in (
        (date(2020, 7, 1), date(2020, 12, 31)),
        (date(2019, 7, 1), date(2019, 12, 31)),
        (date(2020, 7, 1), date(2020, 9, 30)),
    ):
        durations.append((start, end, "10-KT"))
    calendar = Calendar.derive(durations)
    assert calendar.year_ends == (
        date(2019, 6, 30),
        date(2020, 6, 30),
        date(2020, 12, 31),
        date(2021, 12, 31),
    )
    assert label(calendar, "2019-10-01", "2019-12-31") == "Q2 2020"
    assert label(calendar, "2019-07-01", "2020-03-31") == "9M 2020"


def test_years_after_a_leap_day() -> None:
    assert label(Calendar.derive([], "0229"), "2022-03-01", "2023-02-28") == "FY2023"


def test_quarters_of_twelve_and_sixteen_weeks() -> None:
    costco = Calendar.derive(years(date(2022, 8, 28), date(2023, 9, 3)))
    assert label(costco, "2022-08-29", "2022-11-20") == "Q1 2023"
    assert label(costco, "2022-11-21", "2023-02-12") == "Q2 2023"
    assert label(costco, "2023-02-13", "2023-05-07") == "Q3 2023"
    assert label(costco, "2023-05-08", "2023-09-03") == "Q4 2023"


def test_month_rounded_dates_fit_too() -> None:
    assert label(APPLE, "2022-10-01", "2023-09-30") == "FY2023"
    assert label(APPLE, None, "2022-09-30") == "FY2022"


def test_without_annual_facts_the_stated_year_end_counts() -> None:
    calendar = Calendar.derive([], "0630")
    assert label(calendar, "2008-07-01", "2009-06-30") == "FY2009"
    assert label(calendar, "2009-01-01", "2009-03-31") == "Q3 2009"
    assert label(Calendar.derive([], "nonsense"), "2009-01-01", "2009-12-31") == "FY2009"


def test_trailing_years_of_a_10_q_are_no_fiscal_years() -> None:
    trailing = [(date(2022, 4, 3), date(2023, 4, 1), "10-Q")] * 50
    ends = years(date(2022, 9, 24), date(2023, 9, 30))
    assert Calendar.derive(ends + trailing).year_ends == (date(2022, 9, 24), date(2023, 9, 30))


def test_the_last_completed_quarter() -> None:
    assert APPLE.completed(date(2023, 8, 1)).label == "Q3 2023"
    assert APPLE.completed(date(2023, 10, 1)).label == "Q4 2023"
    assert APPLE.completed(date(2023, 11, 15)).label == "Q4 2023"
    assert APPLE.completed(date(2024, 1, 5)).label == "Q1 2024"


def test_generated_calendars_hold_every_year(universe_search: Search) -> None:
    for cik in universe_search.directory.companies:
        labels = [p.label for p in universe_search.series(cik, "total_assets") if p.span == "FY"]
        first, last = int(labels[0][2:]), int(labels[-1][2:])
        assert labels == [f"FY{year}" for year in range(first, last + 1)]
