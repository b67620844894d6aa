"""How a policy plays evaluation examples: all at once for answers, some alone for time."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.environment import Environment
from ledgerline.environments.episode import Codec, Episode
from ledgerline.environments.scripted import Script, play
from ledgerline.evaluation.judging import Played, Player
from ledgerline.examples.example import Example
from ledgerline.policy.engine import Sampling
from ledgerline.policy.policy import EngineSettings, Policy
from ledgerline.training.rollouts import Engine

GREEDY = Sampling(temperature=0.0, top_p=1.0)
_HOUR = 3600.0
_SPELLING = 0.15
"""Found on validation examples, like which tokens count in full."""
MakeEnvironment = Callable[[], Environment]
Fields = Callable[[Example], Mapping[str, Any]]


def engine_player(
    engine: Engine,
    codec: Codec,
    make: MakeEnvironment,
    fields: Fields,
    limits: Limits,
    sampling: Sampling,
    timed: int,
    seed: int,
    dollars_per_hour: float,
) -> Player:
    """A player that samples from `engine`, on a machine of that price.

    The first `timed` examples are played one after another, each alone, as a server with one
    reader would; the rest side by side, each costing its share of the time. Those know no limit of
    time: thousands wait for each other, and a busy machine must not change the result.
    """
    unhurried = limits.model_copy(update={"seconds": math.inf})

    def player(examples: Sequence[Example]) -> list[Played]:
        generator = torch.Generator().manual_seed(seed)
        alone = min(timed, len(examples))
        seconds: list[float | None] = [None] * len(examples)
        episodes = []
        for index, example in enumerate(examples[:alone]):
            episodes.append(Episode(make(), fields(example), codec, limits))
            started = time.perf_counter()
            engine.play(episodes[-1:], sampling, generator)
            seconds[index] = time.perf_counter() - started
        episodes += [
            Episode(make(), fields(example), codec, unhurried) for example in examples[alone:]
        ]
        started = time.perf_counter()
        engine.play(episodes[alone:], sampling, generator)
        share = (time.perf_counter() - started) / max(1, len(episodes) - alone)
        return [
            Played(
                episode.transcript(),
                spent,
                confidence(episode, codec),
                (share if spent is None else spent) * dollars_per_hour / _HOUR,
            )
            for episode, spent in zip(episodes, seconds, strict=True)
        ]

    return player


def policy_player(
    folder: Path,
    attention: str,
    engine: EngineSettings,
    make: MakeEnvironment,
    fields: Fields,
    limits: Limits,
    timed: int,
    seed: int,
    dollars_per_hour: float,
) -> Player:
    """A player for the policy stored in `folder`: greedy, an adapter folded into its base."""
    policy = Policy.load(folder, attention)
    policy.merge_adapter()
    return engine_player(
        policy.embedded_engine(engine),
        policy.codec,
        make,
        fields,
        limits,
        GREEDY,
        timed,
        seed,
        dollars_per_hour,
    )


def confidence(episode: Episode, codec: Codec) -> float:
    """How sure the policy was of what it did, 0 to 1: the product of the probabilities of its
    choices of a tool and of every digit that it wrote, which say what period and what figure, and
    by the power `_SPELLING` of all else. That it may also spell a name in another way says little
    of the answer.
    """
    sampled = [
        (token, logprob)
        for token, logprob, own in zip(
            episode.tokens, episode.logprobs, episode.sampled, strict=True
        )
        if own
    ]
    digits = sum(logprob for token, logprob in sampled if codec.decode([token]).strip().isdigit())
    essential = sum(episode.choices) + digits
    spelling = sum(logprob for _, logprob in sampled) - essential
    return math.exp(min(0.0, essential + _SPELLING * spelling))


def script_player(
    script: Callable[[Example], Script],
    make: MakeEnvironment,
    fields: Fields,
    limits: Limits,
    dollars_per_hour: float,
) -> Player:
    """A player without a model: `script` gives the script for an example; each is timed alone.

    A script is as sure of one answer as of any other: its confidence is 1.
    """

    def player(examples: Sequence[Example]) -> list[Played]:
        played = []
        for example in examples:
            started = time.perf_counter()
            transcript = play(make(), fields(example), limits, script(example))
            seconds = time.perf_counter() - started
            played.append(Played(transcript, seconds, 1.0, seconds * dollars_per_hour / _HOUR))
        return played

    return player
