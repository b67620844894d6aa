import random

import pytest

from ledgerline.examples.wording import is_plural, metric_words, possessive, short_name


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
