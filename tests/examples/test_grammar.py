import random
import re

from ledgerline.examples.grammar import phrasings
from ledgerline.examples.scribe import OPENINGS
from ledgerline.examples.synthesize import SILENT_KINDS

SLOTS = {
    "company", "company's", "metric", "Metric", "period", "Period", "short", "date", "Date",
    "was", "has", "figure", "other", "other_figure", "prior", "up", "rose",
}  # fmt: skip


def test_there_are_many_phrasings_in_four_registers() -> None:
    families = {name: texts for name, texts in phrasings().items() if name != OPENINGS}
    every = [phrasing for texts in families.values() for phrasing in texts]
    assert len(every) >= 150
    assert len({phrasing.id for phrasing in every}) == len(every)
    assert {phrasing.register for phrasing in every} == {"memo", "deck", "email", "press"}


def test_ten_kinds_and_more_keep_silent() -> None:
    assert len(SILENT_KINDS) >= 10


def test_every_slot_can_be_filled() -> None:
    for texts in phrasings().values():
        for phrasing in texts:
            assert phrasing.slots <= SLOTS
            filled = phrasing.fill(dict.fromkeys(SLOTS, "X"), random.Random(0))
            assert not set("{}") & set(filled)
            assert not re.search(r"\([^()]*\|[^()]*\)", filled)


def test_due_phrasings_name_company_metric_and_period() -> None:
    for family in ("flow", "balance", "relative", "prior", "change", "growth", "margin", "several"):
        for phrasing in phrasings()[family]:
            assert phrasing.slots & {"company", "company's"}, phrasing.text
            assert phrasing.slots & {"metric", "Metric"}, phrasing.text
            assert phrasing.slots & {"period", "Period", "short", "date", "Date"}, phrasing.text
