"""The metric catalogue and what people call metrics."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledgerline.errors import LedgerlineError
from ledgerline.filings.catalogue import Catalogue, Metric
from ledgerline.filings.formulas import parse

CATALOGUE = Catalogue.load()
NAMES = [
    (metric, name)
    for metric in CATALOGUE.metrics
    for name in (metric.name, metric.display, *metric.aliases)
]


def test_it_is_wide_and_sound() -> None:
    assert len(CATALOGUE.metrics) >= 80
    for metric in CATALOGUE.metrics:
        assert metric.tags or metric.formula, metric.name
        assert all(tag.partition(":")[2] for tag in metric.tags), metric.name
        assert len(set(metric.tags)) == len(metric.tags), metric.name
        for term in parse(metric.formula).terms if metric.formula else ():
            assert CATALOGUE.get(term.metric).name == term.metric
    families = {metric.family for metric in CATALOGUE.metrics}
    assert {"income", "balance", "cash_flow", "per_share", "shares", "margin", "growth"} <= families
    assert sum(any(t.startswith("ifrs-full:") for t in m.tags) for m in CATALOGUE.metrics) >= 40


def test_formulas_end_in_tags() -> None:
    def depth(name: str, seen: tuple[str, ...] = ()) -> int:
        assert name not in seen, f"{name} is defined by itself"
        formula = CATALOGUE.get(name).formula
        terms = parse(formula).terms if formula else ()
        return 1 + max((depth(term.metric, (*seen, name)) for term in terms), default=0)

    assert max(depth(metric.name) for metric in CATALOGUE.metrics) <= 5


@given(st.sampled_from(NAMES), st.data())
def test_every_name_is_known_in_every_dress(named: tuple[Metric, str], data: st.DataObject) -> None:
    metric, name = named
    dress = data.draw(
        st.sampled_from(
            [
                str.upper,
                str.lower,
                str.title,
                lambda text: text.replace("&", " and "),
                lambda text: text.replace(" and ", " & "),
                lambda text: text.replace("-", " "),
                lambda text: text.replace(",", ""),
                lambda text: f"  {text}. ",
                lambda text: f"the company's {text}",
                lambda text: text.replace("'", "’"),
            ]
        )
    )
    assert CATALOGUE.resolve(dress(name)) is metric


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("opertaing income", "operating_income"),
        ("goodwil", "goodwill"),
        ("S, G & A", "sga_expense"),
        ("SG&A", "sga_expense"),
        ("selling, general & administrative", "sga_expense"),
        ("sharholders equity", "stockholders_equity"),
        ("net sale", "revenue"),
        ("inventroies", "inventory"),
        ("purchases of property", "capex"),
        ("cost of goods", "cost_of_revenue"),
        ("provision for income", "income_tax_expense"),
    ],
)
def test_misspellings_and_beginnings(typed: str, name: str) -> None:
    metric = CATALOGUE.resolve(typed)
    assert isinstance(metric, Metric)
    assert metric.name == name


def test_what_is_not_clear_is_not_guessed() -> None:
    assert "Net income" in CATALOGUE.resolve("income")  # type: ignore[operator]
    assert CATALOGUE.resolve("xyzzy") == ()
    for beginning in ("purchases", "operating lease", "payments to acquire", "research and"):
        assert isinstance(CATALOGUE.resolve(beginning), tuple), beginning
    assert CATALOGUE.resolve("revenue" * 100) == ()
    assert CATALOGUE.named("cash flows from operating activities per visit") is None


def test_a_name_for_two_metrics_is_refused(tmp_path: Path) -> None:
    entry = (
        "{display: %s, aliases: [Sales], tags: [us-gaap:X], unit: money, kind: flow, "
        "sign: positive, family: income}"
    )
    path = tmp_path / "catalogue.yaml"
    path.write_text(f"one: {entry % 'One'}\ntwo: {entry % 'Two'}\n")
    with pytest.raises(LedgerlineError, match="'Sales' names both one and two"):
        Catalogue.load(path)
    path.write_text("one: {display: One}\n")
    with pytest.raises(LedgerlineError, match="'one' is malformed"):
        Catalogue.load(path)


@pytest.mark.parametrize("text", ["a +", "open('x')", "a ** b", "a.b", "prior(1)", "[a]"])
def test_formulas_are_arithmetic_only(text: str) -> None:
    with pytest.raises(LedgerlineError, match="not a formula"):
        parse(text)
