"""What the base policy does where a figure is due, as far as the audit wants to know it."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean

import orjson
from pydantic import Field, ValidationError

from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.rewards.components import found_fact, right_figure
from ledgerline.settings import Settings

STEPS = 8


class Observed(Settings):
    """The base policy as sampled in training.

    `pass_rates` are the shares of prompts by the pass rate of their tries, to the nearest of
    0, 1/8, … 1; a try is whatever is not silence, and a prompt never tried counts as never solved.
    `silence` is the share of abstentions, `finds` the share of wrong answers before which a search
    had found the fact.
    """

    pass_rates: list[float] = Field(min_length=2)
    silence: float = Field(ge=0, le=1)
    finds: float = Field(ge=0, le=1)


def observe(episodes: Sequence[tuple[Example, Sequence[Transcript]]]) -> Observed:
    """What `episodes`, several of each example, say of the policy that played them.

    Raises:
        LedgerlineError: none of the examples has a figure due.
    """
    rates: Counter[int] = Counter()
    silent: list[bool] = []
    finds: list[float] = []
    for example, transcripts in episodes:
        if not example.is_due:
            continue
        silent += [transcript.outcome is Outcome.ABSTAINED for transcript in transcripts]
        tries = [t for t in transcripts if t.outcome is not Outcome.ABSTAINED]
        right = [right_figure(transcript, example) for transcript in tries]
        rates[round(STEPS * fmean(right)) if right else 0] += 1
        finds += [
            found_fact(transcript, example)
            for transcript, is_right in zip(tries, right, strict=True)
            if transcript.outcome is Outcome.ANSWERED and not is_right
        ]
    prompts = rates.total()
    if prompts == 0:
        raise LedgerlineError("the base policy can't be observed: no prompt has a figure due")
    return Observed(
        pass_rates=[rates[number] / prompts for number in range(STEPS + 1)],
        silence=fmean(silent),
        finds=fmean(finds) if finds else 0.0,
    )


def read_observed(path: Path) -> Observed | None:
    """What the stage warmup saw of its base, from its summary; None where there is none.

    Raises:
        LedgerlineError: the summary is not one that the stage writes.
    """
    if not path.is_file():
        return None
    try:
        summary = orjson.loads(path.read_bytes())
        return Observed.model_validate({name: summary[name] for name in Observed.model_fields})
    except KeyError as error:
        why = f"{error} is missing"
    except (orjson.JSONDecodeError, TypeError) as error:
        why = str(error)
    except ValidationError as error:
        why = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
    raise LedgerlineError(f"{path} does not say what the base does ({why}); run the stage warmup.")
