from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.environments.scripted import Script, play
from ledgerline.environments.transcript import Transcript
from ledgerline.examples.example import Example
from ledgerline.examples.synthesize import synthesize
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.groups import Comparison, Scaling
from ledgerline.rewards.prompts import GroupSettings
from tests.examples.corpora import settings_with, write_store

LIMITS = Limits(turns=6, tokens=400, turn_tokens=128, refusals=2, noise=0.5, seconds=30)

WEIGHTS = {
    "right_figure": 1.0, "found_fact": 0.3, "right_silence": 0.4, "wrong_figure": -0.4,
    "made_up": -0.2, "figure_not_due": -0.8, "silence_when_due": -1.6, "no_answer": -1.0,
    "search_skipped": -0.8, "search_needless": -0.1, "search_astray": -0.3, "search_amended": -0.1,
    "invalid_calls": -0.1, "extra_turns": -0.05,
    "tokens": -0.005, "noisy_text": -0.5,
}  # fmt: skip
GROUPS = GroupSettings(accuracy=0.25, spread=1.0, silence=0.1, quiet=0.7, finds=0.3)
DIVIDED = Comparison(group_size=8, objective=Scaling(scale="group"))
PLAINLY = Comparison(group_size=8, objective=Scaling(scale="none"))


@dataclass(frozen=True)
class World:
    """Examples of generated companies, and the real environment over their filings."""

    search: Search
    examples: list[Example]
    facts: Path

    def environment(self) -> FilingsEnvironment:
        return FilingsEnvironment(self.search)

    def play(self, example: Example, script: Script) -> Transcript:
        return play(self.environment(), episode_fields(example), LIMITS, script)

    def one(self, suits: Callable[[Example], bool]) -> Example:
        return next(example for example in self.examples if suits(example))


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    path: Path = tmp_path_factory.mktemp("rewards") / "facts.sqlite"
    write_store(path, 30)
    with Store.open(path, read_only=True) as store:
        search = Search(store)
        counts = {"train": 700, "validation": 0, "test": 0}
        corpus = synthesize(store.companies(), search, settings_with(counts=counts))
        yield World(search, corpus.train, path)
