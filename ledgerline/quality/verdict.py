"""One verdict a fact: the detectors' evidence added up by a rule that can be read.

The rule. Before any comparison the odds are `prior` bans against a value being too large by a
given power of ten (−3: one in a thousand). Each comparison adds its bans. The power with the
highest sum is the suspicion, confidence = 1 / (1 + 10**−sum), and a fact whose confidence
reaches `quarantine_at` is set aside.

The error may be the fact's own, its whole filing's, or that of the company's metric in every
filing. The last two are weighed first, as groups, over all their facts; then each of their
facts is weighed with the group's odds as its prior, leaving out comparisons inside the group,
which such an error moves along. The strongest of the three explanations stands.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import NO_START, Board, Flags, Kind
from ledgerline.quality.comparison import Bans, Comparison, Distance, Grain, Rows, log10_surprise
from ledgerline.settings import Settings


class Scope(IntEnum):
    """What an error befell."""

    FACT = 0
    FILING = 1
    METRIC = 2


class VerdictSettings(Settings):
    """prior: bans for each power of ten that may be an error, by kind of unit
    filing_prior, metric_prior: bans for a whole filing, a whole metric being off
    group_limit: most bans that one comparison gives for a whole group
    group_share: share of a group's facts that must look off before it is weighed
    group_facts: fewest facts that make a group
    quarantine_at: confidence from which a fact is set aside
    first_at: confidence that the first round asks for, while the facts compared with are
        still unchecked
    rounds: how often at most facts are weighed, each time without those set aside before
    """

    prior: dict[str, dict[int, float]]
    filing_prior: float
    metric_prior: float
    group_limit: float
    group_share: float
    group_facts: int
    quarantine_at: float
    first_at: float
    rounds: int


@dataclass(frozen=True)
class Verdicts:
    """One line per fact weighed.

    rows: rows of the board; power: likeliest error (the value is 10**power too large);
    bans: sum for it; scope: Scope; evidence: float32 [rows, comparisons] bans for it.
    """

    rows: Rows
    power: npt.NDArray[np.int8]
    bans: Bans
    scope: npt.NDArray[np.int8]
    evidence: npt.NDArray[np.float32]

    @property
    def confidence(self) -> Bans:
        """Probability of the suspicion under the rule."""
        return _probability(self.bans)


@dataclass(frozen=True)
class Panel:
    """The comparisons, and how their sums are bounded and scoped.

    ceilings: per detector, how much rarer a true surprise is than a right value in place, in
        bans, [rows of the board]: the most that the detector may give in all, together with
        how rare surprises of that size are
    """

    comparisons: Sequence[Comparison]
    ceilings: Mapping[str, npt.NDArray[np.float32]]


def judge(board: Board, panel: Panel, settings: VerdictSettings) -> Verdicts:
    """Weigh every fact that a comparison finds far off, or whose group is off."""
    suspect = _suspects(board, panel.comparisons)
    filing = _Group.of(Scope.FILING, _filing_parts(board), suspect, board, settings)
    metric = _Group.of(Scope.METRIC, board.series.astype(np.int64), suspect, board, settings)
    rows = np.flatnonzero(suspect | filing.weighed | metric.weighed)
    best = Verdicts(
        rows,
        np.zeros(len(rows), np.int8),
        np.full(len(rows), -np.inf),
        np.zeros(len(rows), np.int8),
        np.zeros((len(rows), len(panel.comparisons)), np.float32),
    )
    blind = {scope: _blind(board, panel, scope, rows) for scope in Scope}
    for power in sorted({p for priors in settings.prior.values() for p in priors}):
        prior = _priors(board.kind[rows], power, settings)
        each = np.stack([c.bans(rows, power) for c in panel.comparisons], axis=1)
        for scope, group in ((Scope.FACT, None), (Scope.FILING, filing), (Scope.METRIC, metric)):
            seen = np.where(blind[scope], 0.0, each)
            total = _bounded_sum(seen, panel, rows, power)
            odds = prior if group is None else group.odds(rows, seen, total, prior, panel, settings)
            better = total + odds > best.bans
            best.bans[better] = (total + odds)[better]
            best.power[better] = power
            best.scope[better] = scope
            best.evidence[better] = seen[better]
    return best


def set_aside(board: Board, panel: Panel, verdicts: Verdicts, confidence: float) -> Flags:
    """Which rows of the board reach `confidence`, and not on a worse suspect's word.

    Of two facts that contradict each other only the more suspect one goes; the other is
    weighed again without it in the next round.
    """
    bans = np.full(len(board), -np.inf)
    bans[verdicts.rows] = verdicts.bans
    flags = np.zeros(len(board), bool)
    rows = verdicts.rows
    convicted = verdicts.confidence >= confidence
    for column, comparison in zip(verdicts.evidence.T, panel.comparisons, strict=True):
        if isinstance(comparison, Distance) and comparison.other is not None:
            other = comparison.other[rows]
            accused = (other >= 0) & (column > 1.0)
            convicted &= ~(accused & (bans[np.maximum(other, 0)] > verdicts.bans))
    flags[rows[convicted]] = True
    return flags


def _suspects(board: Board, comparisons: Sequence[Comparison]) -> Flags:
    suspect = np.zeros(len(board), bool)
    for comparison in comparisons:
        if isinstance(comparison, Distance):
            suspect[comparison.alarming()] = True
    suspect &= np.isfinite(board.level)
    return suspect


@dataclass(frozen=True)
class _Group:
    """Facts that one error would move together.

    companions: per row, how many other filings its company has to compare the group with.
    """

    scope: Scope
    code: npt.NDArray[np.int64]
    weighed: Flags
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
    ) -> "_Group":
        known = np.isfinite(board.level)
        size = np.bincount(code[known], minlength=int(code.max(initial=0)) + 1)
        off = np.bincount(code[suspect], minlength=len(size))
        worth = (off >= settings.group_share * size) & (size >= settings.group_facts)
        prior = settings.filing_prior if scope is Scope.FILING else settings.metric_prior
        filed = np.unique(board.company.astype(np.int64) << 32 | board.filing) >> 32
        others = np.bincount(filed, minlength=len(board.companies)).astype(np.float64) - 1.0
        return cls(scope, code, worth[code] & known, others[board.company], prior)

    def odds(
        self,
        rows: Rows,
        seen: Bans,
        total: Bans,
        prior: Bans,
        panel: Panel,
        settings: VerdictSettings,
    ) -> Bans:
        """Prior bans of each row from its whole group being off by this power."""
        code = self.code[rows]
        counted = self.weighed[rows]
        _, local = np.unique(code, return_inverse=True)
        groups = int(local.max(initial=-1)) + 1
        # A rarer power of ten is rarer for groups, too.
        rarer = prior - max(settings.prior[Kind.MONEY.name.lower()].values())
        group_bans = np.full(groups, self.prior)
        group_bans[local] += np.where(np.isfinite(rarer), rarer, 0.0)
        companions = np.zeros(groups)
        companions[local] = self.companions[rows]
        across = np.zeros(groups)
        for column, comparison in zip(seen.T, panel.comparisons, strict=True):
            weights = np.where(counted, column, 0.0)
            summed = np.asarray(np.bincount(local, weights, minlength=groups), np.float64)
            if self.scope is Scope.METRIC or (
                isinstance(comparison, Distance) and comparison.whole
            ):
                # One series lies off its peers or siblings once, however many facts it has.
                summed = summed / np.maximum(np.bincount(local, counted & (column != 0)), 1)
            summed = np.clip(summed, -settings.group_limit, settings.group_limit)
            if isinstance(comparison, Distance) and comparison.other is not None:
                across += summed
            else:
                group_bans += summed
        # However many facts differ between two filings, the other one may be the wrong one.
        limit = settings.group_limit * companions
        group_bans += np.clip(across, -limit, limit)
        supporting = np.bincount(local, counted & (total > 0), minlength=groups)
        opposing = np.bincount(local, counted & (total < 0), minlength=groups)
        share = (supporting + 0.5) / (supporting + opposing + 1.0)
        chance = np.clip(_probability(group_bans) * share, 1e-12, 1 - 1e-6)
        bans = np.log10(chance / (1 - chance))[local]
        return np.where(counted & np.isfinite(prior), bans, -np.inf)


def _filing_parts(board: Board) -> npt.NDArray[np.int64]:
    """Code of (filing, kind of unit); share counts at a date apart from those of a period.

    The balance sheet's share counts are often scaled apart from the average share counts.
    """
    kind = board.kind + np.where(
        (board.kind == Kind.SHARES) & (board.start != NO_START), len(Kind), 0
    )
    return board.filing.astype(np.int64) * (2 * len(Kind)) + kind


def _blind(board: Board, panel: Panel, scope: Scope, rows: Rows) -> npt.NDArray[np.bool_]:
    """[rows, comparisons]: which comparisons can't tell an error of this scope.

    An error of a whole filing moves all that is compared within it, an error of a metric all
    its periods and filings.
    """
    blind = np.zeros((len(rows), len(panel.comparisons)), bool)
    for column, comparison in zip(blind.T, panel.comparisons, strict=True):
        if isinstance(comparison, Grain):
            column[:] = scope is Scope.FILING
        elif isinstance(comparison, Distance) and comparison.whole:
            column[:] = scope is not Scope.FILING
        elif isinstance(comparison, Distance) and comparison.other is not None:
            if scope is Scope.METRIC:
                column[:] = True
            elif scope is Scope.FILING:
                other = comparison.other[rows]
                column[:] = board.filing[np.maximum(other, 0)] == board.filing[rows]
        elif comparison.detector.startswith("siblings"):
            column[:] = scope is Scope.FILING
        elif comparison.detector == "peers" and scope is Scope.FILING:
            # A company's size is measured on its amounts, so these can't contradict it.
            column[:] = board.kind[rows] == Kind.MONEY
    return blind


def _priors(kind: npt.NDArray[np.int8], power: int, settings: VerdictSettings) -> Bans:
    by_kind = np.array([settings.prior[k.name.lower()].get(power, -np.inf) for k in Kind])
    return by_kind[kind]


def _bounded_sum(each: Bans, panel: Panel, rows: Rows, power: int) -> Bans:
    """Sum over the comparisons of single facts, each detector's share bounded by its ceiling."""
    detectors = np.array([c.detector for c in panel.comparisons])
    whole = np.array([isinstance(c, Distance) and c.whole for c in panel.comparisons])
    total: Bans = each[:, ~np.isin(detectors, list(panel.ceilings)) & ~whole].sum(axis=1)
    for detector, ceiling in panel.ceilings.items():
        most = ceiling[rows] - float(log10_surprise(np.array([float(power)]))[0])
        total += np.minimum(each[:, detectors == detector].sum(axis=1), most)
    return total


def _probability(bans: Bans) -> Bans:
    probability: Bans = 1.0 / (1.0 + 10.0 ** np.clip(-bans, -300, 300))
    return probability
