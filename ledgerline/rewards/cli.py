"""Commands about the reward: `audit`, `play` and `judge calibrate`."""

from pathlib import Path
from typing import Annotated, Any, TypeVar

import anthropic
import orjson
import typer
import yaml
from pydantic import BaseModel, ValidationError
from rich.console import Console
from rich.table import Table

from ledgerline.durable import write_text
from ledgerline.environments.dialogue import Limits
from ledgerline.environments.filings import FilingsEnvironment, episode_fields
from ledgerline.errors import LedgerlineError
from ledgerline.examples.jsonl import read_jsonl
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from ledgerline.rewards.audit import AuditSettings
from ledgerline.rewards.audit import audit as run_audit
from ledgerline.rewards.audit_report import html, plot, show
from ledgerline.rewards.calibration import (
    Calibration,
    Rate,
    calibrate,
    corrected_rate,
    read_calibration,
    read_cases,
    read_questions,
)
from ledgerline.rewards.claude_judge import ClaudeJudge, VerdictCache
from ledgerline.rewards.groups import Comparison
from ledgerline.rewards.judge import JudgeSettings
from ledgerline.rewards.observed import read_observed
from ledgerline.rewards.playing import play_in_terminal
from ledgerline.rewards.rubric import JUDGED, VERDICTS, Rubric, RubricSettings

judge = typer.Typer(help="Judges for what code can't grade.", no_args_is_help=True)
_Section = TypeVar("_Section", bound=BaseModel)
Facts = Annotated[Path, typer.Option(help="Store of clean facts.")]
Examples = Annotated[Path, typer.Option(help="Examples (JSON lines) to play.")]
JudgeParams = Annotated[Path, typer.Option(help="File with a section `judge`.")]
Verdicts = Annotated[Path, typer.Option(help="Where verdicts are kept.")]
ParamsFile = Annotated[Path, typer.Option(help="File with the settings, a section each.")]


def audit(
    facts: Facts = Path("data/clean/facts.sqlite"),
    examples: Examples = Path("data/examples/train.jsonl"),
    params: ParamsFile = Path("params.yaml"),
    base: Annotated[Path, typer.Option(help="What the stage warmup saw of the base.")] = Path(
        "reports/warmup.json"
    ),
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
            _rubric(params),
            _section(params, "audit", AuditSettings),
            _section(params, "train", Comparison),
            read_observed(base),
        )
    show(audited, Console())
    if page is not None:
        picture = page.with_suffix(".png")
        plot(audited, picture)
        write_text(page, html(audited, picture.name))
    audited.check()


def play(
    facts: Facts = Path("data/clean/facts.sqlite"),
    examples: Examples = Path("data/examples/validation.jsonl"),
    params: ParamsFile = Path("params.yaml"),
    kind: Annotated[str | None, typer.Option(help="Only examples of this kind.")] = None,
    seed: Annotated[int | None, typer.Option(help="For the same examples again.")] = None,
) -> None:
    """Sit in the model's seat: same prompt, tools and limits; then the grade and the reward."""
    play_in_terminal(
        facts,
        examples,
        _section(params, "limits", Limits),
        _rubric(params),
        kind,
        seed,
        Console(),
        input,
    )


@judge.command("calibrate")
def calibrate_judge(
    cases: Annotated[Path, typer.Option(help="Labelled cases, JSON lines.")],
    params: JudgeParams = Path("params.yaml"),
    cache: Verdicts = VERDICTS,
    report: Annotated[Path | None, typer.Option(help="Write the figures as JSON.")] = None,
) -> None:
    """Measure a judge on labelled cases: rates with intervals, biases, confusion matrix."""
    claude = _claude(params, cache)
    found = calibrate(claude, read_cases(cases))
    Console().print(_confusion(found))
    for name, rate in (
        ("right answers passed", found.true_positive_rate),
        ("wrong answers stopped", found.true_negative_rate),
        ("verdicts that order flips", found.order_flips),
    ):
        typer.echo(f"{name}: {_percent(rate)}")
    typer.echo(f"padded answers pass {found.padding_gain:+.1%} more often")
    typer.echo(f"undecided: {found.undecided} {claude.failures or ''}".rstrip())
    if report is not None:
        write_text(report, orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())


@judge.command("rate")
def rate_answers(
    cases: Annotated[Path, typer.Option(help="Cases without labels, JSON lines.")],
    calibration: Annotated[Path, typer.Option(help="Report of `judge calibrate`.")],
    params: JudgeParams = Path("params.yaml"),
    cache: Verdicts = VERDICTS,
) -> None:
    """Judge answers, and say how many are really right, given how the judge errs."""
    known = read_calibration(calibration)
    claude = _claude(params, cache)
    judgements = [claude.judge(question) for question in read_questions(cases)]
    verdicts = [judgement.right for judgement in judgements if judgement is not None]
    corrected = corrected_rate(sum(verdicts), len(verdicts), known)
    typer.echo(f"passed by the judge: {sum(verdicts)} of {len(verdicts)}")
    typer.echo(f"right, corrected for its errors: {_percent(corrected)}")
    typer.echo(f"undecided: {len(judgements) - len(verdicts)} {claude.failures or ''}".rstrip())


def _rubric(params: Path) -> Rubric:
    settings = _section(params, "rubric", RubricSettings)
    judged = JUDGED in settings.weights
    return Rubric.from_settings(
        settings, _section(params, "judge", JudgeSettings) if judged else None
    )


def _claude(params: Path, cache: Path) -> ClaudeJudge:
    settings = _section(params, "judge", JudgeSettings)
    return ClaudeJudge(anthropic.Anthropic(), settings, VerdictCache(cache))


def _percent(rate: Rate) -> str:
    return f"{rate.value:.1%} ({rate.low:.1%} to {rate.high:.1%}, {rate.count})"


def mount(app: typer.Typer) -> None:
    """Add the commands to `app`."""
    app.command("audit")(audit)
    app.command("play")(play)
    app.add_typer(judge, name="judge")


def _section(path: Path, name: str, kind: type[_Section]) -> _Section:
    try:
        content: Any = yaml.safe_load(path.read_text())
        section = content.get(name)
        if section is None:
            raise LedgerlineError(f"{path}: there is no section {name!r}; fill it in.")
        return kind.model_validate(section)
    except OSError as error:
        raise LedgerlineError(f"{path}: {error.strerror}.") from None
    except AttributeError:
        raise LedgerlineError(f"{path} holds no sections.") from None
    except (ValidationError, yaml.YAMLError) as error:
        raise LedgerlineError(f"{path}, section {name!r}: {error}") from None


def _confusion(found: Calibration) -> Table:
    table = Table("label", "judged right", "judged wrong")
    for label in ("right", "wrong"):
        verdicts = (str(found.confusion[f"{label}, {verdict}"]) for verdict in ("right", "wrong"))
        table.add_row(label, *verdicts)
    return table
