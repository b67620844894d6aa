"""Training examples in which a company, metric or year goes by a name that only search can resolve.

A policy that meets the same few metrics in training learns that unfamiliar words mean that nothing
is due, since of a measure that nobody files nothing ever is; and one that meets the same companies
can't begin a name as none of them began. Here some documents come with a glossary, as teams keep
one: a name that the reader has never seen is what the house calls revenue, or a client. Beside
measures that really aren't filed, only a look-up tells the two apart.

One that meets ten fiscal years learns these ten, and writes one of them where the document has
another. So some documents have their years moved, all by as much: what was fiscal 2019 is fiscal
1987, and only who copies what is written finds it.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field

from ledgerline.examples.confirm import identity
from ledgerline.examples.example import Example, Holdout
from ledgerline.examples.firms import Heard, firm
from ledgerline.examples.holdouts import Holdouts
from ledgerline.examples.indicators import indicator
from ledgerline.examples.mentions import Mentions, periods_in
from ledgerline.examples.wording import capitalised, is_plural
from ledgerline.filings.reckoning import metrics_in, renamed
from ledgerline.settings import Settings

_TRIES = 8
_YEARS = re.compile(
    r"(?:(?<![\d.,$€£¥])(?=(?:19|20)\d\d)"
    r"|(?:\b(?:FY|Q[1-4]|[1-4]Q|H1|1H|9M) ?|\bF(?=['’])|(?<!\w)(?=['’]))['’]?(?=\d\d(?!\d)))"
    r"(?P<year>\d\d(?:\d\d)?)(?![\d%]|[.,]\d)"
)
_SHIFTS = range(-120, 90)
_CENTURIES = range(1900, 2100)
FILED = range(2005, 2031)
"""Years of which there may be filings."""
Named = Literal["company", "metric"]


class CoinedShares(Settings):
    """`looked_up`, `at_once`: of the training examples that are looked up, and of those that are
    silent at once, the share of metrics that go by a coined name. Measures that nobody files
    have such names too, and are looked up; the shares are to make up for them, or a new name alone
    would say "look it up". `companies`: the share of companies that do.
    `years`: the share that has its years moved.
    """

    looked_up: float = Field(ge=0, le=1)
    at_once: float = Field(ge=0, le=1)
    companies: float = Field(ge=0, le=1)
    years: float = Field(ge=0, le=1)


def with_coined_names(
    examples: Sequence[Example],
    shares: CoinedShares,
    heard: Heard,
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    seed: int,
) -> list[Example]:
    """`examples`, of whose metrics and companies about `shares` go by a coined name, and of which
    about such a share has its years moved.

    Names and years that `holdouts` keeps for evaluation are not used. Words `heard` may stand in a
    name, as they do in those of what nobody files.
    """
    found = []
    for example in examples:
        rng = random.Random(f"{seed}:coined:{example.id}")
        wanted: dict[Named, float] = {
            "metric": shares.looked_up if example.calls else shares.at_once,
            "company": shares.companies,
        }
        coined = example
        for what, share in wanted.items():
            for written in _names(example, what, mentions):
                if rng.random() < share:
                    coined = _coined(
                        coined, what, written, heard, mentions, holdouts, longest_prompt, rng
                    )
        if rng.random() < shares.years:
            coined = _moved(coined, holdouts, rng)
        found.append(coined)
    return found


def _names(example: Example, what: Named, mentions: Mentions) -> list[str]:
    """The names of companies or metrics that can go by another one: each means one thing, stands
    once in the document, and is all of an argument of a look-up if it is in one.
    """
    asked = [
        argument
        for call in example.calls
        for argument in (call.company, *metrics_in(call.metric), call.period)
    ]
    written = (
        example.prompt[mention.start : mention.end]
        for mention in mentions.find(example.prompt)
        if mention.kind == what and len(mention.keys) == 1
    )
    return [
        name
        for name in written
        if example.prompt.count(name) == 1
        and all(argument == name or name not in argument for argument in asked)
    ]


def _coined(
    example: Example,
    what: Named,
    written: str,
    heard: Heard,
    mentions: Mentions,
    holdouts: Holdouts,
    longest_prompt: int,
    rng: random.Random,
) -> Example:
    """`example` with what is `written` there under a coined name; as it is where none fits."""
    make = _firm_like if what == "company" else _metric_like
    for _ in range(_TRIES):
        name = make(written, heard, rng)
        # Nothing is known by it, nor by mistake: "interest carriages", or a firm called R&D.
        if (
            name is None
            or mentions.find(name)
            or any(mentions.catalogue.named(each) for each in (name, *metrics_in(name)))
            or holdouts.invented(Holdout(what), name)
        ):
            continue
        if what == "metric" and written[0].isupper():
            name = capitalised(name)
        prompt = example.prompt.replace(written, name)
        glossary = (*example.glossary, (name, written))
        called = {written.casefold(): name}
        if len(prompt) <= longest_prompt and all(prompt.count(each) == 1 for each, _ in glossary):
            return replace(
                example,
                id=identity(prompt, example.document_date, example.completion),
                prompt=prompt,
                calls=tuple(
                    replace(call, **{what: renamed(getattr(call, what), called)})
                    for call in example.calls
                ),
                glossary=glossary,
            )
    return example


def _metric_like(written: str, heard: Heard, rng: random.Random) -> str | None:
    """A metric's name that can stand where `written` stood; None where this try made none."""
    name = indicator(rng, heard.words)
    return name if is_plural(name) is is_plural(written) else None


def _firm_like(written: str, heard: Heard, rng: random.Random) -> str | None:
    """The same of a company: with the ending that a possessive or a full stop after it needs."""
    name = firm(rng, heard)
    fits = all(name.lower().endswith(end) is written.lower().endswith(end) for end in ("s", "."))
    return name if fits else None


def _moved(example: Example, holdouts: Holdouts, rng: random.Random) -> Example:
    """`example` with all its years moved by as much, to where nobody has filed."""
    years = {_year(match) for match in _YEARS.finditer(example.prompt)}
    if not years:
        return example
    # In two digits 1923 is as good as 2023. In four it isn't: who never writes "23" in a year would
    # write another year where 2023 stands.
    short = any(len(match["year"]) == 2 for match in _YEARS.finditer(example.prompt))
    held = {year % 100 for year in holdouts.fiscal_years} if short else set()
    shifts = [
        shift
        for shift in _SHIFTS
        if all(
            year + shift in _CENTURIES
            and year + shift not in FILED
            and (year + shift) % 100 not in held
            for year in years
        )
    ]
    if not shifts:
        return example
    shift = rng.choice(shifts)

    def moved(text: str) -> str:
        return _YEARS.sub(lambda match: _written(match, shift), text)

    prompt = moved(example.prompt)
    named = [*(call.period for call in example.calls), *periods_in(example.prompt)]
    periods = {period: moved(period) for period in named}
    return replace(
        example,
        id=identity(prompt, example.document_date, example.completion),
        prompt=prompt,
        calls=tuple(replace(call, period=periods[call.period]) for call in example.calls),
        glossary=(
            *example.glossary,
            *((new, old) for old, new in periods.items() if new != old),
        ),
    )


def _year(match: re.Match[str]) -> int:
    year = int(match["year"])
    return year if len(match["year"]) == 4 else 2000 + year


def _written(match: re.Match[str], shift: int) -> str:
    """A year `shift` years on, in as many digits as `match` has it."""
    digits = match["year"]
    return match[0].removesuffix(digits) + str(_year(match) + shift)[-len(digits) :]
