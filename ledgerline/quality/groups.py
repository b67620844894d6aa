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
            led = np.unique(board.filing[weighed & (board.kind == Kind.MONEY)])
            weighed |= (board.kind == Kind.SHARES) & np.isin(board.filing, led)
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
        bans = start + self._summed(local, seen, companions, panel, settings)
        supporting = np.bincount(local, total > 0, minlength=len(codes))
        opposing = np.bincount(local, total < 0, minlength=len(codes))
        share = (supporting + 0.5) / (supporting + opposing + 1.0)
        chance = probability(bans) * share
        if self.scope is Scope.FILING:
            first = np.unique(local, return_index=True)[1]
            filing, kind = self.filing[rows[first]], self.kind[rows[first]]
            follow = log_odds(settings.shares_follow * _of_amounts(filing, kind, chance)) - start
            led = (kind == Kind.SHARES) & (follow > 0)
            agreeing = (supporting + 1.0) / (supporting + opposing + 1.0)
            chance = np.where(led, probability(bans + follow) * agreeing, chance)
        odds[counted] = log_odds(chance)[local]
        whole[counted] = (share >= settings.whole_share)[local]
        return odds, whole

    def _summed(
        self,
        local: npt.NDArray[np.intp],
        seen: Bans,
        companions: Bans,
        panel: Panel,
        settings: VerdictSettings,
    ) -> Bans:
        """Bans of all comparisons of each group's rows together, bounded."""
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
        together: Bans = within + np.clip(across, -limit, limit)
        return together


def filing_parts(board: Board) -> npt.NDArray[np.int64]:
    """Code of (filing, currency or other kind of unit).

    Share counts at a date are apart from those of a period: the balance sheet's are often
    scaled apart from the average share counts.
    """
    of_period = (board.kind == Kind.SHARES) & (board.start != NO_START)
    kind = len(board.units) + np.where(of_period, len(Kind), board.kind)
    part = np.where(board.kind == Kind.MONEY, board.unit, kind)
    return board.filing.astype(np.int64) * (len(board.units) + len(Kind) + 1) + part


def _of_amounts(filing: Codes, kind: npt.NDArray[np.int8], chance: Bans) -> Bans:
    """The highest chance that the amounts of each group's filing have; 0 where it has none."""
    highest = np.zeros(int(filing.max(initial=0)) + 1)
    money = kind == Kind.MONEY
    np.maximum.at(highest, filing[money], chance[money])
    of_amounts: Bans = highest[filing]
    return of_amounts
