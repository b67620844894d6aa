"""The page of `ledgerline rollouts`: rendered here, plain HTML and one file of CSS, no network."""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jinja2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, Response
from starlette.routing import Route

from ledgerline.serving.reading import (
    Rollouts,
    Row,
    Selection,
    most_missed,
    prompts_over_steps,
    refusals,
    side_by_side,
)

PAGES = Path(__file__).with_name("pages")
PER_PAGE = 20
ROWS = 200
"""Rows of a table; what comes after them is rare."""
COLUMNS = 12
"""Steps that stand side by side."""
HEADERS = {"content-security-policy": "default-src 'none'; style-src 'self'; form-action 'self'"}


def application(rollouts: Rollouts) -> Starlette:
    """The site: rollouts to filter and read, prompts over steps, failed tool arguments."""
    render = _renderer(rollouts)

    async def listing(request: Request) -> Response:
        rows = rollouts.rows()
        selection = Selection.of(request.query_params)
        found = [row for row in rows if selection.matches(row)]
        page = _page_number(request, len(found))
        query = {
            name: value
            for name, value in request.query_params.items()
            if value and name in Selection.__slots__
        }
        return render(
            "rollouts.html",
            selection=selection,
            choices=_choices(rows),
            found=found[(page - 1) * PER_PAGE : page * PER_PAGE],
            summary=_summary(found),
            total=len(rows),
            page=page,
            pages=_pages(len(found)),
            link=lambda number: "/?" + urlencode({**query, "page": number}),
        )

    async def prompts(_: Request) -> Response:
        found = prompts_over_steps(rollouts.rows())
        return render("prompts.html", prompts=found[:ROWS])

    async def prompt(request: Request) -> Response:
        steps = side_by_side(rollouts.rows(), request.query_params.get("item", ""))
        if not steps:
            return render("missing.html", status=404)
        return render("prompt.html", first=steps[0][1][0], steps=_spread(steps, COLUMNS))

    async def misses(request: Request) -> Response:
        unsolved = request.query_params.get("solved") == "no"
        rows = [row for row in rollouts.rows() if not (unsolved and row["succeeded"])]
        missed, refused = most_missed(rows), refusals(rows)
        return render(
            "misses.html",
            missed=missed[:ROWS],
            total=len(missed),
            refused=refused[:ROWS],
            unsolved=unsolved,
        )

    async def style(_: Request) -> Response:
        return FileResponse(PAGES / "rollouts.css", media_type="text/css")

    async def missing(_: Request, __: Exception) -> Response:
        return render("missing.html", status=404)

    routes: dict[str, Callable[[Request], Awaitable[Response]]] = {
        "/": listing,
        "/prompts": prompts,
        "/prompt": prompt,
        "/misses": misses,
        "/rollouts.css": style,
    }
    return Starlette(
        routes=[Route(path, endpoint) for path, endpoint in routes.items()],
        exception_handlers={404: missing},
    )


def serve(rollouts: Rollouts, host: str, port: int) -> None:
    """Serve the page until interrupted."""
    import uvicorn

    uvicorn.run(application(rollouts), host=host, port=port, log_level="warning")


def _renderer(rollouts: Rollouts) -> Callable[..., HTMLResponse]:
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["query"] = urlencode
    templates.filters["signed"] = lambda value: f"{value:+.2f}".replace("-", "−")

    def render(name: str, status: int = 200, **values: Any) -> HTMLResponse:
        content = templates.get_template(name).render(source=str(rollouts.path), **values)
        return HTMLResponse(content, status, HEADERS)

    return render


def _choices(rows: Sequence[Row]) -> dict[str, list[str]]:
    """What each drop-down offers."""
    return {
        "outcome": sorted({row["outcome"] for row in rows}),
        "component": sorted({name for row in rows for name in row["breakdown"]}),
        "kind": sorted({row["kind"] for row in rows}),
    }


def _summary(rows: Sequence[Row]) -> dict[str, float]:
    number = max(1, len(rows))
    return {
        "rollouts": len(rows),
        "solved": sum(row["succeeded"] for row in rows) / number,
        "reward": sum(row["reward"] for row in rows) / number,
        "turns": sum(len(row["turns"]) for row in rows) / number,
    }


def _pages(found: int) -> int:
    return max(1, -(-found // PER_PAGE))


def _page_number(request: Request, found: int) -> int:
    asked = request.query_params.get("page", "1")
    return min(max(1, int(asked)), _pages(found)) if asked.isdecimal() else 1


def _spread(steps: list[tuple[int, list[Row]]], most: int) -> list[tuple[int, list[Row]]]:
    """At most `most` steps, evenly spread, the first and the last among them."""
    if len(steps) <= most:
        return steps
    return [steps[round(place * (len(steps) - 1) / (most - 1))] for place in range(most)]
