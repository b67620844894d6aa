"""Versions that are whole, one champion, through kills and beside another promoter."""

import json
import os
import shutil
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from mlflow import MlflowClient
from safetensors.numpy import save_file

from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.card import write_mlmodel
from ledgerline.evaluation.gate import Candidate
from ledgerline.evaluation.manifest import build_manifest, verify_manifest
from ledgerline.evaluation.promotion import Promotion, Submission, promote, read_threshold
from ledgerline.evaluation.records import Record
from ledgerline.evaluation.registry import Registry, promotion_lock
from ledgerline.evaluation.testset import overlap, rounds_spent, sketch
from ledgerline.serving.completions import stored_threshold
from tests.evaluation.synthetic import GATE, policy_records

WRITES = (
    "create_experiment",
    "create_model_version",
    "create_registered_model",
    "create_run",
    "delete_registered_model_alias",
    "log_artifact",
    "log_artifacts",
    "set_registered_model_alias",
    "set_registered_model_tag",
    "set_tag",
    "set_terminated",
)


@dataclass(frozen=True)
class Place:
    """A registry of its own for one test, as paths only, so that children may fork."""

    folder: Path

    @property
    def lock(self) -> Path:
        return self.folder / "promotion.lock"

    def registry(self) -> Registry:
        return Registry(f"sqlite:///{self.folder}/mlflow.db", "ledgerline", "registry")


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MLflow's tables, made once: that takes seconds."""
    path = tmp_path_factory.mktemp("template") / "mlflow.db"
    MlflowClient(tracking_uri=f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def place(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return Place(tmp_path)


def model(folder: Path, seed: int) -> Path:
    """A folder to submit, with weights that depend on `seed`."""
    (folder / "policy").mkdir(parents=True)
    weights = np.random.default_rng(seed).normal(size=(4, 4)).astype(np.float32)
    save_file({"weight": weights}, folder / "policy" / "model.safetensors")
    (folder / "policy" / "config.json").write_text("{}")
    return folder


def records(name: str, right_share: float, seed: int, pairs: int = 600) -> list[Record]:
    right = np.random.default_rng(seed).random(pairs) < right_share
    return policy_records(name, right, np.zeros(pairs, dtype=bool))


def submission(folder: Path, seed: int, right_share: float) -> Submission:
    path = folder / f"model-{seed}"
    return Submission(
        path if path.exists() else model(path, seed),
        {"threshold": "0.0"},
        "A card.",
        Candidate("policy", records("policy", right_share, seed), 0.0),
        Candidate("base", records("base", 0.4, 99), 0.0),
        {"attention": "sdpa"},
    )


def run(place: Place, seed: int, right_share: float) -> Promotion:
    def replay(_: Path) -> list[Record]:
        raise AssertionError("the champion's records are stored with it")

    offer = submission(place.folder, seed, right_share)
    return promote(place.registry(), place.lock, offer, GATE, replay)


def in_child(work: Callable[[], None]) -> int:
    """Run `work` in a forked process; its exit status, negative for a signal."""
    child = os.fork()
    if child == 0:
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def kill_at_write(number: int) -> None:
    """Have this process kill itself instead of making its `number`-th write to the registry."""
    made = 0

    def counted(write: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            nonlocal made
            made += 1
            if made == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return write(*arguments, **named)

        return call

    for name in WRITES:
        setattr(MlflowClient, name, counted(getattr(MlflowClient, name)))


def test_a_better_policy_becomes_champion_and_an_equal_one_only_challenger(place: Place) -> None:
    first = run(place, 1, 0.8)
    assert (first.alias, first.incumbent) == ("champion", "base")
    second = run(place, 2, 0.8)
    assert (second.alias, second.incumbent) == ("challenger", "version 1")
    third = run(place, 3, 0.95)
    assert (third.alias, third.version.number) == ("champion", 3)
    registry = place.registry()
    champion = registry.champion()
    assert champion is not None
    assert champion.number == 3
    assert [(event.version, event.previous) for event in registry.events()] == [(1, None), (3, 1)]
    assert third.decision["rounds_spent"] == 2


def test_the_same_submission_twice_is_one_version_one_decision_one_event(place: Place) -> None:
    first, again = run(place, 1, 0.8), run(place, 1, 0.8)
    assert again.version == first.version
    assert again.alias == "champion"
    assert again.decision == first.decision
    worse, repeated = run(place, 2, 0.5), run(place, 2, 0.5)
    assert worse.decision == repeated.decision
    registry = place.registry()
    assert len(registry.versions()) == 2
    assert len(registry.events()) == 1
    assert len(registry.decisions()) == 2


def test_the_same_weights_are_served_with_the_threshold_that_they_were_submitted_with_last(
    place: Place,
) -> None:
    run(place, 1, 0.8)
    offer = submission(place.folder, 1, 0.8)
    tags = {"threshold": "0.5"}
    write_mlmodel(offer.folder, tags)
    (offer.folder / "evaluation").mkdir()
    (offer.folder / "evaluation" / "params.yaml").write_text("limits: {}")
    candidate = replace(offer.candidate, threshold=0.5)
    again = promote(
        place.registry(),
        place.lock,
        replace(offer, tags=tags, candidate=candidate, card="Another card."),
        GATE,
        lambda _: pytest.fail("nothing is played"),
    )
    assert (again.version.number, again.alias) == (1, "champion")
    registry = place.registry()
    champion = registry.champion()
    assert champion is not None
    assert read_threshold(champion) == 0.5
    folder = registry.fetch(champion, place.folder / "fetched")
    assert stored_threshold(folder) == 0.5
    assert (folder / "evaluation" / "params.yaml").read_text() == "limits: {}"
    assert registry.client.get_model_version("ledgerline", "1").description == "Another card."


def test_tags_and_descriptions_fit_into_mlflows_tables(place: Place) -> None:
    def offered(seed: int, share: float) -> Submission:
        offer = submission(place.folder, seed, share)
        many = Candidate("policy", records("policy", share, seed, pairs=1750), 0.0)
        base = Candidate("base", records("base", 0.4, 99, pairs=1750), 0.0)
        return replace(offer, candidate=many, base=base, card="A line of the card.\n" * 400)

    registry = place.registry()
    for seed, share in ((1, 0.8), (2, 0.95)):
        last = promote(
            registry, place.lock, offered(seed, share), GATE, lambda _: pytest.fail("stored")
        )
    registry.crown(registry.version(1), "rolled back", "why " * 2000)
    tags = registry.client.get_registered_model("ledgerline").tags
    assert max(len(text) for text in tags.values()) <= 5000
    assert last.decision["rounds_spent"] == 1
    assert last.decision in registry.decisions().values()
    assert registry.events()[-1].reason == "why " * 2000
    description = registry.client.get_model_version("ledgerline", "2").description
    assert description == "\n".join(["A line of the card."] * 250)


class Unavailable(BaseHTTPRequestHandler):
    """A server that can't serve at the moment."""

    def do_GET(self) -> None:
        self.send_error(503)

    def log_message(self, *_: object) -> None:
        pass


def test_a_registry_that_fails_is_not_one_without_a_champion(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = place.registry()
    assert not registry.exists()
    registry.prepare()
    assert registry.champion() is None

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Unavailable)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        failing = Registry(f"http://127.0.0.1:{server.server_port}", "ledgerline", "registry")
        for ask in (failing.champion, failing.exists, lambda: failing.version(1)):
            with pytest.raises(LedgerlineError, match=r"can't be read.*503"):
                ask()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_promotion_killed_at_any_write_ends_well_when_run_again(
    place: Place, empty_database: Path
) -> None:
    def killed(number: int) -> None:
        kill_at_write(number)
        run(place, 1, 0.8)

    for number in range(1, 30):
        shutil.rmtree(place.folder / "mlruns", ignore_errors=True)
        status = in_child(lambda number=number: killed(number))
        if status == 0:
            break
        assert status == -signal.SIGKILL

        def check() -> None:
            again = run(place, 1, 0.8)
            registry = place.registry()
            assert again.alias == "champion"
            assert [version.number for version in registry.versions()] == [1]
            assert [event.version for event in registry.events()] == [1]
            assert len(registry.decisions()) == 1
            registry.fetch(again.version, place.folder / "fetched")

        assert in_child(check) == 0, f"killed at write {number}"
        shutil.rmtree(place.folder / "fetched")
        (place.folder / "mlflow.db").unlink()
        shutil.copy(empty_database, place.folder / "mlflow.db")
    assert number > 8


def test_two_promoters_at_once_leave_one_champion_and_a_whole_history(place: Place) -> None:
    children = []
    for seed, share in ((1, 0.8), (2, 0.97)):
        submission(place.folder, seed, share)
        child = os.fork()
        if child == 0:
            try:
                run(place, seed, share)
            except BaseException:
                os._exit(1)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    registry = place.registry()
    champion = registry.champion()
    assert champion is not None
    events = registry.events()
    assert champion.number == events[-1].version
    stored = json.loads(registry.read_file(champion, "manifest.json") or b"{}")
    better = submission(place.folder, 2, 0.97).folder / "policy"
    verify_manifest(better, stored)
    assert len(registry.decisions()) == 2


def test_a_file_that_is_not_stored_is_no_file_that_cannot_be_read(place: Place) -> None:
    run(place, 1, 0.9)
    registry = place.registry()
    version = registry.version(1)
    assert registry.read_file(version, "no such folder/records.jsonl") is None
    broken = Path(version.source.removeprefix("file://"), "manifest.json")
    broken.unlink()
    broken.symlink_to("gone")
    with pytest.raises(LedgerlineError, match=r"manifest\.json of .* version 1 can't be read"):
        registry.read_file(version, "manifest.json")


def test_rolling_back_restores_and_the_gate_does_not_undo_it(place: Place) -> None:
    run(place, 1, 0.8)
    run(place, 2, 0.95)
    registry = place.registry()
    with promotion_lock(place.lock):
        event = registry.rollback("figures of banks look wrong")
    assert (event.version, event.previous) == (1, 2)
    assert run(place, 2, 0.95).alias == "challenger"
    champion = registry.champion()
    assert champion is not None
    assert champion.number == 1
    with pytest.raises(LedgerlineError, match="no earlier champion"):
        registry.rollback("once more")


def test_a_rollback_killed_before_the_alias_moved_is_finished_not_repeated(place: Place) -> None:
    for seed, share in ((1, 0.6), (2, 0.8), (3, 0.97)):
        run(place, seed, share)

    def killed() -> None:
        kill_at_write(2)
        place.registry().rollback("look again")

    assert in_child(killed) == -signal.SIGKILL
    registry = place.registry()
    champion = registry.champion()
    assert champion is not None
    assert champion.number == 3
    assert registry.rollback("look again").version == 2
    champion = registry.champion()
    assert champion is not None
    assert champion.number == 2


def test_a_champion_that_was_never_asked_these_examples_is_played_again(place: Place) -> None:
    run(place, 1, 0.8)
    renewed = [replace(row, example_id=f"new-{row.example_id}") for row in records("p", 0.97, 5)]
    played: list[Path] = []

    def replay(folder: Path) -> list[Record]:
        played.append(folder)
        assert (folder / "policy" / "model.safetensors").is_file()
        old = records("champion", 0.8, 1)
        return [replace(row, example_id=f"new-{row.example_id}") for row in old]

    offer = submission(place.folder, 2, 0.97)
    offer = replace(offer, candidate=Candidate("policy", renewed, 0.0))
    result = promote(place.registry(), place.lock, offer, GATE, replay)
    assert len(played) == 1
    assert result.alias == "champion"
    assert result.decision["rounds_spent"] == 0


def test_a_champion_that_was_played_under_other_conditions_is_played_again(place: Place) -> None:
    run(place, 1, 0.8)
    played: list[Path] = []

    def replay(folder: Path) -> list[Record]:
        played.append(folder)
        return records("champion", 0.8, 1)

    offer = replace(submission(place.folder, 2, 0.97), conditions={"attention": "eager"})
    for _ in range(2):
        promote(place.registry(), place.lock, offer, GATE, replay)
    assert len(played) == 1


def test_a_changed_file_is_not_loaded(place: Place) -> None:
    version = run(place, 1, 0.8).version
    Path(version.source, "policy", "config.json").write_text('{"changed": true}')
    with pytest.raises(LedgerlineError, match=r"config\.json is changed"):
        place.registry().fetch(version, place.folder / "fetched")


def test_pickled_weights_links_and_missing_weights_are_refused(tmp_path: Path) -> None:
    folder = model(tmp_path / "a", 1) / "policy"
    assert set(build_manifest(folder)) == {"model.safetensors", "config.json"}
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(LedgerlineError, match="pickled code"):
        build_manifest(folder)
    (folder / "pytorch_model.bin").unlink()
    (folder / "link.json").symlink_to("/etc/hostname")
    with pytest.raises(LedgerlineError, match="is a link"):
        build_manifest(folder)
    (folder / "link.json").unlink()
    (folder / "model.safetensors").unlink()
    with pytest.raises(LedgerlineError, match=r"no \.safetensors"):
        build_manifest(folder)


def test_a_partly_renewed_test_set_counts_for_what_it_shares() -> None:
    ids = [f"e{i}" for i in range(4000)]
    renewed = [*ids[400:], *(f"n{i}" for i in range(400))]
    assert overlap(sketch(ids), sketch(ids)) == 1.0
    assert overlap(sketch(renewed), sketch(ids)) == pytest.approx(0.9, abs=0.05)
    assert overlap(sketch(["x", "y"]), sketch(ids[:50])) == 0.0
    assert rounds_spent(sketch(ids), [sketch(ids)] * 3) == 3
    assert rounds_spent(sketch(ids), []) == 0
