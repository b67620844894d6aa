from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml

from ledgerline.environments.scripted import Script
from ledgerline.environments.transcript import Outcome
from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import read_jsonl, write_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.codec import ChatCodec
from ledgerline.rewards.degenerate import honest
from tasks import audit, expand, synthesize
from tasks.audit import AuditParams
from tasks.expand import ExpandParams
from tasks.params import load_params
from tasks.practice import filings_task, sampled
from tasks.synthesize import SynthesizeParams
from tasks.warmup import WarmupParams, scratch_policy
from tests.examples.corpora import settings_with, write_store


class Params(SynthesizeParams, AuditParams):
    """What both stages read."""


class Expanding(ExpandParams, WarmupParams):
    """What self-expansion reads, and what makes it a policy to play with."""


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("facts") / "facts.sqlite"
    write_store(path, 40)
    return path


@pytest.fixture
def params(tmp_path: Path, facts: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """The project's params with a small corpus, in a folder that holds clean facts."""
    own = load_params(Path(__file__).parents[2] / "params.yaml", Params)
    monkeypatch.chdir(tmp_path)
    clean = tmp_path / "data" / "clean"
    clean.mkdir(parents=True)
    (clean / "facts.sqlite").write_bytes(facts.read_bytes())
    return own.model_copy(
        update={
            "synthesize": settings_with(counts={"train": 200, "validation": 60, "test": 100}),
            "audit": own.audit.model_copy(update={"examples": 100}),
        }
    )


def test_the_stage_writes_examples_card_and_summary(params: Params) -> None:
    synthesize.main(params)
    counts = {
        name: len(read_jsonl(Path(f"data/examples/{name}.jsonl")))
        for name in ("train", "validation", "test")
    }
    assert counts == {"train": 200, "validation": 60, "test": 100}
    summary = orjson.loads(Path("reports/synthesize.json").read_bytes())
    assert summary["examples"] == counts
    assert all(summary["expectations"].values())
    page = Path("reports/examples.md").read_text()
    assert "## Hold-outs" in page
    assert "| annual | a figure | 1 |" in page
    assert "| already_written | nothing | 0 |" in page
    assert page.split("### annual\n")[1].split("###")[0].count("▏` → `") == 10
    assert page.split("### already_written\n")[1].split("###")[0].count("▏` → (nothing)") >= 1


def test_a_process_beside_the_stage_writes_what_the_stage_would(
    params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    for least in (synthesize.WORTH_A_PROCESS, 1):
        monkeypatch.setattr(synthesize, "WORTH_A_PROCESS", least)
        synthesize.main(params)
        files = [*sorted(synthesize.EXAMPLES.iterdir()), synthesize.CARD, synthesize.SUMMARY]
        written.append([path.read_bytes() for path in files])
        assert (synthesize.DOCS / "index.html").is_file()
    assert written[0] == written[1]


@pytest.mark.parametrize("worth_a_process", [synthesize.WORTH_A_PROCESS, 1])
def test_a_leak_stops_the_stage_before_anything_is_written(
    params: Params, monkeypatch: pytest.MonkeyPatch, worth_a_process: int
) -> None:
    monkeypatch.setattr(synthesize, "WORTH_A_PROCESS", worth_a_process)
    leaky = settings_with(
        seed=99, counts={"train": 200, "validation": 60, "test": 100}
    )  # hold-outs drawn with another seed than the corpus
    right = synthesize.make_holdouts
    monkeypatch.setattr(
        synthesize, "make_holdouts", lambda holdouts, _seed: right(holdouts, leaky.seed)
    )
    with pytest.raises(LedgerlineError, match="the examples leak"):
        synthesize.main(params)
    assert not Path("data/examples").exists()


def test_the_audit_reads_the_examples_and_passes(params: Params) -> None:
    synthesize.main(params)
    audit.main(params)
    found = orjson.loads(Path("reports/audit.json").read_bytes())
    assert found["passed"]
    assert not found["base_observed"]
    assert Path("reports/audit.png").read_bytes().startswith(b"\x89PNG")
    assert "Policies, played through the real environment" in Path("reports/audit.html").read_text()


def test_the_audit_takes_what_the_warm_up_saw_of_its_base(params: Params) -> None:
    synthesize.main(params)
    due = [[0, 7, 1, 50], [4, 3, 1, 10], [7, 0, 1, 40], [0, 0, 8, 5]]
    seen = {"due": due, "none_due": [[1, 7, 70]], "measures": {"wrong": {"wrong_figure": 1.0}}}
    Path("reports/warmup.json").write_bytes(orjson.dumps(seen | {"steps": 450}))
    audit.main(params)
    found = orjson.loads(Path("reports/audit.json").read_bytes())
    assert found["base_observed"]
    assert found["groups"][0]["share"] == 0.5


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ('{"due": "many", "none_due": [], "measures": {}}', "due: Input should be a"),
        ('{"due": [[1, 2, 5, 1]], "measures": {}}', "'none_due' is missing"),
        ("{half", "run the stage warmup"),
    ],
)
def test_a_broken_summary_of_the_warm_up_is_named(params: Params, summary: str, why: str) -> None:
    synthesize.main(params)
    Path("reports/warmup.json").write_text(summary)
    with pytest.raises(LedgerlineError, match=why):
        audit.main(params)


def test_a_reward_that_can_be_gamed_fails_the_stage_and_leaves_its_page(params: Params) -> None:
    synthesize.main(params)
    weights = {"right_figure": 1.0, "wrong_figure": -0.1, "figure_not_due": -0.1}
    gamed = params.model_copy(
        update={"rubric": params.rubric.model_copy(update={"weights": weights})}
    )
    with pytest.raises(LedgerlineError, match="the reward can be gamed"):
        audit.main(gamed)
    assert not orjson.loads(Path("reports/audit.json").read_bytes())["passed"]
    assert "What would mend it" in Path("reports/audit.html").read_text()


@pytest.fixture
def expanding(params: Params) -> Expanding:
    """A corpus to expand."""
    synthesize.main(params)
    own = load_params(Path(__file__).parents[2] / "params.yaml", Expanding)
    few = {"played": 20, "tries": 2, "most": 8}
    return own.model_copy(
        update={
            "synthesize": params.synthesize,
            "expand": own.expand.model_copy(update=few),
        }
    )


def test_neighbours_of_what_is_solved_sometimes_are_written_and_measured(
    expanding: Expanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved = {expand.BASE: 0.5, expand.TRAINED: 0.75}
    monkeypatch.setattr(
        expand,
        "pass_rates",
        lambda _params, folder, _search, examples: {e.id: solved[folder] for e in examples},
    )
    with pytest.raises(LedgerlineError, match=r"families\.json.*tasks\.expand"):
        expand.measure(expanding)
    expand.main(expanding)
    train = read_jsonl(Path("data/examples/train.jsonl"))
    expanded = read_jsonl(expand.EXPANDED)
    assert [example.id for example in expanded[:200]] == [example.id for example in train]
    assert sum(example.difficulty == 0.5 for example in expanded) == 20
    assert len(expanded) == 208
    expand.measure(expanding)
    found = orjson.loads(expand.SUMMARY.read_bytes())
    assert found["neighbours"] == 8
    assert found["effect"]["parents_before"] == 0.5
    assert found["effect"]["parents_after"] == found["effect"]["neighbours_after"] == 0.75


def test_real_prose_is_not_played_to_be_expanded(
    expanding: Expanding, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path("data/examples/train.jsonl")
    train = read_jsonl(path)
    prose = [replace(example, kind="prose", source="prose") for example in train[:190]]
    write_jsonl(path, [*prose, *train[190:]])
    asked: list[str] = []

    def pass_rates(_params: Any, _folder: Path, _search: Search, examples: Any) -> dict[str, float]:
        asked.extend(example.kind for example in examples)
        return {example.id: 0.5 for example in examples}

    monkeypatch.setattr(expand, "pass_rates", pass_rates)
    expand.main(expanding)
    assert len(asked) == 10
    assert "prose" not in asked


def test_difficulty_is_the_pass_rate_of_a_policy_that_plays(expanding: Expanding) -> None:
    train = read_jsonl(Path("data/examples/train.jsonl"))
    scratch_policy(expanding, train).save(expand.BASE)
    with Store.open(synthesize.FACTS, read_only=True) as store:
        rates = expand.pass_rates(expanding, expand.BASE, Search(store), train[:2])
    # Random weights solve nothing.
    assert rates == {train[0].id: 0.0, train[1].id: 0.0}


@dataclass
class Expert:
    """An engine that plays a script in place of a model."""

    codec: ChatCodec
    script: Script

    def refresh(self, model: Any, step: int = 0) -> None:
        pass

    def play(self, interactions: Sequence[Any], _sampling: object, _generator: object) -> None:
        for episode in interactions:
            while not episode.over:
                tokens = self.codec.encode_turn(self.script(*episode.so_far))
                episode.advance(tokens, [0.0] * len(tokens))


def test_a_base_that_is_watched_does_not_run_out_of_time(expanding: Expanding) -> None:
    train = read_jsonl(Path("data/examples/train.jsonl"))
    due = next(example for example in train if example.is_due)
    policy = scratch_policy(expanding, train)
    with Store.open(synthesize.FACTS, read_only=True) as store:
        task = filings_task(expanding, Search(store))
        hurried = replace(task, limits=task.limits.model_copy(update={"seconds": 0.0}))
        played = sampled(policy, Expert(policy.codec, honest(due)), hurried, [due], 1)
    assert [transcript.outcome for _, (transcript,) in played] == [Outcome.ANSWERED]


def test_stages_without_their_inputs_say_which_stage_makes_them(params: Params) -> None:
    with pytest.raises(LedgerlineError, match=r"train\.jsonl.*synthesize"):
        audit.main(params)
    Path("data/clean/facts.sqlite").unlink()
    with pytest.raises(LedgerlineError, match=r"facts\.sqlite"):
        synthesize.main(params)


def test_params_name_a_misspelt_kind(tmp_path: Path) -> None:
    content = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())
    content["synthesize"]["kinds"]["anual"] = 1.0
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(LedgerlineError, match=r"synthesize\.kinds.*anual"):
        load_params(path, Params)
