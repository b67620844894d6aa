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
from ledgerline.rewards.components import found_fact, right_figure, wrong_figure
from ledgerline.settings import Settings

TRIES = 8


class Observed(Settings):
    """The base policy as sampled in training.

    `groups` counts prompts by what came of their episodes: (right, wrong, silent, prompts), where
    wrong is whatever is neither right nor silent. `finds` is the share of wrong answers before
    which a search had found the fact.
    """

    groups: list[tuple[int, int, int, int]] = Field(min_length=1)
    finds: float = Field(ge=0, le=1)


def observe(episodes: Sequence[tuple[Example, Sequence[Transcript]]]) -> Observed:
    """What `episodes`, several of each example, say of the policy that played them.

    Raises:
        LedgerlineError: none of the examples has a figure due.
    """
    groups: Counter[tuple[int, int, int]] = Counter()
    finds: list[float] = []
    for example, transcripts in episodes:
        if not example.is_due:
            continue
        silent = sum(transcript.outcome is Outcome.ABSTAINED for transcript in transcripts)
        right = sum(right_figure(transcript, example) > 0 for transcript in transcripts)
        groups[right, len(transcripts) - right - silent, silent] += 1
        finds += [
            found_fact(transcript, example)
            for transcript in transcripts
            if wrong_figure(transcript, example)
        ]
    if not groups:
        raise LedgerlineError("the base policy can't be observed: no prompt has a figure due")
    return Observed(
        groups=[(*made_up, prompts) for made_up, prompts in sorted(groups.items())],
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
