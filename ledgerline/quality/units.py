"""Facts whose unit or sign contradicts the same figure elsewhere."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from ledgerline.quality.board import Board, Flags, Kind
from ledgerline.quality.evidence import Evidence
from ledgerline.quality.findings import Finding
from ledgerline.settings import Settings

UNIT = "unit is not that of the metric"
SIGN = "sign is not that of the same fact elsewhere"


class UnitsSettings(Settings):
    """companies: fewest companies whose use of a metric settles its unit
    share: share of them that must use a kind of unit for another kind to be an error
    filings: fewest other filings of a company that must agree on a unit or a sign
    confidence: confidence given to these findings, which are counted and not weighed
    """

    companies: int
    share: float
    filings: int
    confidence: float


def unit_findings(board: Board, settings: UnitsSettings) -> list[Finding]:
    """Facts in a kind of unit, or a currency, that the metric isn't given in otherwise.

    Share counts in dollars contradict all companies' use of the metric; a currency of its own
    contradicts the company's other filings, where they give the very same number.
    """
    usual_kind = _usual_kind(board, settings)
    wrong_kind = (usual_kind[board.metric] >= 0) & (usual_kind[board.metric] != board.kind)
    wrong_unit, usual_unit = _other_unit(board, settings)
    found = []
    for row in np.flatnonzero(wrong_kind | wrong_unit):
        unit = board.units[board.unit[row]]
        if wrong_unit[row]:
            other = board.units[usual_unit[row]]
            says = f"in {unit} here; the company's other filings give the metric in {other}"
        else:
            kind = Kind(int(usual_kind[board.metric[row]])).name.lower().replace("_", "-")
            says = f"in {unit}; other companies give this metric as {kind}"
        evidence = (Evidence("units", says, 3.0),)
        found.append(Finding(int(row), UNIT, settings.confidence, None, evidence))
    return found


def sign_findings(board: Board, trusted: Flags, settings: UnitsSettings) -> list[Finding]:
    """Facts alone in their sign among at least `filings` other filings of the same value."""
    known = np.flatnonzero(trusted & np.isfinite(board.level))
    size = np.round(board.level[known], 6)
    frame = pd.DataFrame(
        {"point": board.point[known], "size": size, "negative": board.negative[known]}
    )
    grouped = frame.groupby(["point", "size"])["negative"]
    count, negatives = grouped.transform("size"), grouped.transform("sum")
    alike = np.where(frame["negative"], negatives, count - negatives)
    alone = (alike == 1) & (count - 1 >= settings.filings)
    return [
        Finding(
            row=int(row),
            reason=SIGN,
            confidence=settings.confidence,
            factor=None,
            evidence=(
                Evidence("sign", f"{int(others)} other filings give it with the other sign", 3.0),
            ),
        )
        for row, others in zip(known[alone], (count - 1)[alone], strict=True)
    ]


def _usual_kind(board: Board, settings: UnitsSettings) -> npt.NDArray[np.int8]:
    """Kind of unit of each metric by companies' use, -1 where it isn't settled."""
    users = pd.DataFrame(
        {"metric": board.metric, "kind": board.kind, "company": board.company}
    ).drop_duplicates()
    table = np.zeros((len(board.metrics), len(Kind)))
    np.add.at(table, (users["metric"].to_numpy(), users["kind"].to_numpy()), 1)
    total = table.sum(axis=1)
    settled = (table.max(axis=1) >= settings.share * total) & (
        table.max(axis=1) >= settings.companies
    )
    return np.where(settled, table.argmax(axis=1), -1).astype(np.int8)


def _other_unit(board: Board, settings: UnitsSettings) -> tuple[Flags, npt.NDArray[np.int64]]:
    """Rows in a unit that the company uses for the metric in one filing only, the same number
    standing in its usual unit in another filing or in a neighbouring figure; and that unit."""
    key = board.company.astype(np.int64) * len(board.metrics) + board.metric
    frame = pd.DataFrame({"key": key, "unit": board.unit, "filing": board.filing})
    filings = frame.drop_duplicates().groupby(["key", "unit"], sort=False).size()
    # Only a company's metric with several units can hold one that is wrong.
    several = filings.groupby(level="key").transform("size") > 1
    filings = filings[several]
    flags, usual = np.zeros(len(board), bool), np.full(len(board), -1, np.int64)
    if filings.empty:
        return flags, usual
    most = filings.groupby(level="key").idxmax()
    of_key = pd.Series([unit for _, unit in most], index=most.index)
    rows = np.flatnonzero(np.isin(key, of_key.index))
    values = frame.iloc[rows].assign(start=board.start[rows], end=board.end[rows])
    values = values.assign(value=board.value[rows], usual=of_key.reindex(key[rows]).to_numpy())
    same = values.groupby(["key", "start", "end", "value"])["unit"].transform("nunique") > 1
    own = filings.loc[pd.MultiIndex.from_frame(values[["key", "unit"]])].to_numpy()
    others = filings.loc[pd.MultiIndex.from_frame(values[["key", "usual"]])].to_numpy()
    other_unit = (values["unit"] != values["usual"]) & (own == 1) & (others >= settings.filings)
    alone = (other_unit & same).to_numpy()
    flags[rows[alone]] = True
    usual[rows[alone]] = values["usual"].to_numpy()[alone]
    return flags, usual
