"""What a rubric pays on average for each thing that one can do, figure due or not."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean
from typing import TYPE_CHECKING

from ledgerline.examples.example import Example
from ledgerline.rewards.observed import Observed

if TYPE_CHECKING:
    from ledgerline.rewards.audit import Played

SILENT, RIGHT = "always silent", "honest expert"
WRONG = ("find, then answer wrongly", "first hit, whatever it is")
SCRIPTED = frozenset({SILENT, RIGHT, *WRONG})
"""Policies whose episodes stand in for those of a base that was not observed."""


@dataclass(frozen=True, slots=True)
class Payoffs:
    """Mean reward of each thing one can do when a figure is due, and when none is.

    `right`, `wrong` and `silent` are for a figure due; `uncalled` is anything but silence where
    none is due, `quiet` silence there. Of a base that was observed, silence is silence at once.
    """

    right: float
    wrong: float
    silent: float
    uncalled: float = 0.0
    quiet: float = 0.0


def scripted_payoffs(
    examples: Sequence[Example], played: Mapping[str, "Played"], finds: float
) -> Payoffs:
    """Payoffs read off scripted episodes of `examples`.

    `finds` is the share of wrong answers before which a search had found the fact.
    """

    def mean(name: str, condition: str | None = None, due: bool = True) -> float:
        chosen = [n for n, example in enumerate(examples) if example.is_due is due]
        rewards = [
            played[name].rewards[n]
            for n in chosen
            if condition is None or played[name].measures[n].get(condition, 1) > 0
        ]
        return fmean(rewards or [played[name].rewards[n] for n in chosen] or [0.0])

    found, not_found = (mean(name, "wrong_figure") for name in WRONG)
    return Payoffs(
        right=mean(RIGHT),
        wrong=finds * found + (1 - finds) * not_found,
        silent=mean(SILENT),
        uncalled=mean(WRONG[1], due=False),
        quiet=mean(SILENT, due=False),
    )


def own_payoffs(observed: Observed, weights: Mapping[str, float], otherwise: Payoffs) -> Payoffs:
    """Payoffs of what the base itself does; `otherwise` has those of what it never did.

    A script answers wrongly in one way. A base also runs out of turns, or keeps silent after a
    failed search, and is paid otherwise for it. What a judge pays is left out.
    """
    paid = {
        outcome: sum(weights.get(name, 0.0) * value for name, value in measures.items())
        for outcome, measures in observed.measures.items()
    }
    return Payoffs(**(asdict(otherwise) | paid))


def break_even(payoffs: Payoffs, due: float = 1.0) -> float:
    """The confidence from which answering pays more than silence.

    `due` is the probability that a figure is due at all. 0 where answering pays more even when
    it is surely wrong, 1 where it never does.
    """
    gain = payoffs.right - payoffs.wrong
    if gain <= 0:
        return float(payoffs.silent >= payoffs.right)
    uncalled = (1 - due) / due * (payoffs.quiet - payoffs.uncalled)
    return min(1.0, max(0.0, (payoffs.silent - payoffs.wrong + uncalled) / gain))
