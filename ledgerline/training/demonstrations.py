"""The expert's episodes, as the tokens that the warm-up imitates."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from pydantic import Field

from ledgerline.environments.episode import Episode
from ledgerline.environments.scripted import Slip
from ledgerline.policy.codec import ChatCodec
from ledgerline.settings import Settings
from ledgerline.training.task import Item, Task

_MOST_SLIPS = 2
_REPEATED = 0.5

AnyItem = TypeVar("AnyItem", bound=Item)


class SlipSettings(Settings):
    """A share `slips` of demonstrations begins with a turn that goes wrong, as many of these with a
    second, and show how to go on from there; of those a share `misplaced` stands after another
    document's opening. Of the rest a share `first_turns` ends with the first turn: whether to look
    up or to be silent is decided there, for a third of the tokens. Of these a share `first_lines`
    ends with the turn's first line already, where the expert says what comes next.
    """

    slips: float = Field(ge=0, le=1)
    misplaced: float = Field(ge=0, le=1)
    first_turns: float = Field(ge=0, le=1)
    first_lines: float = Field(ge=0, le=1)


class DemonstrationSettings(SlipSettings):
    """Demonstrations are what is scarce: `count` of them, in a share `phrasings` of each kind's
    phrasings (one at least), or in the share that `fewer` names for a kind. The rest is left to
    practice.
    """

    count: int = Field(ge=0)
    phrasings: float = Field(ge=0, le=1)
    fewer: dict[str, float]


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One of the expert's episodes: its tokens, and which of them the policy would have sampled.

    Tokens with `slipped` true went wrong: they are there to be read, not to be learnt.
    """

    tokens: list[int]
    sampled: list[bool]
    slipped: list[bool]


def choose(items: Sequence[AnyItem], settings: DemonstrationSettings, seed: int) -> list[AnyItem]:
    """The items to demonstrate, in random order."""
    random_ = random.Random(seed)
    phrasings: dict[str, set[str]] = defaultdict(set)
    for item in items:
        phrasings[item.kind].add(item.phrasing)
    shown: set[str] = set()
    for kind in sorted(phrasings):
        share = settings.fewer.get(kind, settings.phrasings)
        number = max(1, round(share * len(phrasings[kind])))
        shown |= set(random_.sample(sorted(phrasings[kind]), number))
    candidates = [item for item in items if item.phrasing in shown]
    return random_.sample(candidates, min(settings.count, len(candidates)))


def demonstrate(
    codec: ChatCodec,
    task: Task,
    item: Item,
    slips: Sequence[Slip] = (),
    misplaced: Item | None = None,
) -> Demonstration:
    """The expert's episode of `item`, tokenised as if the policy had sampled it.

    It begins with the turns `slips`, and the expert goes on from there. With `misplaced` it stands
    after the opening of that item: then only the replies tell what to do, and whoever reads the
    document again instead learns nothing.
    """
    episode = Episode(task.make(), task.fields(item), codec, task.limits)
    begun = episode.prompt_length
    slipped = [False] * begun
    left = list(slips)
    script = task.expert(item)
    while not episode.over:
        slip = left.pop(0) if left else Slip("", script(*episode.so_far))
        wrong = codec.encode_part(slip.wrong)
        rest = codec.encode_turn(slip.rest)
        appended = episode.advance([*wrong, *rest], [0.0] * (len(wrong) + len(rest)))
        learnt = bool(slip.rest)
        slipped += [True] * len(wrong) + [not learnt] * len(rest) + [False] * len(appended)
    sampled = [own and not wrong for own, wrong in zip(episode.sampled, slipped, strict=True)]
    if misplaced is None:
        return Demonstration(episode.tokens, sampled, slipped)
    other = Episode(task.make(), task.fields(misplaced), codec, task.limits)
    nothing = [False] * other.prompt_length
    return Demonstration(
        other.tokens + episode.tokens[begun:],
        nothing + sampled[begun:],
        nothing + slipped[begun:],
    )


def first_turn(codec: ChatCodec, task: Task, item: Item, line: bool = False) -> Demonstration:
    """The first turn of the expert's episode of `item`, with nothing looked up; or its first
    `line` alone.
    """
    episode = Episode(task.make(), task.fields(item), codec, task.limits)
    said = task.expert(item)(*episode.so_far)
    turn = codec.encode_part(said.partition("\n")[0]) if line else codec.encode_turn(said)
    read, written = [False] * episode.prompt_length, [True] * len(turn)
    return Demonstration(episode.tokens + turn, read + written, [False] * len(read + written))


def demonstration(
    codec: ChatCodec,
    task: Task,
    item: Item,
    others: Sequence[Item],
    settings: SlipSettings,
    seed: int,
) -> Demonstration:
    """The demonstration of `item` that `settings` and `seed` make, slips and all."""
    random_ = random.Random(f"{seed}:{item.id}")
    slips = _slips(item, task, settings.slips, random_)
    if not slips and random_.random() < settings.first_turns:
        return first_turn(codec, task, item, random_.random() < settings.first_lines)
    misplaced = slips and random_.random() < settings.misplaced
    return demonstrate(codec, task, item, slips, random_.choice(others) if misplaced else None)


def _slips(item: Item, task: Task, share: float, random_: random.Random) -> list[Slip]:
    """The turns that go wrong with which a demonstration begins, two at most.

    The second often repeats the first: that is what a learner does, and must get out of.
    """
    slips: list[Slip] = []
    seed = random_.random()
    while len(slips) < _MOST_SLIPS and random_.random() < share:
        if slips and random_.random() >= _REPEATED:
            seed = random_.random()
        slip = task.slip(item, random.Random(seed), len(slips))
        if slip is None:
            break
        slips.append(slip)
    return slips
