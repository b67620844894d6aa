"""The page shows the rollouts asked for, and shows hostile text as text."""

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from ledgerline.errors import LedgerlineError
from ledgerline.serving.reading import Rollouts, most_missed
from ledgerline.serving.rollouts_page import PER_PAGE, application

HOSTILE = "<script>alert('x')</script>\"><img src=x onerror=alert(1)>{{ 7*7 }}"


def rollout(step: int, item: str, reward: float = 1.0, **changes: Any) -> dict[str, Any]:
    """One rollout as a run's log has it: solved where it was paid."""
    solved = reward > 0
    return {
        "step": step,
        "item": item,
        "group": 0,
        "kind": "annual",
        "phrasing": "p",
        "company": "Acme Corp",
        "prompt": f"Acme's revenue, {item}, was ",
        "turns": [{"text": "a call", "tool": "search", "result": "r", "problem": None}],
        "evidence": [],
        "segments": [
            {"sampled": False, "tokens": 5, "text": f"the prompt of {item}"},
            {"sampled": True, "tokens": 3, "text": f"what {item} wrote at {step}"},
            {"sampled": False, "tokens": 3, "text": "the tool's reply"},
        ],
        "outcome": "answered" if solved else "abstained",
        "answer": "$5",
        "succeeded": solved,
        "reward": reward,
        "breakdown": {"right_figure": float(solved), "silence_when_due": -0.45 * (not solved)},
        "sampled_tokens": 3,
    } | changes  # fmt: skip


def missed(metric: str) -> dict[str, Any]:
    return {
        "tool": "search",
        "arguments": {"company": "Acme", "metric": metric, "period": "2023"},
        "hit": False,
        "argument": "metric",
        "text": f'"{metric}" is no known metric.',
    }


ROWS = [
    rollout(0, "alpha"),
    rollout(0, "alpha", reward=-0.45),
    rollout(3, "beta", reward=-0.45, kind="quarterly", company="Zeta plc"),
    rollout(3, "gamma", evidence=[missed("SG&A"), missed("SG&A")]),
    rollout(4, "delta", reward=-0.2, evidence=[missed("SG&A"), missed("opex")]),
    rollout(0, "watched", probe=True),
    rollout(5, "watched", reward=-0.45, probe=True),
    rollout(5, "watched"),
]


def client(folder: Path, rows: list[dict[str, Any]]) -> TestClient:
    (folder / "rollouts.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return TestClient(application(Rollouts(folder)))


@pytest.fixture
def page(tmp_path: Path) -> TestClient:
    return client(tmp_path, ROWS)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", 8),
        ("outcome=abstained", 4),
        ("component=silence_when_due", 4),
        ("component=right_figure", 4),
        ("first=3&last=4", 3),
        ("last=0", 3),
        ("company=zeta", 1),
        ("kind=quarterly", 1),
        ("solved=no&kind=annual", 3),
        ("text=gamma", 1),
        ("argument=metric&written=SG%26A", 2),
        ("argument=metric&written=opex", 1),
        ("outcome=malformed", 0),
        ("first=x&page=-3&nonsense=1", 8),
    ],
)
def test_filters_show_what_was_asked_for(page: TestClient, query: str, shown: int):
    text = page.get(f"/?{query}").text
    assert text.count("<article>") == shown
    assert f"<b>{shown}</b> of 8 rollouts" in text


def test_sampled_tokens_stand_apart_from_what_was_read(page: TestClient):
    text = page.get("/?text=beta").text
    assert '<span class="sampled">what beta wrote at 3</span>' in text
    assert '<span class="read">the prompt of beta</span>' in text
    assert '<span class="read">the tool&#39;s reply</span>' in text


def test_an_advantage_is_over_the_group_and_a_probe_has_none(page: TestClient):
    text = page.get("/?text=alpha").text
    assert text.count("advantage +0.7") == 1
    assert text.count("advantage −0.7") == 1
    assert page.get("/?text=watched").text.count(">advantage ") == 1


def test_one_prompt_stands_side_by_side_over_steps(page: TestClient):
    listing = page.get("/prompts").text
    assert "/prompt?item=watched" in listing
    assert "alpha" not in listing
    text = page.get("/prompt?item=watched").text
    assert text.index("<h2>step 0</h2>") < text.index("<h2>step 5</h2>")
    assert text.count("<article>") == 2  # the probes alone
    assert "what watched wrote at 5" in text


def test_many_steps_are_thinned_with_the_first_and_the_last_among_them(tmp_path: Path):
    page = client(tmp_path, [rollout(step, "same") for step in range(40)])
    text = page.get("/prompt?item=same").text
    assert text.count("<section>") == 12
    assert "<h2>step 0</h2>" in text
    assert "<h2>step 39</h2>" in text


def test_failed_arguments_are_counted(page: TestClient):
    first, second = most_missed(ROWS)
    assert (first.written, first.count, first.rollouts, first.solved) == ("SG&A", 3, 2, 0.5)
    assert (first.first, first.last) == (3, 4)
    assert (second.written, second.count, second.solved) == ("opex", 1, 0.0)
    text = page.get("/misses").text
    assert "SG&amp;A" in text
    assert "/?argument=metric&amp;written=SG%26A" in text
    assert text.index("SG&amp;A") < text.index("opex")
    unsolved = page.get("/misses?solved=no").text
    assert unsolved.count("<td>1</td><td>1</td><td>0 %</td>") == 2


def test_hostile_text_is_shown_and_never_run(tmp_path: Path):
    turn = {"text": HOSTILE, "tool": None, "arguments": {}, "result": "", "problem": HOSTILE}
    rows = [
        rollout(
            step,
            HOSTILE,
            prompt=HOSTILE,
            company=HOSTILE,
            kind=HOSTILE,
            outcome=HOSTILE,
            turns=[turn],
            evidence=[missed(HOSTILE)],
            breakdown={HOSTILE: 1.0},
            segments=[{"sampled": True, "tokens": 1, "text": HOSTILE}] * 2,
        )
        for step in range(2)
    ]
    page = client(tmp_path, rows)
    paths = ["/", "/prompts", "/misses"]
    answers = [page.get(path) for path in paths]
    answers.append(page.get("/prompt", params={"item": HOSTILE}))
    answers.append(
        page.get("/", params=dict.fromkeys(("text", "company", "argument", "written"), HOSTILE))
    )
    for answer in answers:
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert "<img" not in answer.text
        assert "&lt;script&gt;" in answer.text
        assert "49" not in answer.text.replace("-0.49", "")
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_nothing_is_fetched_from_elsewhere(page: TestClient):
    for path in ("/", "/prompts", "/misses", "/prompt?item=watched"):
        text = page.get(path).text
        assert "http" not in text.replace("http-equiv", "")
        assert text.count('rel="stylesheet"') == 1
    style = page.get("/rollouts.css")
    assert style.headers["content-type"].startswith("text/css")
    assert "url(" not in style.text


def test_pages_hold_every_rollout_once(tmp_path: Path):
    number = 2 * PER_PAGE + 3
    page = client(tmp_path, [rollout(0, f"item-{index}-", group=index) for index in range(number)])
    texts = [page.get(f"/?solved=yes&page={place}").text for place in (1, 2, 3)]
    for index in range(number):
        assert sum(f"what item-{index}- wrote" in text for text in texts) == 1
    assert "/?solved=yes&amp;page=2" in texts[0]
    assert "page=4" not in page.get("/?page=99").text


def test_what_is_not_there_is_said(page: TestClient, tmp_path: Path):
    assert page.get("/prompt?item=nobody").status_code == 404
    assert page.get("/nowhere").status_code == 404
    with pytest.raises(LedgerlineError, match="no rollouts in"):
        Rollouts(tmp_path / "empty")


def test_a_run_that_goes_on_is_followed(tmp_path: Path):
    path = tmp_path / "rollouts.jsonl"
    path.write_text("\n" + json.dumps({"step": 0, "rollouts": ROWS[:1]}))
    page = TestClient(application(Rollouts(tmp_path)))
    assert page.get("/").text.count("<article>") == 1
    with path.open("a") as file:
        file.write("\n" + json.dumps({"step": 1, "rollouts": ROWS[1:3]}) + '\n{"step": 2, "ro')
    assert page.get("/").text.count("<article>") == 3
