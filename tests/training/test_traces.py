"""What is written down of a run: enough to read it, bounded, whole after a kill, and in MLflow."""

import json

import pytest
from mlflow import MlflowClient

from ledgerline.environments.calls import write_call
from ledgerline.training.mlflow_traces import chosen, log_traces
from ledgerline.training.rollouts import Rollout
from ledgerline.training.traces import LONGEST, RunLog, read_rollouts
from tests.training.conftest import new_policy
from tests.training.echo import QUESTIONS, played


@pytest.fixture(scope="module")
def codec():
    return new_policy().codec


@pytest.fixture(scope="module")
def rollouts(codec) -> list[Rollout]:
    """Two groups, each solved once and failed once."""
    made = []
    for group, question in enumerate(QUESTIONS[:2]):
        look = write_call("look_up", {"word": question.word})
        made.append(
            played(codec, question, group, look, write_call("say", {"answer": question.word}))
        )
        made.append(played(codec, question, group, "no call", "still none"))
    return made


def test_whole_groups_are_kept_and_every_probe(codec, rollouts, tmp_path):
    log = RunLog(tmp_path, 1, codec.decode)
    log.write(0, {"reward": 0.5}, rollouts, probes=rollouts[2:])
    kept = log.rollouts()
    assert [(row["item"], row.get("probe", False)) for row in kept] == [
        ("q0", False),
        ("q0", False),
        ("q1", True),
        ("q1", True),
    ]
    assert [row["succeeded"] for row in kept] == [True, False, True, False]


def test_what_was_trained_on_is_told_from_what_was_read(codec, rollouts, tmp_path):
    log = RunLog(tmp_path, 1, codec.decode)
    log.write(0, {}, rollouts)
    solved = log.rollouts()[0]
    sampled = [part["text"] for part in solved["segments"] if part["sampled"]]
    read = [part["text"] for part in solved["segments"] if not part["sampled"]]
    end = codec.tokenizer.eos_token
    assert sampled == [
        write_call("look_up", {"word": "red"}) + end,
        write_call("say", {"answer": "red"}) + end,
    ]
    assert "What is red?" in read[0]
    assert "red" in read[1]
    lengths = [part["tokens"] for part in solved["segments"] if part["sampled"]]
    assert sum(lengths) == solved["sampled_tokens"]


def test_a_log_cut_off_by_a_kill_gives_the_last_word_on_each_step(codec, rollouts, tmp_path):
    log = RunLog(tmp_path, 2, codec.decode)
    for step in (0, 1, 1):
        log.write(step, {"reward": float(step)}, rollouts[:2])
    with (tmp_path / "rollouts.jsonl").open("a") as file:
        file.write('\n{"step": 2, "rollouts": [{"st')
    resumed = RunLog(tmp_path, 2, codec.decode)
    resumed.write(2, {"reward": 2.0}, rollouts[2:])
    assert [row["step"] for row in resumed.rollouts()] == [0, 0, 1, 1, 2, 2]
    assert [row["reward"] for row in resumed.history()] == [0.0, 1.0, 2.0]


def test_the_file_that_the_stage_leaves_reads_like_the_log(codec, rollouts, tmp_path):
    log = RunLog(tmp_path / "log", 2, codec.decode)
    log.write(0, {}, rollouts)
    flat = tmp_path / "rollouts.jsonl"
    flat.write_text("\n".join(json.dumps(row) for row in log.rollouts()))
    assert read_rollouts(flat) == log.rollouts()


def test_no_text_grows_without_bound(codec, tmp_path):
    long = played(codec, QUESTIONS[0], 0, "x y z " * 2000)
    log = RunLog(tmp_path, 1, codec.decode)
    log.write(0, {}, [long])
    (row,) = log.rollouts()
    assert len(row["turns"][0]["text"]) == LONGEST + 1
    assert (tmp_path / "rollouts.jsonl").stat().st_size < 8 * LONGEST


def test_traces_have_a_span_for_each_turn_and_tool_call(rollouts, tmp_path, monkeypatch):
    import mlflow

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(uri)
    try:
        experiment = mlflow.set_experiment("rollouts").experiment_id
        with mlflow.start_run() as run:
            log_traces(7, chosen(rollouts, groups=1))
            mlflow.flush_trace_async_logging()
        found = MlflowClient(uri).search_traces(locations=[experiment], run_id=run.info.run_id)
    finally:
        mlflow.set_tracking_uri(before)
    by_outcome = {trace.info.tags["outcome"]: trace for trace in found}
    assert set(by_outcome) == {"answered", "malformed"}
    solved, failed = by_outcome["answered"], by_outcome["malformed"]
    assert solved.info.tags["step"] == "7"
    assert [(span.name, span.span_type) for span in solved.data.spans] == [
        ("rollout", "AGENT"),
        ("turn 1", "LLM"),
        ("look_up", "TOOL"),
        ("turn 2", "LLM"),
        ("say", "TOOL"),
    ]
    spans = {span.name: span for span in solved.data.spans}
    assert spans["look_up"].parent_id == spans["turn 1"].span_id
    assert spans["look_up"].inputs == {"word": "red"}
    assert spans["look_up"].outputs == "red"
    assert spans["rollout"].outputs == {"answer": "red", "outcome": "answered"}
    assert spans["rollout"].attributes["right"] == 1.0
    assert [span.status.status_code for span in failed.data.spans[1:]] == ["ERROR", "ERROR"]


def test_the_best_and_the_worst_of_a_group_are_chosen(rollouts):
    assert [rollout.reward.total for rollout in chosen(rollouts, groups=2)] == [
        1.0,
        -0.5,
        1.0,
        -0.5,
    ]
