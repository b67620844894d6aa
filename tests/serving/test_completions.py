"""The completion server, started for real, with a policy that knows three documents by heart."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import httpx
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from ledgerline.cli import app
from ledgerline.environments.environment import tool_schemas
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.card import write_mlmodel
from ledgerline.evaluation.registry import PROMOTED, Registry, Version
from ledgerline.examples.example import Example
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.policy.codec import ChatCodec
from ledgerline.policy.policy import Policy
from ledgerline.policy.scratch import build_model, train_tokenizer
from ledgerline.rewards import degenerate
from ledgerline.serving import completions
from ledgerline.serving.completions import application, load_completer, stored_threshold
from ledgerline.training.demonstrations import demonstrate
from ledgerline.training.task import Task
from ledgerline.training.warmup import WarmupSettings, warm_up
from tests.evaluation.world import LIMITS, make_corpus, make_store
from tests.flows.conftest import until
from tests.tasks.project import write_params
from tests.training.conftest import SHAPE, optimizer

pytestmark = pytest.mark.timeout(1800)
THRESHOLD = 0.25


@dataclass(frozen=True)
class Workspace:
    """A folder with facts and a registry whose champion knows by heart `due`, `quiet` and `said`,
    which is `due` after the figure that is due.
    """

    folder: Path
    champion: Version
    due: Example
    quiet: Example
    said: Example

    @property
    def facts(self) -> Path:
        return self.folder / "data" / "clean" / "facts.sqlite"

    @property
    def uri(self) -> str:
        return f"sqlite:///{self.folder}/mlflow.db"


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    folder = tmp_path_factory.mktemp("served")
    (folder / "data" / "clean").mkdir(parents=True)
    facts = make_store(folder / "data" / "clean" / "facts.sqlite")
    version = folder / "version"
    (version / "evaluation").mkdir(parents=True)
    with Store.open(facts, read_only=True) as store:
        search, corpus = make_corpus(store)
        due = next(
            one for one in corpus.train if one.is_due and one.searches == 1 and not one.glossary
        )
        quiet = next(one for one in corpus.train if not one.is_due and not one.searches)
        said = replace(due, prompt=f"{due.completion} {due.prompt}")
        learn((due, quiet, said), search).save(version / "policy")
    write_params(version / "evaluation")
    tags = {"threshold": repr(THRESHOLD)}
    write_mlmodel(version, tags)
    registry = Registry(f"sqlite:///{folder}/mlflow.db", "ledgerline", "registry")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where MLflow keeps the files
        registry.prepare()
        registered = registry.register(version, tags, "A card.")
        registry.crown(registered, PROMOTED, "knows three documents")
    return Workspace(folder, registered, due, quiet, said)


def learn(examples: tuple[Example, ...], search: Search) -> Policy:
    """A tiny policy that has been shown these examples until it knows them by heart."""
    shape = SHAPE.model_copy(update={"width": 64, "vocabulary": 400, "pieces": 300, "context": 512})
    tokenizer = train_tokenizer(
        [one.prompt for one in examples],
        tool_schemas(FilingsEnvironment),
        shape.vocabulary,
        shape.pieces,
    )
    policy = Policy(build_model(shape, tokenizer, 0), ChatCodec(tokenizer))
    task = Task(
        make=lambda: FilingsEnvironment(search),
        fields=episode_fields,
        limits=LIMITS,
        score=lambda _, __: pytest.fail("nothing is scored here"),
        succeeded=lambda _, __: False,
        expert=degenerate.honest,
    )
    settings = {
        "seed": 0,
        "demonstrations": {
            "count": 2,
            "phrasings": 1.0,
            "fewer": {},
            "slips": 0.0,
            "misplaced": 0.0,
            "first_turns": 0.0,
            "first_lines": 0.0,
        },
        "batch": 2,
        "batch_tokens": 2048,
        "reading": 0.0,
        "steps": 120,
        "decay_from": 100,
        "check_every": 120,
        "validation": 8,
        "target": 1.0,
        "pass_rate_prompts": 1,
        "dtype": "float32",
        "optimizer": optimizer(5e-3).model_dump(),
    }
    warm_up(
        policy.plain,
        [demonstrate(policy.codec, task, one) for one in examples],
        WarmupSettings.model_validate(settings),
        lambda: 0.0,
        lambda _: None,
        seed=0,
    )
    return policy


@pytest.fixture(scope="module")
def server(workspace: Workspace) -> Iterator[httpx.Client]:
    """`ledgerline serve` on a free port of loopback, with the champion."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = probe.getsockname()
    process = subprocess.Popen(
        [Path(sys.executable).with_name("ledgerline"), "serve", "--port", str(address[1])],
        cwd=workspace.folder,
        env={**os.environ, "MLFLOW_TRACKING_URI": workspace.uri},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def listens() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(address) == 0

    try:
        until(lambda: process.poll() is not None or listens(), 800, "it did not come up")
        if process.poll() is not None:
            pytest.fail(process.communicate()[0])
        with httpx.Client(base_url=f"http://127.0.0.1:{address[1]}", timeout=300) as client:
            yield client
    finally:
        process.terminate()
        process.communicate()


@contextmanager
def loaded(folder: Path, workspace: Workspace, threshold: float | None) -> Iterator[TestClient]:
    """The application over the version in `folder`, in this process."""
    with Store.open(workspace.facts, read_only=True) as store:
        yield TestClient(application(load_completer(folder, Search(store), threshold)))


def ask(server: httpx.Client, example: Example) -> httpx.Response:
    body = {"document": example.prompt, "document_date": str(example.document_date)}
    return server.post("/complete", json=body)


def test_a_figure_that_is_due_is_completed_with_its_evidence(
    server: httpx.Client, workspace: Workspace
) -> None:
    response = ask(server, workspace.due)
    assert response.status_code == 200, response.text
    answer = response.json()
    assert set(answer) == {"completion", "evidence", "confidence", "seconds"}
    assert answer["completion"] == workspace.due.completion
    (found,) = answer["evidence"]
    assert workspace.due.reference is not None
    assert found["accession"] == workspace.due.reference.accession
    assert THRESHOLD <= answer["confidence"] <= 1
    assert 0 < answer["seconds"] < 120


def test_it_stays_silent_where_nothing_is_due_and_where_it_is_not_sure(
    server: httpx.Client, workspace: Workspace
) -> None:
    answer = ask(server, workspace.quiet).json()
    assert (answer["completion"], answer["evidence"]) == ("", [])
    folder = Path(workspace.champion.source)
    for threshold in (1.1, None):
        with loaded(folder, workspace, threshold) as careful:
            answer = ask(careful, workspace.due).json()
        assert (answer["completion"], answer["evidence"]) == ("", [])
        assert answer["confidence"] >= THRESHOLD  # it knew, and was not believed


def test_a_figure_known_by_heart_and_found_nowhere_is_not_shown(workspace: Workspace) -> None:
    early = replace(workspace.due, document_date=date(1990, 1, 1))
    with loaded(Path(workspace.champion.source), workspace, 0.0) as server:
        assert ask(server, workspace.due).json()["completion"] == workspace.due.completion
        answer = ask(server, early).json()
    assert (answer["completion"], answer["evidence"]) == ("", [])


def test_a_figure_that_the_document_says_already_is_not_shown(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loaded(Path(workspace.champion.source), workspace, 0.0) as server:
        assert ask(server, workspace.said).json()["completion"] == ""
        monkeypatch.setattr(completions, "repeats", lambda _: False)
        assert ask(server, workspace.said).json()["completion"] == workspace.due.completion


@pytest.mark.parametrize(
    ("content", "status", "says"),
    [
        (b"{", 422, "JSON"),
        (b"\xff", 400, "body"),
        (b"{}", 422, "body.document: Field required"),
        (b'{"document": ""}', 422, "body.document: String should have at least 1"),
        (b'{"document": 5}', 422, "body.document: Input should be a valid string"),
        (b'{"document": "\\ud800"}', 422, "body.document: "),
        (b'{"document": "a", "document_date": "May"}', 422, "body.document_date: "),
        (b'{"document": "a", "text": "b"}', 422, "body.text: Extra inputs"),
        (json.dumps({"document": "word " * 2000}).encode(), 422, "the policy has room for 512"),
        (json.dumps({"document": "a" * 100_001}).encode(), 422, "at most 100000 characters"),
    ],
)
def test_bad_input_is_refused_in_words(
    server: httpx.Client, workspace: Workspace, content: bytes, status: int, says: str
) -> None:
    headers = {"content-type": "application/json"}
    response = server.post("/complete", content=content, headers=headers)
    assert response.status_code == status, response.text
    assert says in response.json()["detail"]
    assert server.get("/complete").status_code == 405
    assert ask(server, workspace.quiet).status_code == 200


def test_a_folder_has_its_own_threshold_and_no_file_that_was_changed(
    workspace: Workspace, tmp_path: Path
) -> None:
    folder = shutil.copytree(workspace.champion.source, tmp_path / "version")
    assert stored_threshold(folder) == THRESHOLD
    assert stored_threshold(tmp_path) is None
    path = folder / "policy" / "config.json"
    path.write_text(path.read_text() + " ")
    with pytest.raises(LedgerlineError, match=r"config\.json is changed"):
        refusal(workspace, str(folder))


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--version", "7"], "has no version 7"),
        (["--model", "other"], "no model other in"),
        (["."], "holds no manifest"),
        (["--facts", "nowhere.sqlite"], "no store of facts"),
    ],
)
def test_a_model_that_is_not_there_is_named(
    workspace: Workspace, arguments: list[str], says: str
) -> None:
    with pytest.raises(LedgerlineError, match=says):
        refusal(workspace, *arguments)


def refusal(workspace: Workspace, *arguments: str) -> None:
    """Run `ledgerline serve` in this process, and raise what ends it."""
    facts = ["--facts", str(workspace.facts)]
    environment = {"MLFLOW_TRACKING_URI": workspace.uri}
    done = CliRunner(env=environment).invoke(app, ["serve", *facts, *arguments])
    if done.exception is not None:
        raise done.exception
