"""The order of the stages, read from dvc.yaml, which is the only place that states it."""

from dataclasses import dataclass
from pathlib import Path

import networkx
from dvc.exceptions import DvcException
from dvc.repo import Repo
from dvc.stage import PipelineStage

from ledgerline.errors import LedgerlineError


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of dvc.yaml and the names of the stages whose outputs it reads."""

    name: str
    upstream: tuple[str, ...]


def stages_in_order(root: Path, targets: tuple[str, ...] = ()) -> list[Stage]:
    """The stages that `targets` need (all, without targets), each after those it reads from.

    Raises LedgerlineError for a target that dvc.yaml doesn't name and for a broken dvc.yaml.
    """
    try:
        with Repo(str(root)) as repo:
            graph = repo.index.graph
            names = {stage: stage.name for stage in graph if isinstance(stage, PipelineStage)}
            # An edge of DVC's graph points from a stage to what it depends on.
            order = [
                stage
                for stage in networkx.lexicographical_topological_sort(
                    graph.reverse(), key=lambda stage: stage.addressing
                )
                if stage in names
            ]
            upstream = {
                names[stage]: tuple(
                    sorted(names[other] for other in graph[stage] if other in names)
                )
                for stage in order
            }
            ordered = [names[stage] for stage in order]
    except DvcException as error:
        raise LedgerlineError(f"{root / 'dvc.yaml'}: {error}") from error
    unknown = sorted(set(targets) - upstream.keys())
    if unknown:
        raise LedgerlineError(
            f"no stage {', '.join(unknown)} in {root / 'dvc.yaml'}; there are {', '.join(ordered)}"
        )
    wanted = _with_upstream(targets or tuple(ordered), upstream)
    return [Stage(name, upstream[name]) for name in ordered if name in wanted]


def _with_upstream(targets: tuple[str, ...], upstream: dict[str, tuple[str, ...]]) -> set[str]:
    wanted: set[str] = set()
    waiting = list(targets)
    while waiting:
        name = waiting.pop()
        if name not in wanted:
            wanted.add(name)
            waiting.extend(upstream[name])
    return wanted
