"""The data-quality page: is this data fit to train on, and what was set aside?"""

from decimal import Decimal
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, select_autoescape

from ledgerline import durable
from ledgerline.quality.board import Board
from ledgerline.quality.evidence import Evidence
from ledgerline.quality.quarantine import Entry, filing_link
from ledgerline.quality.sparkline import sparkline
from ledgerline.quality.summary import Summary

TEMPLATE = "report.html.jinja"


def write_report(path: Path, summary: Summary, board: Board, docs: str) -> None:
    """Write one self-contained page to `path`; `docs` is the relative link to Data Docs."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(("jinja",))
    )
    page = environment.get_template(TEMPLATE).render(
        summary=summary,
        docs=docs,
        given_twice=summary.duplicates[:12],
        filing_link=filing_link,
        cases=[(entry, _drawing(board, entry), _weightiest(entry)) for entry in summary.worst(24)],
        amount=_amount,
    )
    durable.write_text(path, page)


def _drawing(board: Board, entry: Entry) -> str:
    (found,) = np.nonzero(board.fact_id == entry.fact.fact_id)
    return sparkline(board, int(found[0])) if len(found) else ""


def _weightiest(entry: Entry) -> list[Evidence]:
    """The strongest sentence of each detector."""
    strongest: dict[str, Evidence] = {}
    for evidence in entry.evidence:
        strongest.setdefault(evidence.detector, evidence)
    return list(strongest.values())


def _amount(value: Decimal | str) -> str:
    """A value with separators, digits as they are."""
    return f"{Decimal(value).normalize():,f}"
