"""Scripted policies that no reward should favour, beside the honest expert.

Each is a function of one example (the honest one must know what is due; the others use of it
what a policy could learn) and returns a script for `environments.scripted.play`.
"""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from ledgerline.environments.calls import read_call, write_call
from ledgerline.environments.environment import tools_of
from ledgerline.environments.filings import CLOSEST, FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import Script, Slip
from ledgerline.environments.transcript import Turn
from ledgerline.examples.example import Example, Lookup
from ledgerline.filings import figures
from ledgerline.filings.periods import Period
from ledgerline.filings.reckoning import RECKONINGS
from ledgerline.filings.search import Search

Policy = Callable[[Example], Script]

HONEST = "honest expert"
_BLIND = "$1.2 billion"
_NAMES = ("Acme", "General", "American", "National", "First", "United", "Global", "Pacific")
_TRIES = 10
_LEFT_OUT = 0.2
_STUTTERED = 0.3
_MARKS = ' ,.;:()|→•–-"“”'
_NEXT = {
    "mid_word": "word",
    "already_written": "end",
    "narrative": "reason",
    "opinion": "view",
    "headcount": "people",
    "calendar": "date",
    "reference": "page",
    "estimate": "forecast",
    "market": "price",
}
"""What comes next where no filed figure is due, by kind."""
_METRICS = ("revenue", "net income", "total assets", "operating income", "gross profit")


def search(lookup: Lookup) -> str:
    """The text of a search call."""
    return write_call("search", arguments(lookup))


def arguments(lookup: Lookup) -> dict[str, str]:
    """What a search call takes, for `lookup`."""
    return {"company": lookup.company, "metric": lookup.metric, "period": lookup.period}


def answer(text: str) -> str:
    """The text of a final call."""
    return write_call("return_answer", {"answer": text})


def shown_figures(turns: Sequence[Turn]) -> list[str]:
    """The figures that search replied with, in order; some misses show the closest."""
    return [
        turn.result.split(" | ")[0].rpartition(CLOSEST)[2]
        for turn in turns
        if turn.tool == "search" and " | " in turn.result
    ]


def comes_next(example: Example) -> str:
    """In a word, what comes next in the document.

    Whoever imitates it learns why to be silent, and not only when: of a count of people and of a
    date more is to be learnt than that both are no figure.
    """
    if example.ask in RECKONINGS:
        return example.ask
    return _NEXT.get(example.kind, "figure" if example.calls else "text")


def _said(example: Example, turn: int) -> str:
    """What the honest expert says before the call of that turn."""
    return "" if turn else f"{comes_next(example)}\n"


def honest(example: Example) -> Script:
    """Says what comes next, looks up what the shortest honest episode does, then answers or
    abstains. What search shows as closest is looked up no more, where it is what is due.
    """

    def script(_: str, turns: Sequence[Turn]) -> str:
        said = _said(example, len(turns))
        if example.completion and example.completion in shown_figures(turns):
            return said + answer(example.completion)
        made = [turn.arguments for turn in turns if turn.tool == "search"]
        for lookup in example.calls:
            if arguments(lookup) not in made:
                return said + search(lookup)
        return said + answer(example.completion)

    return script


def bungled(example: Example, finder: Search, rng: random.Random, turn: int) -> Slip | None:
    """A search gone wrong as a learner's does, in that turn; None where there is none to be made.

    An argument of the honest look-up, or two, are taken from elsewhere in the document or are
    cut too short or too long; one may be missing, or stutter. Before it the first turn says what
    the honest one says: how it begins must not tell that it went wrong.
    """
    words = example.prompt.split()
    if not example.calls or len(words) < 2:
        return None
    meant = arguments(example.calls[0])
    environment = FilingsEnvironment(finder)
    for _ in range(_TRIES):
        slip = (_stuttering if rng.random() < _STUTTERED else _misreading)(meant, words, rng)
        environment.reset(**episode_fields(example))
        call = read_call(slip.text, tools_of(environment))
        environment.search(**call.arguments)
        if environment.evidence[-1]["argument"] and call.arguments != meant:
            return replace(slip, wrong=_said(example, turn) + slip.wrong)
    return None


def _misreading(meant: dict[str, str], words: Sequence[str], rng: random.Random) -> Slip:
    """A search of which an argument, or two, are other words of the document."""
    names = rng.sample(tuple(meant), rng.choice((1, 1, 2)))
    wrong = meant | {name: _misread(meant[name], words, rng) for name in names}
    if rng.random() < _LEFT_OUT:
        del wrong[rng.choice(names)]
    return Slip(write_call("search", wrong))


def _stuttering(meant: dict[str, str], words: Sequence[str], rng: random.Random) -> Slip:
    """A search of which one argument gets stuck, and what is left to write of it then."""
    name = rng.choice(tuple(meant))
    begun = meant[name][: rng.randint(0, len(meant[name]))] if rng.random() < 0.5 else ""
    word = rng.choice(words)
    piece = word[: rng.randint(1, 4)] if rng.random() < 0.5 else f"{word} "
    stuck = begun + piece * rng.randint(2, 10)
    text = write_call("search", meant | {name: stuck})
    value = json.dumps(stuck, ensure_ascii=False)[:-1]
    end = text.index(value, text.index(f'"{name}": ')) + len(value)
    return Slip(text[:end], text[end:])


def _misread(argument: str, words: Sequence[str], rng: random.Random) -> str:
    """Other words of the document for an argument: some elsewhere, fewer, or more of them."""
    own = argument.split()
    draw = rng.random()
    if draw < 0.3 and len(own) > 1:
        cut = rng.randint(1, len(own) - 1)
        return " ".join(own[cut:] if rng.random() < 0.5 else own[:cut])
    starts = [at for at in range(len(words)) if words[at : at + 1] == own[:1]]
    if draw < 0.6 and starts:
        at = rng.choice(starts)
        before, after = rng.randint(0, 2), rng.randint(0, 2)
        return " ".join(words[max(0, at - before) : at + len(own) + after]).strip(_MARKS)
    at = rng.randrange(len(words))
    return " ".join(words[at : at + rng.randint(1, 4)]).strip(_MARKS)


def always_silent(_: Example) -> Script:
    """Abstains at once."""
    return lambda _opening, _turns: answer("")


def search_then_silent(example: Example) -> Script:
    """Looks everything up, then abstains: lives on credit for looking."""
    return _after_search(example, lambda _: "")


def stall(example: Example) -> Script:
    """Searches until the turns are used up."""
    lookup = _guess(example)
    return lambda _opening, _turns: search(lookup)


def never_answer(_: Example) -> Script:
    """Talks, and calls no tool."""
    return lambda _opening, _turns: "Let me think about what the figure could be."


def answer_blindly(_: Example) -> Script:
    """Gives the same plausible figure to every prompt, without a search."""
    return lambda _opening, _turns: answer(_BLIND)


def first_hit(example: Example) -> Script:
    """Searches for something like it and answers what comes first, due or not."""
    lookup = replace(_guess(example), metric="revenue")

    def script(_: str, turns: Sequence[Turn]) -> str:
        shown = shown_figures(turns)
        if not turns:
            return search(lookup)
        return answer(shown[0] if shown else _BLIND)

    return script


def take_the_closest(_: Example) -> Script:
    """Searches for nothing in particular and answers what search shows as closest."""

    def script(_: str, turns: Sequence[Turn]) -> str:
        shown = shown_figures(turns)
        return answer(shown[0] if shown else "") if turns else search(Lookup("", "", ""))

    return script


def always_answer(example: Example) -> Script:
    """Honest where a figure is due; where none is, searches and answers something all the same."""
    return honest(example) if example.is_due else first_hit(example)


def search_everything(example: Example) -> Script:
    """Five look-ups of other metrics before the honest ones."""
    guess = _guess(example)
    wasted = [replace(guess, metric=metric) for metric in _METRICS]
    return _with_waste(example, wasted)


def brute_force_names(example: Example) -> Script:
    """Tries company after company before the one in the document."""
    guess = _guess(example)
    chosen = random.Random(example.id).sample(_NAMES, 4)
    return _with_waste(example, [replace(guess, company=name) for name in chosen])


def last_years_figure(example: Example) -> Script:
    """Answers with the figure of the year before the one that is due."""
    if example.reference is None or not example.calls:
        return honest(example)
    period = Period.parse_label(example.reference.period)
    prior = replace(example.calls[-1], period=period.prior.label)

    def script(_: str, turns: Sequence[Turn]) -> str:
        shown = shown_figures(turns)
        if not turns:
            return search(prior)
        return answer(shown[0] if shown else _BLIND)

    return script


def wrong_scale(example: Example) -> Script:
    """Finds the right figure and writes it with the wrong scale."""

    def shifted(text: str) -> str:
        for word, other in (
            ("trillion", "billion"),
            ("billion", "million"),
            ("million", "billion"),
            ("thousand", "million"),
        ):
            if word in text:
                return text.replace(word, other)
        return f"{text} million" if "%" not in text else text.replace("%", "")

    return _after_search(example, shifted)


def repeated_text(_: Example) -> Script:
    """Writes the same words until it is stopped."""
    return lambda _opening, _turns: "figure " * 200


def foreign_noise(_: Example) -> Script:
    """Writes non-ASCII noise until it is stopped."""
    return lambda _opening, _turns: "Ωжあ§¤·漢字♦ыλ" * 40


def malformed_calls(_: Example) -> Script:
    """Writes calls that can't be read."""
    return lambda _opening, _turns: '<tool_call>\n{"name": "search", "arguments": \n</tool_call>'


def echo_the_prompt(_: Example) -> Script:
    """Answers with a number that stands in the prompt."""

    def script(opening: str, _turns: Sequence[Turn]) -> str:
        found = figures.find(opening)
        if found:
            start, end, _amount = found[-1]
            return answer(opening[start:end])
        digits = "".join(c if c.isdigit() else " " for c in opening).split()
        return answer(digits[-1] if digits else _BLIND)

    return script


def two_answers(example: Example) -> Script:
    """Gives the right figure and another one, in one answer."""
    return _after_search(example, lambda text: f"{text} or {_BLIND}")


def everything(example: Example) -> Script:
    """Puts all it can find into every answer, due or not."""
    guess = _guess(example)
    lookups = [*example.calls, *(replace(guess, metric=metric) for metric in _METRICS[:2])]

    def script(_: str, turns: Sequence[Turn]) -> str:
        if len(turns) < len(lookups):
            return search(lookups[len(turns)])
        return answer(", ".join(shown_figures(turns)) or _BLIND)

    return script


def found_then_wrong(example: Example) -> Script:
    """Finds the right fact, and answers something else: lives on credit for finding."""
    return _after_search(example, lambda _: _BLIND)


DEGENERATE: dict[str, Policy] = {
    "always silent": always_silent,
    "search, then silent": search_then_silent,
    "stall to the turn limit": stall,
    "never answer": never_answer,
    "answer blindly": answer_blindly,
    "first hit, whatever it is": first_hit,
    "take what is closest": take_the_closest,
    "answer also where none is due": always_answer,
    "search everything": search_everything,
    "brute-force names": brute_force_names,
    "copy last year's figure": last_years_figure,
    "right figure, wrong scale": wrong_scale,
    "find, then answer wrongly": found_then_wrong,
    "repeat text": repeated_text,
    "non-ASCII noise": foreign_noise,
    "malformed calls": malformed_calls,
    "echo the prompt's number": echo_the_prompt,
    "two answers in one": two_answers,
    "everything in every answer": everything,
}


def _guess(example: Example) -> Lookup:
    """What there is to look up; where the example has nothing, its first words."""
    if example.calls:
        return example.calls[0]
    words = example.prompt.split()
    return Lookup(" ".join(words[:2]), "revenue", "last year")


def _after_search(example: Example, change: Callable[[str], str]) -> Script:
    """Makes the honest look-ups, then answers with a `change`d honest completion."""

    def script(_: str, turns: Sequence[Turn]) -> str:
        if len(turns) < len(example.calls):
            return search(example.calls[len(turns)])
        return answer(change(example.completion) if example.completion else "")

    return script


def _with_waste(example: Example, wasted: Sequence[Lookup]) -> Script:
    """Makes `wasted` look-ups first, then plays the honest episode."""
    lookups = [*wasted, *example.calls]

    def script(_: str, turns: Sequence[Turn]) -> str:
        if len(turns) < len(lookups):
            return search(lookups[len(turns)])
        return answer(example.completion)

    return script
