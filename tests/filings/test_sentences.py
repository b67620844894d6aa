"""Real sentences: search gives what their inline XBRL says, to the precision that it says it."""

import gzip
import json
from datetime import date
from decimal import Decimal
from pathlib import Path

from ledgerline.filings.search import Hit, Search

LENGTHS = ((300, "the year ended"), (230, "the nine months ended"), (150, "the six months ended"),
           (60, "the three months ended"))  # fmt: skip


def words(start: str | None, end: str) -> str:
    last = date.fromisoformat(end)
    day = f"{last:%B} {last.day}, {last.year}"
    if start is None:
        return f"as of {day}"
    days = (last - date.fromisoformat(start)).days
    return f"{next(text for least, text in LENGTHS if days > least)} {day}"


def test_tagged_sentences_are_answered(real_search: Search, shared_data: Path) -> None:
    asked = 0
    with gzip.open(shared_data / "sentences" / "tagged_sentences.jsonl.gz", "rt") as lines:
        sentences = [json.loads(line) for line in lines]
    for sentence in sentences:
        if int(sentence["cik"] or 0) not in real_search.directory.companies:
            continue
        for fact in sentence["facts"]:
            metrics = real_search.catalogue.tags.get(fact["concept"], ())
            if fact["dims"] or fact["unit"] != "USD" or not metrics:
                continue
            asked += 1
            step = Decimal(1).scaleb(-int(fact["decimals"]))
            period = words(fact["start"], fact["end"])
            answers = [real_search(sentence["entity"], m.display, period) for m in metrics]
            values = [answer.figure.value for answer in answers if isinstance(answer, Hit)]
            assert any(abs(value - fact["value"]) < step for value in values), (fact, answers)
    assert asked >= 25
