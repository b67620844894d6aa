"""What the gate sets aside in untouched real filings, and a sample of it to be read."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from bench.quality_data import numbered, read_fsds
from ledgerline.filings.catalogue import Catalogue
from ledgerline.quality.board import Board, make_board
from ledgerline.quality.findings import Finding
from ledgerline.quality.validation import ValidateSettings, find


def alarms(data: Path, settings: ValidateSettings, sample: int, seed: int) -> Iterator[str]:
    """Counts by reason over all numbers of the data sets, then `sample` findings in full."""
    paths = sorted((data / "fsds").glob("*.zip"))
    board = make_board(numbered(pd.concat([read_fsds(path, details=True) for path in paths])))
    found = find(board, settings, Catalogue.load())
    rate = len(board) / max(len(found), 1)
    yield f"{len(board):,} untouched numbers, {len(found):,} set aside: 1 in {rate:,.0f}"
    for reason, count in Counter(finding.reason for finding in found).most_common():
        yield f"{count:>7,}  {reason}"
    filings = Counter(board.filings[board.filing[finding.row]] for finding in found)
    most = sum(count for _, count in filings.most_common(10))
    yield f"in {len(filings):,} filings; the ten with most hold {most:,}"
    chosen = np.random.default_rng(seed).permutation(len(found))[:sample]
    for number, place in enumerate(sorted(chosen), start=1):
        yield from _described(number, board, found[place])


def _described(number: int, board: Board, finding: Finding) -> Iterator[str]:
    row = finding.row
    end = np.datetime64(int(board.end[row]), "D")
    yield (
        f"\n{number}. {board.companies[board.company[row]]} {board.filings[board.filing[row]]} "
        f"{board.metrics[board.metric[row]]} {end}\n"
        f"   {board.value[row]:,.10g} {board.units[board.unit[row]]}, × {finding.factor or '–'}: "
        f"{finding.reason}, confidence {finding.confidence:.3f}"
    )
    for said in finding.evidence[:6]:
        yield f"   {said.bans:+.1f}  {said.detector}: {said.says}"
