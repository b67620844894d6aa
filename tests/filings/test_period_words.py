"""Words for periods, and periods' own names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerline.filings.period_words import Ending, Named, Relative, read_period
from ledgerline.filings.periods import Period, Span
from tests.filings.wordings import PARTS, combined

NAMED = {
    "FY2023": "FY2023 | FY23 | fiscal 2023 | Fiscal Year 2023 | 2023 | fiscal '23 | full year 2023 "
    "| FY 2023 | year-end 2023 | the end of fiscal 2023 | fiscal-year 2023 | in 2023 | F2023 "
    "| the 2023 fiscal year | year ended 2023 | F.Y. 2023",
    "Q3 2022": "Q3 2022 | 3Q22 | 2022Q3 | 2022-Q3 | Q3'22 | Q3 FY22 | FY22 Q3 | third quarter of "
    "2022 | the third fiscal quarter of 2022 | fiscal third quarter of 2022 | third quarter of "
    "fiscal 2022 | third-quarter 2022 | 2022 third quarter | FQ3 2022 | Quarter 3 2022 | Q3, 2022 "
    "| fiscal Q3 2022 | Q3 of fiscal 2022 | fiscal third quarter 2022 | 3QFY22 | Q3 FY2022 "
    "| Q3FY22 | third fiscal quarter of 2022 | FY22Q3 | F3Q22 | F22 Q3 | Q322 | Q3/22 "
    "| 2022 (Q3) | quarter three of FY22 | the third quarter of the 2022 fiscal year"
    "| fiscal 2022's Q3",
    "H1 2022": "H1 2022 | 1H22 | first half of 2022 | first six months of 2022 "
    "| fiscal H1 2022 | FY22 first half | first half of fiscal 2022 | 1HFY22",
    "9M 2022": "9M 2022 | first nine months of 2022 | nine months 2022",
}
ENDINGS = {
    (2023, 9, 30, 12): "the year ended September 30, 2023 | year ended 30 September 2023 | twelve "
    "months ended Sept. 30, 2023 | the fiscal year ending September 30, 2023 | 52 weeks ended "
    "2023-09-30",
    (2022, 6, 25, 3): "the quarter ended June 25, 2022 | three months ended June 25, 2022 | 13 "
    "weeks ended June 25, 2022 | the three-month period ended June 25th, 2022",
    (2022, 6, 25, 6): "six months ended June 25, 2022",
    (2022, 6, 25, 9): "the nine months ended June 25, 2022",
    (2023, 9, 30, None): "September 30, 2023 | as of September 30, 2023 | at 9/30/2023",
    (2022, 6, None, 3): "the June 2022 quarter | quarter ended June 2022",
}
RELATIVE = {
    ("year", 0, 0, None): "last year | prior year | the previous fiscal year | last fiscal year",
    ("year", -1, 0, None): "this year | the current fiscal year",
    ("year", 1, 0, None): "two years ago | the year before last",
    ("quarter", 0, 0, None): "last quarter | the latest quarter | most recent quarter",
    ("quarter", 0, 1, None): "the prior-year quarter | year-ago quarter | the same quarter last "
    "year",
    ("year", 0, 0, Span.Q3): "the third quarter of last year | Q3 last year | last year's third "
    "quarter | the fiscal third quarter of last year | Q3 of the prior fiscal year",
    ("year", -1, 0, Span.H1): "the first half of this year | this year's first half",
}


def spelled(table: dict[object, str]) -> list[tuple[str, object]]:
    return [(text.strip(), key) for key, texts in table.items() for text in texts.split("|")]


@pytest.mark.parametrize(("text", "label"), spelled(NAMED))
def test_named(text: str, label: str) -> None:
    assert read_period(text) == Named(Period.parse_label(label))


@pytest.mark.parametrize(("text", "ending"), spelled(ENDINGS))
def test_by_its_end(text: str, ending: tuple[int, int, int | None, int | None]) -> None:
    assert read_period(text) == Ending(*ending)


@pytest.mark.parametrize(("text", "relative"), spelled(RELATIVE))
def test_counted_from_a_date(text: str, relative: tuple[str, int, int, Span | None]) -> None:
    assert read_period(text) == Relative(*relative)


@given(
    year=st.integers(1970, 2069),
    span=st.sampled_from(sorted(PARTS)),
    data=st.data(),
)
def test_part_and_year_in_every_combination(year: int, span: Span, data: st.DataObject) -> None:
    words = data.draw(st.sampled_from(combined(Period(year, span))))
    dressed = data.draw(st.sampled_from((words, words.upper(), f"the {words}", f"({words})")))
    assert read_period(dressed) == Named(Period(year, span))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "Q5 2022",
        "202",
        "FY",
        "2023" * 50,
        "13/45/2023",
        "Q3 2021 2022",
        "Q0 2022",
        "third 2022",
        "fiscal quarter",
        "Q3 of the",
        "3 2022",
        "the year before",
        "the year before soon",
    ],
)
def test_no_period(text: str) -> None:
    with pytest.raises(ValueError, match="period"):
        read_period(text)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("the year before fiscal Q3 2024", "fiscal Q3 2023"),
        ("Year before FY'24", "FY23"),
        ("the year before The Fourth Quarter of 2016", "Q4 2015"),
        ("the year before the quarter ended February 29, 2024", "the quarter ended Feb 28, 2023"),
        ("the year before December 31, 2000", "December 31, 1999"),
        ("the year before 2024-06-30", "2023-06-30"),
        ("twelve months before June 30, 2024", "June 30, 2023"),
        ("the year before last year", "the year before last"),
        ("the year before the last quarter", "the year-ago quarter"),
        ("the year before the year before FY2024", "FY2022"),
    ],
)
def test_a_year_before_another_period(text: str, same: str) -> None:
    assert read_period(text) == read_period(same)


@given(st.integers(1950, 2060), st.sampled_from(Span))
def test_labels_come_back(year: int, span: Span) -> None:
    period = Period(year, span)
    assert Period.parse_label(period.label) == period
    assert read_period(period.label) == Named(period)


def test_quarters_follow_each_other() -> None:
    assert Period(2023, Span.Q1).preceding == Period(2022, Span.Q4)
    assert Period(2023, Span.Q3).prior == Period(2022, Span.Q3)
    with pytest.raises(ValueError, match="label"):
        Period.parse_label("Q3 22")
