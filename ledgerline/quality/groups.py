"""Facts that one error would move together: a filing's amounts, a metric in every filing."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import NO_START, Board, Codes, Flags, Kind
from ledgerline.quality.comparison import Bans, Distance, Rows
from ledgerline.quality.rule import Panel, Scope, VerdictSettings, log_odds, probability


@dataclass(frozen=True)
class Group:
    """Facts that one error would move together.

    code: the group of each row; weighed: rows of groups worth weighing
    filing, kind: of each row
    companions: per row, how many other filings its company has to compare the group with
    """

    scope: Scope
    code: npt.NDArray[np.int64]
    weighed: Flags
    filing: Codes
    kind: npt.NDArray[np.int8]
    companions: npt.NDArray[np.float64]
    prior: float

    @classmethod
    def of(
        cls,
        scope: Scope,
        code: npt.NDArray[np.int64],
        suspect: Flags,
        board: Board,
        settings: VerdictSettings,
    ) -> "Group":
        """Groups by `code`; a filing's is that of `filing_parts`."""
        known = np.isfinite(board.level)
        size = np.bincount(code[known], minlength=int(code.max(initial=0)) + 1)
        off = np.bincount(code[suspect], minlength=len(size))
        worth = (off >= settings.group_share * size) & (size >= settings.group_facts)
        weighed = worth[code]
        if scope is Scope.FILING:
            scaled = np.isin(board.kind, (Kind.MONEY, Kind.SHARES))
            led = np.unique(board.filing[weighed & (board.kind == Kind.MONEY)])
            weighed |= scaled & np.isin(board.filing, led)
        prior = settings.filing_prior if scope is Scope.FILING else settings.metric_prior
        filed = np.unique(board.company.astype(np.int64) << 32 | board.filing) >> 32
        others = np.bincount(filed, minlength=len(board.companies)).astype(np.float64) - 1.0
        companions = others[board.company]
        return cls(scope, code, weighed & known, board.filing, board.kind, companions, prior)

    def odds(
        self,
        rows: Rows,
        seen: Bans,
        total: Bans,
        prior: Bans,
        panel: Panel,
        settings: VerdictSettings,
    ) -> tuple[Bans, Flags]:
        """Prior bans of each row from its group being off by this power, and whether the group
        would be off as a whole: so many of its facts agree that the rest are mere outliers.

        seen: [rows, comparisons] bans that count for groups; total: each row's own sum;
        prior: each row's bans before any comparison, had the error befallen it alone.
        """
        odds, whole = np.full(len(rows), -np.inf), np.zeros(len(rows), bool)
        counted = np.flatnonzero(self.weighed[rows] & np.isfinite(prior))
        rows, seen, total, prior = rows[counted], seen[counted], total[counted], prior[counted]
        codes, local = np.unique(self.code[rows], return_inverse=True)
        # A rarer power of ten is rarer for groups, too.
        rarer = prior - max(settings.prior[Kind.MONEY.name.lower()].values())
        start = np.full(len(codes), self.prior)
        start[local] += rarer
        companions = np.zeros(len(codes))
        companions[local] = self.companions[rows]
        within, across = self._summed(local, seen, companions, panel, settings)
        supporting, opposing = _counted(local, total)
        share = (supporting + 0.5) / (supporting + opposing + 1.0)
        chance = probability(start + within + across) * share
        agreed = share >= settings.whole_share
        if self.scope is Scope.FILING:
            first = np.unique(local, return_index=True)[1]
            lead = _lead(self.filing[rows[first]], self.kind[rows[first]], supporting, chance)
            led = (lead >= 0) & np.isin(self.kind[rows[first]], (Kind.MONEY, Kind.SHARES))
            # Where the amounts are off, only another filing can tell that a part is not.
            supporting, opposing = _counted(local, seen @ _elsewhere(panel))
            follows = probability(log_odds(settings.parts_follow * chance[lead]) + across)
            follows *= (supporting + 1.0) / (supporting + opposing + 1.0)
            led &= follows > chance
            chance = np.where(led, follows, chance)
            agreed |= led & agreed[lead]
        odds[counted] = log_odds(chance)[local]
        whole[counted] = agreed[local]
        return odds, whole

    def _summed(
        self,
        local: npt.NDArray[np.intp],
        seen: Bans,
        companions: Bans,
        panel: Panel,
        settings: VerdictSettings,
    ) -> tuple[Bans, Bans]:
        """Bans of all comparisons of each group's rows together, bounded: those that need no
        other filing, and those with other filings."""
        groups = len(companions)
        within, across = np.zeros(groups), np.zeros(groups)
        for column, comparison in zip(seen.T, panel.comparisons, strict=True):
            summed = np.asarray(np.bincount(local, column, minlength=groups), np.float64)
            if self.scope is Scope.METRIC or (
                isinstance(comparison, Distance) and comparison.whole
            ):
                # One series lies off its peers or siblings once, however many facts it has.
                summed = summed / np.maximum(np.bincount(local, column != 0), 1)
            summed = np.clip(summed, -settings.group_limit, settings.group_limit)
            if isinstance(comparison, Distance) and comparison.other is not None:
                across += summed
            else:
                within += summed
        # However many facts differ between two filings, the other one may be the wrong one.
        limit = settings.group_limit * companions
        return within, np.clip(across, -limit, limit)


def filing_parts(board: Board) -> npt.NDArray[np.int64]:
    """Code of (filing, currency or other kind of unit).

    Share counts at a date are apart from those of a period: the balance sheet's are often
    scaled apart from the average share counts.
    """
    of_period = (board.kind == Kind.SHARES) & (board.start != NO_START)
    kind = len(board.units) + np.where(of_period, len(Kind), board.kind)
    part = np.where(board.kind == Kind.MONEY, board.unit, kind)
    return board.filing.astype(np.int64) * (len(board.units) + len(Kind) + 1) + part


def _counted(local: npt.NDArray[np.intp], bans: Bans) -> tuple[Bans, Bans]:
    """How many rows of each group speak for an error, and how many against."""
    groups = int(local.max(initial=-1)) + 1
    return (
        np.bincount(local, bans > 0, minlength=groups).astype(np.float64),
        np.bincount(local, bans < 0, minlength=groups).astype(np.float64),
    )


def _elsewhere(panel: Panel) -> Bans:
    """1 for each comparison with a fact that another filing may give, else 0."""
    return np.array(
        [isinstance(c, Distance) and c.other is not None for c in panel.comparisons], float
    )


def _lead(
    filing: Codes, kind: npt.NDArray[np.int8], supporting: Bans, chance: Bans
) -> npt.NDArray[np.intp]:
    """For each group, that of its filing's amounts (of several currencies the one that most
    facts speak for); -1 where the filing has no amounts or the group leads itself."""
    lead = np.full(int(filing.max(initial=0)) + 1, -1)
    money = np.flatnonzero(kind == Kind.MONEY)
    # The last one assigned stands.
    money = money[np.lexsort((chance[money], supporting[money]))]
    lead[filing[money]] = money
    of_group = lead[filing]
    return np.where(of_group == np.arange(len(filing)), -1, of_group)
