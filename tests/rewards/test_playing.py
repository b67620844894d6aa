"""`ledgerline play`, by the keyboard: a script of lines through the command itself."""

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import write_jsonl
from ledgerline.rewards import cli
from tests.examples.claude_server import Claude, running
from tests.rewards.conftest import LIMITS, WEIGHTS, World


@pytest.fixture
def table(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A project's folder with one prompt to play, of which a figure is due."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    example = world.one(lambda e: e.kind == "annual")
    write_jsonl(tmp_path / "examples.jsonl", [example])
    sections = {"limits": LIMITS.model_dump(), "rubric": {"weights": WEIGHTS}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(sections))
    return World(world.search, [example], world.facts)


def typed(table: World, *lines: str, options: tuple[str, ...] = ()) -> Result:
    app = typer.Typer()
    cli.mount(app)
    arguments = ["play", "--facts", str(table.facts), "--examples", "examples.jsonl", *options]
    return CliRunner().invoke(app, arguments, input="".join(f"{line}\n" for line in lines))


def test_an_honest_game_is_graded_with_its_breakdown(table: World) -> None:
    (example,) = table.examples
    (call,) = example.calls
    played = typed(
        table, f"s {call.company} | {call.metric} | {call.period}", f"a {example.completion}"
    )
    assert played.exit_code == 0, played.output
    assert f"{example.prompt}▏" in played.output
    assert f"{example.completion} | " in played.output
    assert f"answered; right was {example.completion}" in played.output
    assert "annual: reward +1.30" in played.output
    assert "right_figure" in played.output
    assert "1 played, reward +1.30 on average" in played.output


def test_the_kind_is_not_told_before_the_answer(table: World) -> None:
    assert "annual" not in typed(table).output
    played = typed(table, "a")
    assert "abstained" in played.output
    assert "silence_when_due" in played.output
    assert "annual" in played.output


def test_nonsense_is_answered_until_the_limits_end_the_game(table: World) -> None:
    played = typed(table, "hello", "s Apple | revenue", "<tool_call>{</tool_call>")
    assert played.output.count("No tool call. Write one:") == 2
    assert "not valid JSON" in played.output
    assert "malformed; right was" in played.output
    assert "no_answer" in played.output


def test_a_kind_that_is_not_there_is_named(table: World) -> None:
    played = typed(table, options=("--kind", "anual"))
    assert isinstance(played.exception, LedgerlineError)
    assert "no example of kind 'anual'; its kinds are: annual" in str(played.exception)


def test_a_judge_that_the_rubric_pays_is_asked(
    table: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sections = yaml.safe_load(Path("params.yaml").read_text())
    sections["rubric"]["weights"]["judged"] = 0.5
    sections["judge"] = {
        "name": "completion", "model": "claude-haiku-4-5", "max_tokens": 300, "instructions": "",
    }  # fmt: skip
    Path("params.yaml").write_text(yaml.safe_dump(sections))
    with running(Claude(lambda _: '{"reasoning": "", "verdict": "right"}')) as claude:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", claude.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
        played = typed(table, "a $1")
    assert played.exit_code == 0, played.output
    assert claude.calls == 1
    assert "judged" in played.output
