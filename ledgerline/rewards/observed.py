"""What the base policy does and earns, as far as the audit wants to know it."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Literal

import orjson
from pydantic import Field, ValidationError

from ledgerline.environments.transcript import Outcome, Transcript
from ledgerline.errors import LedgerlineError
from ledgerline.examples.example import Example
from ledgerline.rewards.components import measure, right_figure
from ledgerline.settings import Settings

TRIES = 8
Act = Literal["right", "wrong", "silent", "uncalled", "quiet"]


class Observed(Settings):
    """The base policy as sampled in training, on prompts as training draws them.

    Silence is silence *at once*: it is the one choice that every prompt offers from the beginning,
    and what a policy drifts to. Whoever keeps silent after a search has tried.

    `due` counts prompts with a figure due by what came of their episodes: (right, wrong, silent,
    prompts), where wrong is whatever is neither right nor silent. `none_due` counts the others:
    (uncalled, quiet, prompts), where uncalled is whatever is not silent. `measures` has the mean of
    each component of the reward over the episodes of each such act.
    """

    due: list[tuple[int, int, int, int]] = Field(min_length=1)
    none_due: list[tuple[int, int, int]]
    measures: dict[Act, dict[str, float]]

    @property
    def share_due(self) -> float:
        """Share of the prompts that have a figure due."""
        due = sum(row[-1] for row in self.due)
        return due / (due + sum(row[-1] for row in self.none_due))

    @property
    def silence(self) -> float:
        """Share of episodes silent at once where a figure is due."""
        return _share([(silent, right + wrong, n) for right, wrong, silent, n in self.due])

    @property
    def quiet(self) -> float:
        """The same where none is due; 1 where no such prompt was seen."""
        return _share([(quiet, uncalled, n) for uncalled, quiet, n in self.none_due])


def observe(episodes: Sequence[tuple[Example, Sequence[Transcript]]]) -> Observed:
    """What `episodes`, several of each example, say of the policy that played them.

    Raises:
        LedgerlineError: none of the examples has a figure due.
    """
    due: Counter[tuple[int, int, int]] = Counter()
    none_due: Counter[tuple[int, int]] = Counter()
    measured: dict[Act, list[Mapping[str, float]]] = defaultdict(list)
    for example, transcripts in episodes:
        acts = [_act(transcript, example) for transcript in transcripts]
        if example.is_due:
            due[acts.count("right"), acts.count("wrong"), acts.count("silent")] += 1
        else:
            none_due[acts.count("uncalled"), acts.count("quiet")] += 1
        for act, transcript in zip(acts, transcripts, strict=True):
            measured[act].append(measure(transcript, example))
    if not due:
        raise LedgerlineError("the base policy can't be observed: no prompt has a figure due")
    return Observed(
        due=[(*made_up, prompts) for made_up, prompts in sorted(due.items())],
        none_due=[(*made_up, prompts) for made_up, prompts in sorted(none_due.items())],
        measures={act: _means(each) for act, each in sorted(measured.items())},
    )


def _act(transcript: Transcript, example: Example) -> Act:
    silent = transcript.outcome is Outcome.ABSTAINED and len(transcript.turns) == 1
    if not example.is_due:
        return "quiet" if silent else "uncalled"
    if silent:
        return "silent"
    return "right" if right_figure(transcript, example) else "wrong"


def _share(rows: Sequence[tuple[int, int, int]]) -> float:
    """Share of the first among (these, others, prompts)."""
    every = sum((these + others) * prompts for these, others, prompts in rows)
    return sum(these * prompts for these, _, prompts in rows) / every if every else 1.0


def _means(measured: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of each component that is not 0 throughout."""
    means = {name: fmean(each[name] for each in measured) for name in measured[0]}
    return {name: round(mean, 4) for name, mean in means.items() if mean}


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
