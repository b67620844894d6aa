"""What a policy is trained on, in a form that no part of the training looks into."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.environment import Environment
from ledgerline.environments.scripted import Script, Slip
from ledgerline.environments.transcript import Transcript
from ledgerline.rewards.rubric import Reward


class Item(Protocol):
    """An example, as far as training needs to know it.

    `phrasing` names what its difficulty is shared with: the sampler learns per phrasing.
    `difficulty` is the pass rate that a policy was measured to have on it, 0 to 1, if one was.
    """

    @property
    def id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def phrasing(self) -> str: ...

    @property
    def difficulty(self) -> float | None: ...


@dataclass(frozen=True)
class Task:
    """An environment with its rules, its reward and its expert.

    `make` gives a fresh environment, `fields` what its `reset` takes for an item, `score` the
    reward of a transcript, `succeeded` whether the item was solved (what accuracy counts),
    `expert` a script that solves an item honestly, from wherever the episode stands
    (demonstrations are played from it), and `slip` a turn that goes wrong (its number counts
    from 0), or None, for demonstrations of how to go on from there.
    """

    make: Callable[[], Environment]
    fields: Callable[[Any], Mapping[str, Any]]
    limits: Limits
    score: Callable[[Transcript, Any], Reward]
    succeeded: Callable[[Transcript, Any], bool]
    expert: Callable[[Any], Script]
    slip: Callable[[Any, random.Random, int], Slip | None] = lambda _item, _rng, _turn: None
