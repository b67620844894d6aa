"""The promotion gate: what a candidate must show before it takes the champion's place.

Everything it asks stands in params.yaml before the test set is opened. Each check passes,
fails, or is undecided (too little data, something not measured); only a candidate that
passes every check is promoted, so the lack of evidence always keeps the champion.

The test of skill looks at everything that the policies answer. The bound on wrong figures,
the coverage and the suites look at what a reader would be shown: answers whose confidence
reaches the policy's own certified threshold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ledgerline.evaluation.decision import Check, Decision, Verdict
from ledgerline.evaluation.metrics import ALL, pair, slices_present, times
from ledgerline.evaluation.records import Record
from ledgerline.evaluation.statistics import holm, mcnemar, sign_flip, upper_bound
from ledgerline.evaluation.suites import host
from ledgerline.settings import Settings


class GateSettings(Settings):
    """The pre-registered gate.

    `test`: "mcnemar" on right answers, or "utility" (+1 right shown, −`wrong_cost` wrong
    shown, 0 silent; signs flipped by company). `alpha`: chance of ever promoting a policy that
    is no better, spent evenly over `rounds` decisions on one test set. `pairs`: the fewest
    examples that both policies were asked. `wrong_shown_limit`: the most that the upper bound
    (at `confidence`) of wrong among shown may be. `coverage_margin`, `slice_margin`: loss in
    share of examples that is tolerated. A slice of at least `slice_pairs` fails when it lost
    more than the margin and McNemar's one-sided test, Holm-corrected over the slices, is below
    `slice_alpha`. `latency_ratio`: how much slower the 95th percentile may be, as a factor.
    `suites`: kinds of adversarial prompt of which none may get a wrong answer shown that the
    example without it doesn't get.
    """

    test: Literal["mcnemar", "utility"]
    alpha: float
    rounds: int
    wrong_cost: float
    pairs: int
    confidence: float
    wrong_shown_limit: float
    coverage_margin: float
    slice_margin: float
    slice_pairs: int
    slice_alpha: float
    latency_ratio: float
    suites: tuple[str, ...]
    resamples: int
    seed: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A policy before the gate: its records, and the confidence that it shows answers from.

    `suites` are the records of adversarial prompts, kept apart from the test set.
    `threshold` is None when no threshold certifies the policy; it would then show nothing.
    """

    name: str
    records: Sequence[Record]
    threshold: float | None
    suites: Sequence[Record] = ()

    def served(self) -> list[Record]:
        """The test records as readers would see them."""
        return [record.served(self._shown_from()) for record in self.records]

    def served_suite(self, suite: str) -> list[Record]:
        """The records of one suite as readers would see them."""
        return [row.served(self._shown_from()) for row in self.suites if row.kind == suite]

    def _shown_from(self) -> float:
        return float("inf") if self.threshold is None else self.threshold


def decide(
    candidate: Candidate, incumbent: Candidate, rounds_spent: int, settings: GateSettings
) -> Decision:
    """Put `candidate` through the gate against `incumbent`.

    `rounds_spent` counts earlier decisions on this test set.
    """
    checks = (
        _skill(candidate, incumbent, rounds_spent, settings),
        _wrong_shown(candidate, settings),
        _coverage(candidate, incumbent, settings),
        _slices(candidate, incumbent, settings),
        _latency(candidate, incumbent, settings),
        *(_suite(candidate, suite) for suite in settings.suites),
        _graded(candidate),
    )
    verdicts = {check.verdict for check in checks}
    if Verdict.FAIL in verdicts:
        verdict = Verdict.FAIL
    elif Verdict.UNDECIDED in verdicts:
        verdict = Verdict.UNDECIDED
    else:
        verdict = Verdict.PASS
    return Decision(candidate.name, incumbent.name, verdict, checks)


def _skill(
    candidate: Candidate, incumbent: Candidate, rounds_spent: int, settings: GateSettings
) -> Check:
    pairs = pair(incumbent.records, candidate.records)
    asked = max(len(candidate.records), len(incumbent.records))
    if len(pairs) < settings.pairs:
        return Check(
            "better",
            Verdict.UNDECIDED,
            f"{len(pairs)} examples were asked of both, {settings.pairs} are needed",
            {"pairs": len(pairs)},
        )
    if len(pairs) < asked:
        # Whoever leaves out the examples that it fails would look better than it is.
        return Check(
            "better",
            Verdict.UNDECIDED,
            f"{asked - len(pairs)} of {asked} examples were asked of one policy only",
            {"pairs": len(pairs)},
        )
    if rounds_spent >= settings.rounds:
        return Check(
            "better",
            Verdict.UNDECIDED,
            f"this test set has served {rounds_spent} decisions, as many as were planned; "
            "renew a part of it with new filings",
            {"rounds_spent": rounds_spent},
        )
    level = settings.alpha / settings.rounds
    gained = sum(new.right and not old.right for old, new in pairs)
    lost = sum(old.right and not new.right for old, new in pairs)
    if settings.test == "mcnemar":
        p_value = mcnemar(gained, lost, "greater")
    else:
        served = pair(incumbent.served(), candidate.served())
        differences = [
            _utility(new, settings.wrong_cost) - _utility(old, settings.wrong_cost)
            for old, new in served
        ]
        clusters = [new.cluster for _, new in served]
        p_value = sign_flip(differences, clusters, settings.resamples, settings.seed)
    return Check(
        "better",
        Verdict.PASS if p_value < level else Verdict.FAIL,
        f"{gained} gained, {lost} lost of {len(pairs)}; p = {p_value:.2g}, needs < {level:.2g}",
        {"gained": gained, "lost": lost, "pairs": len(pairs), "p_value": p_value, "level": level},
    )


def _wrong_shown(candidate: Candidate, settings: GateSettings) -> Check:
    if candidate.threshold is None:
        return Check(
            "wrong figures",
            Verdict.UNDECIDED,
            "no confidence threshold certifies the limit on validation",
            {},
        )
    shown = [record for record in candidate.served() if record.shown]
    wrong = sum(record.wrong_shown for record in shown)
    bound = upper_bound(wrong, len(shown), settings.confidence)
    limit = settings.wrong_shown_limit
    if bound <= limit:
        verdict = Verdict.PASS
    elif shown and wrong / len(shown) > limit:
        verdict = Verdict.FAIL
    else:
        verdict = Verdict.UNDECIDED
    return Check(
        "wrong figures",
        verdict,
        f"{wrong} of {len(shown)} shown are wrong: at most {bound:.2%}, limit {limit:.2%}",
        {"wrong": wrong, "shown": len(shown), "bound": bound, "limit": limit},
    )


def _coverage(candidate: Candidate, incumbent: Candidate, settings: GateSettings) -> Check:
    new, old = _coverage_of(candidate.served()), _coverage_of(incumbent.served())
    if new is None or old is None:
        return Check("coverage", Verdict.UNDECIDED, "no example where a figure is due", {})
    if candidate.threshold is None and incumbent.threshold is None:
        return Check(
            "coverage",
            Verdict.UNDECIDED,
            "neither policy has a certified threshold, so neither would show anything",
            {},
        )
    return Check(
        "coverage",
        Verdict.PASS if new > 0 and new >= old - settings.coverage_margin else Verdict.FAIL,
        f"shows {new:.1%} of what is due, the incumbent {old:.1%}; "
        f"may lose {settings.coverage_margin:.1%}",
        {"candidate": new, "incumbent": old},
    )


def _slices(candidate: Candidate, incumbent: Candidate, settings: GateSettings) -> Check:
    pairs = pair(incumbent.records, candidate.records)
    names = slices_present([new for _, new in pairs], settings.slice_pairs)
    harm: dict[str, tuple[float, float]] = {}
    for name in names:
        rows = [(old, new) for old, new in pairs if name == ALL or name in new.slices]
        gained = sum(new.right and not old.right for old, new in rows)
        lost = sum(old.right and not new.right for old, new in rows)
        if rows:
            harm[name] = ((lost - gained) / len(rows), mcnemar(gained, lost, "less"))
    if not harm:
        return Check("slices", Verdict.UNDECIDED, "no slice is large enough to look at", {})
    adjusted = holm([p_value for _, p_value in harm.values()])
    worse = [
        f"{name} −{loss:.1%} (p = {p_value:.2g})"
        for (name, (loss, _)), p_value in zip(harm.items(), adjusted, strict=True)
        if loss > settings.slice_margin and p_value < settings.slice_alpha
    ]
    return Check(
        "slices",
        Verdict.FAIL if worse else Verdict.PASS,
        "worse: " + ", ".join(worse) if worse else f"none of {len(harm)} slices is worse",
        {"slices": len(harm), "worse": len(worse)},
    )


def _latency(candidate: Candidate, incumbent: Candidate, settings: GateSettings) -> Check:
    timed = times(candidate.records), times(incumbent.records)
    if not all(timed):
        return Check("latency", Verdict.UNDECIDED, "nothing was measured", {})
    new, old = (float(np.percentile(seconds, 95)) for seconds in timed)
    return Check(
        "latency",
        Verdict.PASS if new <= old * settings.latency_ratio else Verdict.FAIL,
        f"p95 {new * 1000:.0f} ms, the incumbent's {old * 1000:.0f} ms; "
        f"may be {settings.latency_ratio:g} times that",
        {"candidate": new, "incumbent": old},
    )


def _suite(candidate: Candidate, suite: str) -> Check:
    rows = candidate.served_suite(suite)
    # Whatever is wrong anyway is bounded on the test set, and no suite of 60 is free of it.
    anyway = {(row.example_id, row.answer) for row in candidate.served() if row.wrong_shown}
    wrong = sum(
        row.wrong_shown and (host(row.example_id), row.answer) not in anyway for row in rows
    )
    name = f"{suite} suite"
    if not rows:
        return Check(name, Verdict.UNDECIDED, "the suite was not played", {})
    return Check(
        name,
        Verdict.FAIL if wrong else Verdict.PASS,
        f"{wrong} of {len(rows)} got something wrong shown that the document alone doesn't",
        {"wrong": wrong, "examples": len(rows)},
    )


def _graded(candidate: Candidate) -> Check:
    ungraded = sum(record.reward is None for record in candidate.records)
    return Check(
        "graded",
        Verdict.UNDECIDED if ungraded or not candidate.records else Verdict.PASS,
        f"{ungraded} of {len(candidate.records)} rollouts could not be graded",
        {"ungraded": ungraded},
    )


def _utility(record: Record, wrong_cost: float) -> float:
    if record.wrong_shown:
        return -wrong_cost
    return 1.0 if record.shown else 0.0


def _coverage_of(records: Sequence[Record]) -> float | None:
    due = [record for record in records if record.due]
    return sum(record.shown for record in due) / len(due) if due else None
