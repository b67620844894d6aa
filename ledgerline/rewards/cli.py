"""Commands about the reward: `audit` and `judge calibrate`."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import anthropic
import orjson
import typer
import yaml
from pydantic import ValidationError
from rich.console import Console
from rich.table import Table

from ledgerline.durable import write_text
from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.audit import Audit, AuditSettings
from ledgerline.rewards.audit import audit as run_audit
from ledgerline.rewards.audit_report import html, plot
from ledgerline.rewards.calibration import Calibration, calibrate, read_cases
from ledgerline.rewards.claude_judge import ClaudeJudge, JudgeSettings, VerdictCache
from ledgerline.rewards.playing import play_in_terminal
from ledgerline.rewards.rubric import Rubric, RubricSettings
from ledgerline.settings import Settings

judge = typer.Typer(help="Judges for what code can't grade.", no_args_is_help=True)
_Section = TypeVar("_Section", bound=Settings)


def audit(
    facts: Annotated[Path, typer.Option(help="Store of clean facts.")],
    examples: Annotated[Path, typer.Option(help="Examples (JSON lines) to play.")],
    params: Annotated[Path, typer.Option(help="File with rubric, audit and limits.")],
    page: Annotated[Path | None, typer.Option(help="Write an HTML page, and its plot.")] = None,
) -> None:
    """What the rubric pays degenerate policies beside the honest expert; fails on faults."""
    with Store.open(facts, read_only=True) as store:
        search = Search(store)
        audited = run_audit(
            read_jsonl(examples),
            lambda: FilingsEnvironment(search),
            episode_fields,
            _section(params, "limits", Limits),
            Rubric.from_settings(_section(params, "rubric", RubricSettings)),
            _section(params, "audit", AuditSettings),
        )
    Console().print(_policies(audited))
    typer.echo(
        f"Where a figure is due, groups pull towards {audited.groups.predicts} "
        f"({audited.groups.drift:+.2f})."
    )
    if page is not None:
        picture = page.with_suffix(".png")
        plot(audited, picture)
        write_text(page, html(audited, picture.name))
    audited.check()


def play(
    facts: Annotated[Path, typer.Option(help="Store of clean facts.")] = Path(
        "data/clean/facts.sqlite"
    ),
    examples: Annotated[Path, typer.Option(help="Examples (JSON lines) to draw from.")] = Path(
        "data/examples/validation.jsonl"
    ),
    params: Annotated[Path, typer.Option(help="File with rubric and limits.")] = Path(
        "params.yaml"
    ),
    kind: Annotated[str | None, typer.Option(help="Only examples of this kind.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same examples again.")] = None,
) -> None:
    """Sit in the model's seat: same prompt, tools and limits; then the grade and the reward."""
    play_in_terminal(
        facts,
        examples,
        _section(params, "limits", Limits),
        Rubric.from_settings(_section(params, "rubric", RubricSettings)),
        kind,
        seed,
        Console(),
        lambda: input("> "),
    )


@judge.command("calibrate")
def calibrate_judge(
    cases: Annotated[Path, typer.Option(help="Labelled cases, JSON lines.")],
    params: Annotated[Path, typer.Option(help="File with a section `judge`.")],
    cache: Annotated[Path, typer.Option(help="Where verdicts are kept.")],
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
) -> None:
    """Measure a judge on labelled cases: rates with intervals, biases, confusion matrix."""
    settings = _section(params, "judge", JudgeSettings)
    claude = ClaudeJudge(anthropic.Anthropic(), settings, VerdictCache(cache))
    found = calibrate(claude, read_cases(cases))
    Console().print(_confusion(found))
    for name, rate in (
        ("right answers passed", found.true_positive_rate),
        ("wrong answers stopped", found.true_negative_rate),
        ("verdicts that order flips", found.order_flips),
    ):
        typer.echo(f"{name}: {rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}, {rate.count})")
    typer.echo(f"padded answers pass {found.padding_gain:+.1%} more often")
    typer.echo(f"undecided: {found.undecided} {claude.failures or ''}".rstrip())
    if report is not None:
        write_text(report, orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())


def mount(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("audit")(audit)
    app.command("play")(play)
    app.add_typer(judge, name="judge")


def _section(path: Path, name: str, kind: type[_Section]) -> _Section:
    try:
        content: Any = yaml.safe_load(path.read_text())
        return kind.model_validate(content[name])
    except OSError as error:
        raise LedgerlineError(f"{path}: {error.strerror}.") from None
    except (KeyError, TypeError):
        raise LedgerlineError(f"{path}: there is no section {name!r}; add it.") from None
    except (ValidationError, yaml.YAMLError) as error:
        raise LedgerlineError(f"{path}, section {name!r}: {error}") from None


def _policies(audited: Audit) -> Table:
    table = Table("policy", "reward", "95 %", "figure due", "none due", "honest lead")
    for row in sorted(audited.rows, key=lambda row: -row.mean):
        table.add_row(
            row.policy,
            f"{row.mean:+.2f}",
            f"{row.low:+.2f} … {row.high:+.2f}",
            f"{row.when_due:+.2f}",
            f"{row.when_not_due:+.2f}",
            f"{row.gap:.2f}",
        )
    return table


def _confusion(found: Calibration) -> Table:
    table = Table("label", "judged right", "judged wrong")
    for label in ("right", "wrong"):
        verdicts = (str(found.confusion[f"{label}, {verdict}"]) for verdict in ("right", "wrong"))
        table.add_row(label, *verdicts)
    return table
