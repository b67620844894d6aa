"""Data Docs that read well without a network.

Great Expectations' pages take their looks, their status marks and even the index's table from
half a dozen public servers. The pages keep their content; the rest is put in here.
"""

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from ledgerline.quality.outcome import SuiteResult

_REMOTE = re.compile(
    r"<link[^>]+https://[^>]*>|<script[^>]+src=\"https://[^>]*>\s*</script>", re.IGNORECASE
)
_FOOTER = re.compile(r"<footer.*?</footer>", re.DOTALL | re.IGNORECASE)
_BODY = re.compile(r"<body.*</body>", re.DOTALL | re.IGNORECASE)
_STYLE = """<style>
body { font: 15px/1.5 system-ui, sans-serif; color: #1d2430; max-width: 1080px; margin: 0 auto;
  padding: 24px; }
img, .navbar-brand { display: none; }
a { color: #1a56a8; }
table { border-collapse: collapse; margin: 8px 0 20px; }
th, td { text-align: left; vertical-align: top; padding: 6px 14px 6px 0;
  border-bottom: 1px solid #dfe3e9; }
h5, h6, .h6 { font-size: 15px; font-weight: 600; margin: 16px 0 4px; }
.breadcrumb { padding: 0; list-style: none; color: #5d6675; }
li hr { border: 0; border-top: 1px solid #dfe3e9; }
/* The pages' scripts are left out: a link to more opens it by CSS, and the filter goes. */
.collapse:not(:target), .card:has([data-toggle="buttons"]) { display: none; }
.fa-check-circle::before, .held { content: "✓"; color: #1c7c4a; font-style: normal; }
.fa-times::before, .fa-exclamation-triangle::before, .broken { content: "✗"; color: #b3261e;
  font-style: normal; }
</style>"""


def make_self_contained(site: Path, results: Sequence[SuiteResult], report: str = "") -> None:
    """Rewrite every page under `site`; the index becomes a table of suites and results.

    `report` is the address, from the index, of the page that holds the worst cases.
    """
    pages = sorted(site.rglob("*.html"))
    for page in pages:
        text = _FOOTER.sub("", _REMOTE.sub("", page.read_text()))
        text = text.replace("</head>", f"{_STYLE}</head>", 1)
        if page.parent == site and page.name == "index.html":
            body = f"<body>{_index(site, pages, results, report)}</body>"
            text = _BODY.sub(lambda _: body, text)  # noqa: B023 - used at once
        page.write_text(text)


def _index(site: Path, pages: Sequence[Path], results: Sequence[SuiteResult], report: str) -> str:
    lines = "".join(_line(site, pages, result) for result in results)
    worst = f'<p><a href="{quote(report)}#worst">The worst cases set aside</a></p>'
    return (
        f"<h1>Data Docs</h1>{worst if report else ''}<table><tr><th>Suite</th><th>Result</th>"
        f"<th>Expectations</th><th>Broken</th></tr>{lines}</table>"
    )


def _line(site: Path, pages: Sequence[Path], result: SuiteResult) -> str:
    def link(folder: str, words: str) -> str:
        (found,) = (
            page.relative_to(site).as_posix()
            for page in pages
            if page.relative_to(site).as_posix().startswith(f"{folder}/{result.suite}")
        )
        return f'<a href="{quote(found)}">{escape(words)}</a>'

    broken = "".join(
        f"<div>{'blocks' if failure.critical else 'warns'}: {escape(failure.expectation)} "
        f"({failure.count:,} rows)</div>"
        for failure in result.failures
    )
    held = '<span class="broken">✗ broken</span>' if broken else '<span class="held">✓ holds</span>'
    return (
        f"<tr><td>{link('expectations', result.suite)}</td>"
        f"<td>{held}, {link('validations', 'each result')}</td>"
        f"<td>{result.expectations}</td><td>{broken or 'none'}</td></tr>"
    )
