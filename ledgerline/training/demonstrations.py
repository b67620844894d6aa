"""The expert's episodes, as the tokens that the warm-up imitates."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ledgerline.environments.episode import Episode
from ledgerline.policy.codec import ChatCodec
from ledgerline.settings import Settings
from ledgerline.training.task import Item, Task

AnyItem = TypeVar("AnyItem", bound=Item)


class DemonstrationSettings(Settings):
    """Demonstrations are what is scarce: `count` of them, in a share `phrasings` of each kind's
    phrasings (one at least). The rest is left to practice.
    """

    count: int
    phrasings: float


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One of the expert's episodes: its tokens, and which of them the policy would have sampled."""

    tokens: list[int]
    sampled: list[bool]


def choose(items: Sequence[AnyItem], settings: DemonstrationSettings, seed: int) -> list[AnyItem]:
    """The items to demonstrate, in random order."""
    random_ = random.Random(seed)
    phrasings: dict[str, set[str]] = defaultdict(set)
    for item in items:
        phrasings[item.kind].add(item.phrasing)
    shown: set[str] = set()
    for kind in sorted(phrasings):
        number = max(1, round(settings.phrasings * len(phrasings[kind])))
        shown |= set(random_.sample(sorted(phrasings[kind]), number))
    candidates = [item for item in items if item.phrasing in shown]
    return random_.sample(candidates, min(settings.count, len(candidates)))


def demonstrate(codec: ChatCodec, task: Task, item: Item) -> Demonstration:
    """The expert's episode of `item`, tokenised as if the policy had sampled it."""
    episode = Episode(task.make(), task.fields(item), codec, task.limits)
    script = task.expert(item)
    while not episode.over:
        tokens = codec.encode_turn(script(*episode.so_far))
        episode.advance(tokens, [0.0] * len(tokens))
    return Demonstration(episode.tokens, episode.sampled)
