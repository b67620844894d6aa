"""What a rubric can pay for: named measures of a finished episode.

Each is a function (transcript, example) → float, 1.0 for "yes"; its weight decides whether that
is good. All read the evidence that the filings environment leaves.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from itertools import permutations
from typing import Any

from ledgerline.environments.dialogue import noise
from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.examples.example import Example
from ledgerline.filings import figures
from ledgerline.filings.reckoning import RECKONINGS, Value
from ledgerline.rewards.grading import grade

Component = Callable[[Transcript, Example], float]
COMPONENTS: dict[str, Component] = {}
PRIZES = frozenset({"right_figure", "right_silence", "found_fact"})
"""Components that are good; the others are faults and earn a weight below 0, if any."""

_MOST_INVALID = 3
_MOST_EXTRA_TURNS = 5
_USUAL_NOISE = 0.2


def measure(transcript: Transcript, example: Example) -> dict[str, float]:
    """Every component's value, before any weight."""
    return {name: function(transcript, example) for name, function in COMPONENTS.items()}


def component(function: Component) -> Component:
    """Register `function` under its own name."""
    COMPONENTS[function.__name__] = function
    return function


@component
def right_figure(transcript: Transcript, example: Example) -> float:
    """The figure that is due was answered."""
    return float(example.is_due and _is_right(transcript, example))


@component
def right_silence(transcript: Transcript, example: Example) -> float:
    """None was due, and the policy said so by abstaining; running out is not abstaining."""
    return float(not example.is_due and transcript.outcome is Outcome.ABSTAINED)


@component
def wrong_figure(transcript: Transcript, example: Example) -> float:
    """A figure was due, and another one, or something that is no figure, was answered."""
    answered = transcript.outcome is Outcome.ANSWERED
    return float(example.is_due and answered and not _is_right(transcript, example))


@component
def figure_not_due(transcript: Transcript, example: Example) -> float:
    """Something was answered where nothing was due."""
    return float(not example.is_due and transcript.outcome is Outcome.ANSWERED)


@component
def silence_when_due(transcript: Transcript, example: Example) -> float:
    """A figure was due, and the policy abstained."""
    return float(example.is_due and transcript.outcome is Outcome.ABSTAINED)


@component
def no_answer(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """The episode ended in neither an answer nor an abstention."""
    return float(transcript.outcome not in (Outcome.ANSWERED, Outcome.ABSTAINED))


@component
def found_fact(transcript: Transcript, example: Example) -> float:
    """A search found the fact that is due, and an answer was given.

    Paid once, and only with an answer, so that looking up and keeping silent earns nothing.
    """
    if example.reference is None or transcript.outcome is not Outcome.ANSWERED:
        return 0.0
    due = example.reference
    return float(
        any(
            (entry["cik"], entry["metric"], entry["period"], Decimal(entry["value"]))
            == (due.cik, due.metric, due.period, due.value)
            for entry in _hits(transcript)
        )
    )


@component
def made_up(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """The answer is `unsupported`."""
    return float(unsupported(transcript))


def unsupported(transcript: Transcript) -> bool:
    """Whether the answer holds a figure that no tool result shows or yields, or none at all."""
    if transcript.outcome is not Outcome.ANSWERED or transcript.answer is None:
        return False
    amounts = [amount for _, _, amount in figures.find(transcript.answer)]
    shown = [(Decimal(entry["value"]), str(entry["unit"])) for entry in _hits(transcript)]
    return not amounts or not all(_is_shown(amount, shown) for amount in amounts)


@component
def search_skipped(transcript: Transcript, example: Example) -> float:
    """The honest episode looks something up, and this one answered or abstained without."""
    ended = transcript.outcome in (Outcome.ANSWERED, Outcome.ABSTAINED)
    return float(ended and example.searches > 0 and not _searches(transcript))


@component
def search_needless(transcript: Transcript, example: Example) -> float:
    """The honest episode looks nothing up, and this one did."""
    return float(example.searches == 0 and _searches(transcript) > 0)


@component
def search_astray(transcript: Transcript, example: Example) -> float:
    """A look-up was to find nothing, and none failed on the words that it was to fail on.

    Otherwise any bungled search would do, and practice would unlearn to copy what is unknown.
    """
    ended = transcript.outcome in (Outcome.ANSWERED, Outcome.ABSTAINED)
    if example.is_due or not ended or not example.calls or not _searches(transcript):
        return 0.0
    return float(not any(_fails_as_meant(entry, example) for entry in transcript.evidence))


@component
def search_amended(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """A search missed and showed what is closest instead.

    Otherwise to search for anything would be as good as to ask for what the document names.
    """
    return float(any(entry["argument"] for entry in _hits(transcript)))


@component
def invalid_calls(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """Turns that held no call that could be made, 3 at most."""
    refused = sum(turn.problem is not None for turn in transcript.turns)
    return float(min(refused, _MOST_INVALID))


@component
def extra_turns(transcript: Transcript, example: Example) -> float:
    """Turns beyond the shortest honest episode's, 5 at most."""
    surplus = len(transcript.turns) - (example.searches + 1)
    return float(min(max(0, surplus), _MOST_EXTRA_TURNS))


@component
def tokens(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """Hundreds of sampled tokens."""
    return transcript.sampled_tokens / 100


@component
def noisy_text(transcript: Transcript, example: Example) -> float:  # noqa: ARG001
    """The noisiest turn's share of non-ASCII or repeated text; 0 below what any call has."""
    noisiest = max((noise(turn.text) for turn in transcript.turns), default=0.0)
    return noisiest if noisiest >= _USUAL_NOISE else 0.0


def _is_right(transcript: Transcript, example: Example) -> bool:
    if transcript.outcome is not Outcome.ANSWERED or transcript.answer is None:
        return False
    return grade(transcript.answer, example.reference).right


def _hits(transcript: Transcript) -> list[Mapping[str, Any]]:
    return [entry for entry in transcript.evidence if entry.get("hit")]


def _searches(transcript: Transcript) -> int:
    return sum(entry.get("tool") == "search" for entry in transcript.evidence)


def _fails_as_meant(entry: Mapping[str, Any], example: Example) -> bool:
    """Whether a search failed on an argument that an honest look-up has just so."""
    failed = entry.get("argument")
    return failed is not None and any(
        str(entry["arguments"][failed]).casefold() == str(getattr(call, failed)).casefold()
        for call in example.calls
    )


def _is_shown(amount: figures.Amount, shown: list[Value]) -> bool:
    """Whether a figure states a value shown, or what two of them yield."""
    return any(
        figures.units_agree(amount.unit, unit) and abs(amount.value - value) <= amount.quantum / 2
        for value, unit in (*shown, *_yielded(shown))
    )


def _yielded(shown: list[Value]) -> Iterator[Value]:
    """What each two values yield together."""
    for reckoning in RECKONINGS.values():
        for first, second in permutations(shown, 2):
            found = reckoning.reckon(first, second)
            if found is not None:
                yield found
