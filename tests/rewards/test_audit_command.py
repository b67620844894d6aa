"""`ledgerline audit`, as a user runs it."""

from pathlib import Path

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import write_jsonl
from ledgerline.rewards import cli
from tests.rewards.conftest import GROUPS, LIMITS, WEIGHTS, World


@pytest.fixture
def project(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """A folder with the examples of a world."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    write_jsonl(tmp_path / "examples.jsonl", world.examples)
    return world


def audited(project: World, weights: dict[str, float]) -> Result:
    sections = {
        "limits": LIMITS.model_dump(),
        "rubric": {"weights": weights},
        "audit": {"examples": 60, "margin": 0.1, "seed": 1, "groups": GROUPS.model_dump()},
        # Of this section the audit reads two keys, and passes the others over.
        "train": {"steps": 80, "group_size": 8, "objective": {"scale": "group", "kl": 0.0}},
    }
    Path("params.yaml").write_text(yaml.safe_dump(sections))
    app = typer.Typer()
    cli.mount(app)
    arguments = ["audit", "--facts", str(project.facts), "--examples", "examples.jsonl"]
    return CliRunner().invoke(app, [*arguments, "--page", "audit.html"])


def test_it_prints_the_table_the_break_even_and_the_dead_terms(project: World) -> None:
    shown = audited(project, WEIGHTS)
    assert shown.exit_code == 0, shown.output
    for words in ("honest expert", "everything in every answer", "pull towards trying"):
        assert words in shown.output
    assert "0% where a figure is due with probability 100%" in shown.output
    assert "Dead terms: none" in shown.output
    assert Path("audit.png").read_bytes().startswith(b"\x89PNG")
    assert "The base policy's pass rates are assumed" in Path("audit.html").read_text()


def test_it_fails_on_a_reward_that_teaches_silence_and_says_what_would_mend_it(
    project: World,
) -> None:
    weights = {"right_figure": 1.0, "wrong_figure": -0.1, "figure_not_due": -0.1}
    shown = audited(project, weights)
    assert isinstance(shown.exception, LedgerlineError)
    assert "through the groups never solved" in str(shown.exception)
    assert "add silence_when_due" in str(shown.exception)
    assert "pull towards silence" in shown.output


def test_a_judge_that_is_paid_needs_its_section(project: World) -> None:
    shown = audited(project, WEIGHTS | {"judged": 0.5})
    assert "there is no section 'judge'" in str(shown.exception)
