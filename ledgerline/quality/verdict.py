"""One verdict a fact: the detectors' evidence added up by a rule that can be read.

The rule. Before any comparison the odds are `prior` bans against a value being too large by a
given power of ten (−3: one in a thousand). Each comparison adds its bans. The power with the
highest sum is the suspicion, confidence = 1 / (1 + 10**−sum), and a fact whose confidence
reaches `quarantine_at` is set aside.

The error may be the fact's own, its whole filing's, or that of the company's metric in every
filing. The last two are weighed first, as groups, over all their facts; then each of their
facts is weighed with the group's odds as its prior, leaving out comparisons inside the group,
which such an error moves along. The strongest of the three explanations stands.

Where nearly all of a filing's facts agree (`whole_share`), it is off as a whole: a fact that its
company's history speaks against is then an outlier like those of any filing, and only another
filing that gives the very fact in this size lets it off.

A filing's share counts are a group apart from its amounts, since either may be scaled alone, and
so are amounts in another currency; but where most amounts are off, these parts usually are, too
(`parts_follow`), and only another filing can tell that they are not.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ledgerline.quality.board import Board, Flags, Kind
from ledgerline.quality.comparison import Bans, Comparison, Distance, Grain, Rows, log10_surprise
from ledgerline.quality.groups import Group, filing_parts
from ledgerline.quality.rule import Panel, Scope, VerdictSettings, probability

# Beyond any sum of bans.
PART, AMOUNTS = 1000.0, 2000.0


@dataclass(frozen=True)
class Verdicts:
    """One line per fact weighed.

    rows: rows of the board; power: likeliest error (the value is 10**power too large);
    bans: sum for it; scope: Scope; evidence: float32 [rows, comparisons] bans for it;
    filing: the highest sum for any power under the scope of its whole filing.
    """

    rows: Rows
    power: npt.NDArray[np.int8]
    bans: Bans
    scope: npt.NDArray[np.int8]
    evidence: npt.NDArray[np.float32]
    filing: Bans

    @property
    def confidence(self) -> Bans:
        """Probability of the suspicion under the rule."""
        return probability(self.bans)


def judge(board: Board, panel: Panel, settings: VerdictSettings) -> Verdicts:
    """Weigh every fact that a comparison finds far off, or whose group is off."""
    suspect = _suspects(board, panel.comparisons)
    filing = Group.of(Scope.FILING, filing_parts(board), suspect, board, settings)
    metric = Group.of(Scope.METRIC, board.series.astype(np.int64), suspect, board, settings)
    rows = np.flatnonzero(suspect | filing.weighed | metric.weighed)
    best = Verdicts(
        rows,
        np.zeros(len(rows), np.int8),
        np.full(len(rows), -np.inf),
        np.zeros(len(rows), np.int8),
        np.zeros((len(rows), len(panel.comparisons)), np.float32),
        np.full(len(rows), -np.inf),
    )
    of_filing = np.zeros(len(rows), np.int8)
    refiled = np.array([c.detector == "refiled" for c in panel.comparisons], float)
    blind = {scope: _blind(board, panel, scope, rows) for scope in Scope}
    for power in sorted({p for priors in settings.prior.values() for p in priors}):
        prior = _priors(board.kind[rows], power, settings)
        each = np.stack([c.bans(rows, power) for c in panel.comparisons], axis=1)
        for scope, group in ((Scope.FACT, None), (Scope.FILING, filing), (Scope.METRIC, metric)):
            seen = np.where(blind[scope], 0.0, each)
            total = _bounded_sum(seen, panel, rows, power, scope)
            own, odds = total, prior
            if group is not None:
                odds, whole = group.odds(rows, seen, total, prior, panel, settings)
            if scope is Scope.FILING:
                # What a filing's facts say for its being off, its group's odds hold already: each
                # comparison with one other filing tells no more than that one of the two is off.
                # Where all is off, only another filing that gives the very fact lets it off.
                own = np.minimum(np.where(whole, seen @ refiled, total), 0.0)
                together = own + odds > best.filing
                best.filing[together] = (own + odds)[together]
                of_filing[together] = power
            better = own + odds > best.bans
            best.bans[better] = (own + odds)[better]
            best.power[better] = power
            best.scope[better] = scope
            best.evidence[better] = seen[better]
    # One error explains more than many: where the filing is off, that is what is said.
    led = (probability(best.filing) >= settings.quarantine_at) & (of_filing == best.power)
    best.scope[led] = Scope.FILING
    return best


def set_aside(
    board: Board, panel: Panel, verdicts: Verdicts, confidence: float, settings: VerdictSettings
) -> Flags:
    """Which rows of the board reach `confidence`, and not on a worse suspect's word.

    Of two facts that contradict each other only the more suspect one goes; the other is
    weighed again without it in the next round. The one whose whole filing is off goes before
    one that is suspected alone.
    """
    pending = np.zeros(len(board), bool)
    pending[verdicts.rows] = verdicts.confidence >= confidence
    gone = np.zeros(len(board), bool)
    # A filing that is probably off is no witness, even while more confidence is asked for.
    scale = _scale_of_error(board, verdicts, settings.quarantine_at)
    accused, accuser = _accusations(board, panel, verdicts, scale)
    # Where a filing's amounts are off, its other facts may need another round to follow them.
    pending[accused[scale[accuser] == AMOUNTS]] = False
    # The worst suspects go first; whom they accused is let off, and those whom these accused
    # must answer for themselves. Each turn settles at least the worst suspect that is left.
    while pending.any():
        let_off, waiting = np.zeros(len(board), bool), np.zeros(len(board), bool)
        let_off[accused[gone[accuser]]] = True
        pending &= ~let_off
        waiting[accused[pending[accuser]]] = True
        gone |= pending & ~waiting
        pending &= waiting
    return gone


def _scale_of_error(board: Board, verdicts: Verdicts, confidence: float) -> npt.NDArray[np.float64]:
    """What is off about each row of the board: PART of its filing, or its AMOUNTS; else 0.

    A filing's amounts are many and settle whether it is off; its share counts follow them.
    """
    scale = np.zeros(len(board))
    scale[verdicts.rows] = np.where(probability(verdicts.filing) >= confidence, PART, 0.0)
    filings = board.filing[(scale > 0) & (board.kind == Kind.MONEY)]
    follows = (verdicts.filing > 0) & np.isin(board.filing[verdicts.rows], filings)
    scale[verdicts.rows[follows]] = AMOUNTS
    return scale


def _accusations(
    board: Board, panel: Panel, verdicts: Verdicts, scale: npt.NDArray[np.float64]
) -> tuple[Rows, Rows]:
    """Pairs of rows: a fact, and one that speaks against it and is the worse suspect.

    Only an error in the opposite direction would explain what the other one says. The larger
    the scale of the error, the worse the suspect, whatever the bans.
    """
    rows = verdicts.rows
    bans, power = np.full(len(board), -np.inf), np.zeros(len(board), np.int8)
    bans[rows], power[rows] = verdicts.bans, verdicts.power
    bans += scale
    accused, accuser = [], []
    for column, comparison in zip(verdicts.evidence.T, panel.comparisons, strict=True):
        if isinstance(comparison, Distance) and comparison.other is not None:
            speaks = np.flatnonzero((column > 1.0) & (comparison.other[rows] >= 0))
            fact, other = rows[speaks], comparison.other[rows[speaks]].astype(np.intp)
            worse = (bans[other] > bans[fact]) & (power[other] * power[fact] < 0)
            accused.append(fact[worse])
            accuser.append(other[worse])
    none = [np.empty(0, np.intp)]
    return np.concatenate(accused or none), np.concatenate(accuser or none)


def _suspects(board: Board, comparisons: Sequence[Comparison]) -> Flags:
    suspect = np.zeros(len(board), bool)
    for comparison in comparisons:
        if isinstance(comparison, Distance):
            suspect[comparison.alarming()] = True
    suspect &= np.isfinite(board.level)
    return suspect


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
            column[:] = (scope is not Scope.FILING) | (board.kind[rows] != Kind.MONEY)
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


def _bounded_sum(each: Bans, panel: Panel, rows: Rows, power: int, scope: Scope) -> Bans:
    """Sum over the comparisons of single facts, each detector's share bounded by its ceiling.

    Of a group that is off, a fact that fits badly once mended is a true outlier, and these are
    as rare there as anywhere; so what speaks against is bounded there, too.
    """
    detectors = np.array([c.detector for c in panel.comparisons])
    whole = np.array([isinstance(c, Distance) and c.whole for c in panel.comparisons])
    unbounded = ~np.isin(detectors, list(panel.ceilings)) & ~whole
    total: Bans = each @ unbounded.astype(np.float64)
    for detector, ceiling in panel.ceilings.items():
        most = ceiling[rows] - float(log10_surprise(np.array([float(power)]))[0])
        against = np.inf if scope is Scope.FACT else most
        total += np.clip(each @ (detectors == detector).astype(np.float64), -against, most)
    return total
