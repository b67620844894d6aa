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
    phrasings (one at least). The rest is left to practice. A share `slips` of them begins with a
    turn that goes wrong, and shows how to go on from there.
    """

    count: int
    phrasings: float
    slips: float


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One of the expert's episodes: its tokens, and which of them the policy would have sampled.

    The tokens from `slip.start` to `slip.stop` went wrong: they are there, and not to be learnt.
    """

    tokens: list[int]
    sampled: list[bool]
    slip: range = range(0)


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


def demonstrate(codec: ChatCodec, task: Task, item: Item, slip: str | None = None) -> Demonstration:
    """The expert's episode of `item`, tokenised as if the policy had sampled it.

    With `slip` it begins with that turn, and the expert goes on from there.
    """
    episode = Episode(task.make(), task.fields(item), codec, task.limits)
    begun = len(episode.tokens)
    slipped = codec.encode_turn(slip) if slip is not None else []
    if slipped:
        episode.advance(slipped, [0.0] * len(slipped))
    script = task.expert(item)
    while not episode.over:
        tokens = codec.encode_turn(script(*episode.so_far))
        episode.advance(tokens, [0.0] * len(tokens))
    wrong = range(begun, begun + len(slipped))
    sampled = [own and place not in wrong for place, own in enumerate(episode.sampled)]
    return Demonstration(episode.tokens, sampled, wrong)


def slip_of(item: Item, task: Task, settings: DemonstrationSettings, seed: int) -> str | None:
    """The turn that goes wrong with which the demonstration of `item` begins, if it does."""
    random_ = random.Random(f"{seed}:{item.id}")
    return task.slip(item, random_) if random_.random() < settings.slips else None
