"""From a board of facts to verdicts: the detectors in rounds, each without the last's errors."""

from dataclasses import dataclass

import numpy as np

from ledgerline.quality.board import Board, Flags
from ledgerline.quality.comparison import PEAK, Comparison
from ledgerline.quality.grain import GrainSettings, grain
from ledgerline.quality.history import HistorySettings, history
from ledgerline.quality.peers import PeersSettings, peers
from ledgerline.quality.refiled import RefiledSettings, refiled
from ledgerline.quality.rule import Panel, VerdictSettings
from ledgerline.quality.siblings import SiblingsSettings, siblings
from ledgerline.quality.verdict import Verdicts, judge, set_aside
from ledgerline.settings import Settings


class DetectorSettings(Settings):
    """The knobs of every detector, and of the rule that adds them up."""

    refiled: RefiledSettings
    history: HistorySettings
    siblings: SiblingsSettings
    peers: PeersSettings
    grain: GrainSettings
    verdict: VerdictSettings


@dataclass(frozen=True)
class Weighed:
    """What the last round found, and what it compared with."""

    verdicts: Verdicts
    panel: Panel
    set_aside: Flags


def weigh_facts(board: Board, sound: Flags, settings: DetectorSettings) -> Weighed:
    """Verdicts on all facts; `sound` says which rows may be compared with at all.

    The first round asks for more confidence, since the facts compared with are unchecked;
    the next compare with what is left only, until nothing changes.
    """
    aside = np.zeros(len(board), bool)
    rule = settings.verdict
    for number in range(rule.rounds):
        before = aside
        panel = _panel(board, sound & ~aside, settings)
        verdicts = judge(board, panel, rule)
        needed = rule.first_at if number == 0 and rule.rounds > 1 else rule.quarantine_at
        aside = set_aside(board, panel, verdicts, needed, rule)
        if number > 0 and np.array_equal(aside, before):
            break
    return Weighed(verdicts, panel, aside)


def compare_all(board: Board, trusted: Flags, settings: DetectorSettings) -> list[Comparison]:
    """Everything that each fact can be compared with."""
    return list(_panel(board, trusted, settings).comparisons)


def _panel(board: Board, trusted: Flags, settings: DetectorSettings) -> Panel:
    trusted = trusted & np.isfinite(board.level)
    past, restless = history(board, trusted, settings.history)
    comparisons: list[Comparison] = []
    comparisons += refiled(board, trusted, settings.refiled)
    comparisons += past
    comparisons += siblings(board, trusted, settings.siblings)
    comparisons += peers(board, trusted, settings.peers)
    comparisons += grain(board, settings.grain)
    # A true outlier lies far from all its neighbours at once, so their number proves nothing:
    # what counts is how rare true outliers are in this metric.
    rare = np.log10(PEAK / (restless.spread * restless.surprise)).astype(np.float32)
    return Panel(comparisons, {"history": rare})
