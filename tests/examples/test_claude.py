import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anthropic
import pytest

from ledgerline.errors import LedgerlineError
from ledgerline.examples.batches import Request, ask, bill, estimate
from ledgerline.examples.claude import (
    Commission,
    WrittenAuthor,
    commissions,
    write,
)
from ledgerline.examples.commission import BatchSettings, ClaudeSettings, Prices
from ledgerline.examples.confirm import Refusal, confirm
from ledgerline.examples.example import Example, Holdout, Split
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.synthesize import SynthesizeSettings, make_holdouts
from ledgerline.examples.universe import Universe
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.examples.claude_server import Claude, running

SCHEMA = {"type": "object", "properties": {"n": {"type": "number"}}, "required": ["n"]}
BATCHES = BatchSettings(
    model="claude-haiku-4-5",
    max_tokens=500,
    per_batch=4,
    poll_seconds=0,
    rounds=3,
    budget=5.0,
    prices=Prices(input=0.5, output=2.5, cache_write=0.625, cache_read=0.05),
)
REQUESTS = [Request("be brief", f"what is {n}?", SCHEMA) for n in range(6)]


def number(params: dict[str, Any]) -> str:
    return json.dumps({"n": int(re.findall(r"\d+", params["messages"][0]["content"])[0])})


def client(claude: Claude, retries: int = 2) -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key="none", base_url=claude.url, max_retries=retries)


def asked(claude: Claude, folder: Path, **changes: Any) -> list[Any]:
    return ask(client(claude), REQUESTS, folder, BATCHES.model_copy(update=changes), lambda _: None)


def test_replies_come_in_order_with_their_bill(tmp_path: Path) -> None:
    with running(Claude(number)) as claude:
        replies = asked(claude, tmp_path)
    assert [reply.content for reply in replies] == [{"n": n} for n in range(6)]
    assert [len(batch) for batch in claude.batches.values()] == [4, 2]
    assert bill(replies, BATCHES.prices) == pytest.approx(6 * (50 + 125 + 20) / 1e6)


def test_the_request_caches_the_system_prompt_and_asks_for_json(tmp_path: Path) -> None:
    with running(Claude(number)) as claude:
        asked(claude, tmp_path)
    params = claude.batches["msgbatch_0"][0]["params"]
    assert params["system"][0]["cache_control"] == {"type": "ephemeral"}
    assert params["output_config"]["format"] == {"type": "json_schema", "schema": SCHEMA}


def test_busy_servers_are_asked_again(tmp_path: Path) -> None:
    with running(Claude(number, statuses=[429, 529, 200, 529, 200])) as claude:
        replies = asked(claude, tmp_path)
    assert all(reply.content for reply in replies)


def test_a_server_that_stays_overloaded_is_reported_and_nothing_is_lost(tmp_path: Path) -> None:
    with running(Claude(number, statuses=[200, 529, 529, 529])) as claude:
        with pytest.raises(LedgerlineError, match="run again"):
            asked(claude, tmp_path)
        assert len(claude.batches) == 1
        replies = asked(claude, tmp_path)
    assert all(reply.content for reply in replies)
    # The batch that was open is collected, not paid for again.
    assert sum(len(batch) for batch in claude.batches.values()) == len(REQUESTS)


def test_a_wrong_key_says_so(tmp_path: Path) -> None:
    with (
        running(Claude(number, statuses=[401])) as claude,
        pytest.raises(LedgerlineError, match="ANTHROPIC_API_KEY"),
    ):
        asked(claude, tmp_path)


@pytest.mark.parametrize("fault", ["overloaded_error", "expired", "max_tokens"])
def test_what_was_not_served_or_cut_off_is_asked_again(tmp_path: Path, fault: str) -> None:
    with running(Claude(number, faults={1: fault, 4: fault})) as claude:
        replies = asked(claude, tmp_path)
    assert [reply.content for reply in replies] == [{"n": n} for n in range(6)]
    assert [len(batch) for batch in claude.batches.values()] == [4, 2, 2]
    again = claude.batches["msgbatch_2"][0]["params"]["max_tokens"]
    assert again == (1000 if fault == "max_tokens" else 500)


def test_what_cannot_be_used_is_counted_not_asked_again(tmp_path: Path) -> None:
    faults = {0: "{half", 1: "[1]", 2: "invalid_request_error"}
    with running(Claude(number, faults=faults)) as claude:
        replies = asked(claude, tmp_path)
    assert [reply.problem for reply in replies[:4]] == [
        "not JSON", "not a JSON object", "refused: invalid_request_error", "",
    ]  # fmt: skip
    assert len(claude.batches) == 2


def test_a_stream_of_results_cut_off_is_asked_for_again(tmp_path: Path) -> None:
    with running(Claude(number, cut_after=700)) as claude:
        replies = asked(claude, tmp_path)
    assert all(reply.content for reply in replies)


@pytest.mark.parametrize("known", [True, False])
def test_an_open_batch_that_is_gone_is_asked_for_again(tmp_path: Path, known: bool) -> None:
    with running(Claude(number, statuses=[200, 529, 529, 529])) as claude:
        with pytest.raises(LedgerlineError, match="run again"):
            asked(claude, tmp_path)
        assert "msgbatch_0" in (tmp_path / "open.json").read_text()
        if known:
            claude.expired = {"msgbatch_0"}
        else:
            claude.batches["another"] = claude.batches.pop("msgbatch_0")
        replies = asked(claude, tmp_path)
    assert [reply.content for reply in replies] == [{"n": n} for n in range(6)]
    assert (tmp_path / "open.json").read_bytes() == b"{}\n"


def test_a_reply_that_is_kept_outlives_its_batch(tmp_path: Path) -> None:
    """A run may be killed after it has kept a batch's replies and before it closes the batch."""
    with running(Claude(number)) as claude:
        first = asked(claude, tmp_path)
        (tmp_path / "open.json").write_text(json.dumps({"gone": [reply.id for reply in first]}))
        assert asked(claude, tmp_path, rounds=1) == first


def test_what_a_reply_cut_off_cost_is_in_the_bill(tmp_path: Path) -> None:
    with running(Claude(number, faults={1: "max_tokens"})) as claude:
        replies = asked(claude, tmp_path)
        assert asked(claude, tmp_path) == replies
    assert all(reply.content for reply in replies)
    assert bill(replies, BATCHES.prices) == pytest.approx(7 * (50 + 125 + 20) / 1e6)


def test_the_budget_counts_what_will_be_asked_again(tmp_path: Path) -> None:
    with running(Claude(number, faults={1: "max_tokens", 2: "expired"})) as claude:
        asked(claude, tmp_path, rounds=1)
        with pytest.raises(LedgerlineError, match="2 times would cost"):
            asked(claude, tmp_path, budget=0.001)


def test_a_second_run_asks_nothing(tmp_path: Path) -> None:
    with running(Claude(number)) as claude:
        first = asked(claude, tmp_path)
        calls = claude.calls
        assert asked(claude, tmp_path) == first
        assert claude.calls == calls


def test_overload_to_the_end_leaves_the_reply_unserved(tmp_path: Path) -> None:
    faults = dict.fromkeys(range(60), "overloaded_error")
    with running(Claude(number, faults=faults)) as claude:
        replies = asked(claude, tmp_path)
    assert {reply.problem for reply in replies} == {"not served"}


def test_the_budget_stops_a_dear_run_before_it_starts(tmp_path: Path) -> None:
    assert estimate(REQUESTS, BATCHES) > 0.007
    with (
        running(Claude(number)) as claude,
        pytest.raises(LedgerlineError, match="more than the budget"),
    ):
        asked(claude, tmp_path, budget=0.001)
    assert claude.calls == 0


# The author.

SETTINGS = ClaudeSettings(facts=12, variants=2, silent=0.25, realism=5.0, batches=BATCHES)
Write = Callable[[dict[str, str]], list[dict[str, str]]]


def honest(fact: dict[str, str]) -> list[dict[str, str]]:
    company, metric = fact["Company"], fact["Metric"].lower()
    period = fact["Period"].split(" (")[0]
    if "silent" in fact["Register"]:
        return [
            document(f"{company} hired a new head of sales and ", "", "", "", ""),
            document(f"Nobody at {company} expected ", "", "", "", ""),
        ]
    figure = fact["Figure"].split(" (")[0]
    return [
        document(
            f"Our desk puts {company} down in {period} for {metric} of ",
            company, metric, period, figure,
        ),
        document(
            f"Whoever reads the {period} accounts of {company} meets {metric} of ",
            company, metric, period, figure,
        ),
    ]  # fmt: skip


def document(text: str, company: str, metric: str, period: str, figure: str) -> dict[str, str]:
    return {
        "document": text, "company": company, "metric": metric, "period": period,
        "completion": figure,
    }  # fmt: skip


def writing(write_documents: Write, rating: float = 8.0) -> Callable[[dict[str, Any]], str]:
    def answer(params: dict[str, Any]) -> str:
        user = params["messages"][0]["content"]
        if user.startswith("Register"):
            fact = dict(line.split(": ", 1) for line in user.splitlines())
            return json.dumps({"documents": write_documents(fact)})
        return json.dumps({"realism": [rating] * len(user.splitlines())})

    return answer


@pytest.fixture
def commissioned(store: Store, search: Search, settings: SynthesizeSettings) -> list[Commission]:
    holdouts = make_holdouts(settings.holdouts, settings.seed)
    universe = Universe(store.companies(), search, Catalogue.load(), holdouts)
    kinds = ("annual", "quarterly", "balance")
    return commissions(universe, kinds, [frozenset()], SETTINGS, seed=1)


def written(
    claude: Claude, commissioned: list[Commission], store: Store, settings: SynthesizeSettings,
    folder: Path,
) -> Any:  # fmt: skip
    return write(
        client(claude), commissioned, Mentions(store.companies(), Catalogue.load()),
        make_holdouts(settings.holdouts, settings.seed), SETTINGS, folder, 1, lambda _: None,
    )  # fmt: skip


def test_claude_writes_examples_that_the_store_bears_out(
    commissioned, store, search, settings, tmp_path
) -> None:
    with running(Claude(writing(honest))) as claude:
        found = written(claude, commissioned, store, settings, tmp_path)
    assert len(commissioned) == 12
    assert found.thrown_out == {}
    assert len(found.drafts) == 24
    assert 0 < found.bill < found.estimate
    examples = [confirm(draft, search, Split.TRAIN) for draft in found.drafts]
    right = [example for example in examples if isinstance(example, Example)]
    assert len(right) > 18
    assert {example.is_due for example in right} == {True, False}
    assert all(e.calls[0].company in e.prompt for e in right if e.is_due)
    author = WrittenAuthor(found.drafts)
    taken = [author.draft(d.kind, d.holdouts, None) for d in found.drafts]  # type: ignore[arg-type]
    assert {draft.prompt for draft in taken if draft} == {d.prompt for d in found.drafts}
    assert {d.holdouts for d in found.drafts} <= {frozenset(), frozenset({Holdout.PHRASING})}


def test_a_figure_that_is_not_in_the_facts_is_thrown_out(
    commissioned, store, search, settings, tmp_path
) -> None:
    def lying(fact: dict[str, str]) -> list[dict[str, str]]:
        return [
            {**each, "completion": each["completion"] and "$999.9 billion"} for each in honest(fact)
        ]

    with running(Claude(writing(lying))) as claude:
        found = written(claude, commissioned, store, settings, tmp_path)
    due = [draft for draft in found.drafts if draft.claim is not None]
    refused = [confirm(draft, search, Split.TRAIN) for draft in due]
    assert refused
    assert {each.reason for each in refused if isinstance(each, Refusal)} == {
        "the figure is not in the facts"
    }
    assert not any(isinstance(each, Example) for each in refused)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda d: {**d, "company": "Somebody Else"}, "words that the document doesn't have"),
        (
            lambda d: {**d, "document": d["document"] + d["completion"] + ", up from "},
            "the figure stands in the document",
        ),
        (lambda d: {"document": d["document"]}, "not as asked"),
        (lambda d: {**d, "completion": ""}, "silence and figure mixed up"),
    ],
)
def test_documents_not_as_asked_are_counted_by_reason(
    commissioned, store, settings, tmp_path, spoil, reason
) -> None:
    with running(Claude(writing(lambda fact: [spoil(d) for d in honest(fact)]))) as claude:
        due = [commission for commission in commissioned if not commission.silent]
        found = written(claude, due, store, settings, tmp_path)
    assert found.thrown_out == {reason: 2 * len(due)}


def test_unrealistic_documents_are_thrown_out(commissioned, store, settings, tmp_path) -> None:
    with running(Claude(writing(honest, rating=2.0))) as claude:
        found = written(claude, commissioned, store, settings, tmp_path)
    assert found.drafts == ()
    assert found.thrown_out == {"not realistic": 24}
