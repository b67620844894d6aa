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
    phrasings (one at least). The rest is left to practice. A share `stumbles` of them begins with
    a mistake, which is not imitated: what follows shows how to recover.
    """

    count: int
    phrasings: float
    stumbles: float


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One of the expert's episodes: its tokens, and which of them the policy is to learn."""

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


def demonstrate(codec: ChatCodec, task: Task, item: Item, stumbles: float) -> Demonstration:
    """The expert's episode of `item`, tokenised as if the policy had sampled it.

    With probability `stumbles` it begins with a mistake, as if the policy had not sampled that.
    """
    episode = Episode(task.make(), task.fields(item), codec, task.limits)
    rng = random.Random(item.id)
    stumbling = task.stumble(item, rng) if rng.random() < stumbles else None
    script = stumbling or task.expert(item)
    while not episode.over:
        tokens = codec.encode_turn(script(*episode.so_far))
        episode.advance(tokens, [0.0] * len(tokens))
    sampled = episode.sampled
    if stumbling:
        end = sampled.index(False, episode.prompt_length)
        sampled[episode.prompt_length : end] = [False] * (end - episode.prompt_length)
    return Demonstration(episode.tokens, sampled)
