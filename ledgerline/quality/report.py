"""The data-quality page: is this data fit to train on, and what was set aside?"""

from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, select_autoescape

from ledgerline import durable
from ledgerline.quality.board import Board
from ledgerline.quality.quarantine import Entry
from ledgerline.quality.sparkline import sparkline
from ledgerline.quality.validation import Summary

TEMPLATE = "report.html.jinja"


def write_report(path: Path, summary: Summary, board: Board, docs: str) -> None:
    """Write one self-contained page to `path`; `docs` is the relative link to Data Docs."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=select_autoescape(("jinja",))
    )
    page = environment.get_template(TEMPLATE).render(
        summary=summary,
        docs=docs,
        cases=[(entry, _drawing(board, entry)) for entry in summary.worst(24)],
    )
    durable.write_text(path, page)


def _drawing(board: Board, entry: Entry) -> str:
    (found,) = np.nonzero(board.fact_id == entry.fact.fact_id)
    return sparkline(board, int(found[0])) if len(found) else ""
