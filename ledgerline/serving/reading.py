"""Finding what is worth reading among many rollouts: filters, one prompt over steps, misses."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ledgerline.errors import LedgerlineError
from ledgerline.training.traces import read_rollouts

Row = dict[str, Any]
"""A rollout as `RunLog` writes it, with its `advantage` over its group's mean reward."""


class Rollouts:
    """The rollouts of a folder, read again when its file has changed: training may be running."""

    def __init__(self, folder: Path):
        self.path = folder / "rollouts.jsonl"
        self._read_at: tuple[int, int] | None = None
        self._rows: list[Row] = []
        if not self.rows():
            raise LedgerlineError(
                f"no rollouts in {self.path}; give a folder that `dvc repro train` wrote, or one "
                "under models/checkpoints while it runs"
            )

    def rows(self) -> list[Row]:
        """Every rollout, in the order of the steps."""
        try:
            found = self.path.stat()
        except OSError:
            return self._rows
        if self._read_at != (found.st_mtime_ns, found.st_size):
            self._rows = with_advantages(read_rollouts(self.path))
            self._read_at = (found.st_mtime_ns, found.st_size)
        return self._rows


def with_advantages(rows: Sequence[Row]) -> list[Row]:
    """Rows with what each earned beyond the mean of its group; None for a probe."""
    groups: dict[tuple[Any, ...], list[float]] = defaultdict(list)
    for row in rows:
        groups[_group(row)].append(row["reward"])
    means = {key: sum(rewards) / len(rewards) for key, rewards in groups.items()}
    return [
        {**row, "advantage": None if row.get("probe") else row["reward"] - means[_group(row)]}
        for row in rows
    ]


def _group(row: Row) -> tuple[Any, ...]:
    return row["step"], row["item"], row.get("group", 0), bool(row.get("probe"))


@dataclass(frozen=True, slots=True)
class Selection:
    """What a reader asked for; "" asks for nothing. `component`: one that paid or cost something.
    `company`, `text`: parts of a name, of a prompt. `argument` with `written`: a failed look-up.
    """

    outcome: str = ""
    component: str = ""
    first: str = ""
    last: str = ""
    company: str = ""
    kind: str = ""
    solved: str = ""
    text: str = ""
    argument: str = ""
    written: str = ""

    @classmethod
    def of(cls, query: Mapping[str, str]) -> "Selection":
        """From a page's query; keys that are not known are passed over."""
        return cls(**{field.name: query.get(field.name, "").strip() for field in fields(cls)})

    def matches(self, row: Row) -> bool:
        """Whether a rollout is among what was asked for."""
        checks = (
            self.outcome in ("", row["outcome"]),
            not self.component or row["breakdown"].get(self.component, 0) != 0,
            not self.first.isdigit() or row["step"] >= int(self.first),
            not self.last.isdigit() or row["step"] <= int(self.last),
            self.company.casefold() in str(row.get("company", "")).casefold(),
            self.kind in ("", row["kind"]),
            self.solved in ("", "yes" if row["succeeded"] else "no"),
            self.text.casefold() in row["prompt"].casefold(),
            not self.argument or (self.argument, self.written) in failed_arguments(row),
        )
        return all(checks)


def failed_arguments(row: Row) -> list[tuple[str, str]]:
    """(argument, what was written) of each look-up of a rollout that found nothing."""
    return [
        (str(entry["argument"]), str(entry["arguments"].get(entry["argument"], "")))
        for entry in row.get("evidence", [])
        if entry.get("argument")
    ]


@dataclass(frozen=True, slots=True)
class Missed:
    """A tool argument that named nothing: how often, in how many rollouts, and how they ended."""

    argument: str
    written: str
    count: int
    rollouts: int
    solved: float
    first: int
    last: int
    reply: str


def most_missed(rows: Sequence[Row]) -> list[Missed]:
    """Failed tool arguments, the most frequent first."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    replies: dict[tuple[str, str], str] = {}
    for row in rows:
        for miss in failed_arguments(row):
            found[miss].append(row)
        for entry in row.get("evidence", []):
            if entry.get("argument"):
                written = str(entry["arguments"].get(entry["argument"], ""))
                replies[str(entry["argument"]), written] = str(entry.get("text", ""))
    missed = []
    for (argument, written), where in found.items():
        distinct = list({id(row): row for row in where}.values())
        missed.append(
            Missed(
                argument,
                written,
                len(where),
                len(distinct),
                sum(row["succeeded"] for row in distinct) / len(distinct),
                min(row["step"] for row in distinct),
                max(row["step"] for row in distinct),
                replies[argument, written],
            )
        )
    return sorted(missed, key=lambda miss: (-miss.count, miss.argument, miss.written))


def refusals(rows: Sequence[Row]) -> list[tuple[str, int]]:
    """Why calls were refused or turns cut off, the most frequent first."""
    counts: dict[str, int] = defaultdict(int)
    for row in rows:
        for turn in row["turns"]:
            if turn["problem"]:
                counts[turn["problem"]] += 1
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def prompts_over_steps(rows: Sequence[Row]) -> list[tuple[Row, list[int]]]:
    """Prompts that were played at more than one step, with those steps; watched ones first."""
    seen: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        seen[row["item"]].append(row)
    found = [
        (played[0], sorted({row["step"] for row in played}), any(r.get("probe") for r in played))
        for played in seen.values()
    ]
    several = [entry for entry in found if len(entry[1]) > 1]
    several.sort(key=lambda entry: (not entry[2], -len(entry[1]), entry[0]["item"]))
    return [(row, steps) for row, steps, _ in several]


def side_by_side(rows: Sequence[Row], item: str) -> list[tuple[int, list[Row]]]:
    """One prompt's rollouts at each step that played it: probes where there are any."""
    played = [row for row in rows if row["item"] == item]
    watched = [row for row in played if row.get("probe")]
    steps: dict[int, list[Row]] = defaultdict(list)
    for row in watched or played:
        steps[row["step"]].append(row)
    return sorted(steps.items())
