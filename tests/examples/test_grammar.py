import random
import re
from dataclasses import replace

from ledgerline.examples.grammar import Phrasing, Recombination, expansions, phrasings, telling
from ledgerline.examples.mentions import Mentions
from ledgerline.examples.scribe import OPENINGS, Scribe
from ledgerline.examples.silence import TALK_KINDS
from ledgerline.examples.synthesize import SILENT_KINDS, make_holdouts
from ledgerline.examples.universe import Universe
from ledgerline.filings.catalogue import Catalogue
from ledgerline.filings.search import Search
from ledgerline.filings.store import Store
from tests.examples.corpora import settings_with

SLOTS = {
    "company", "company's", "metric", "Metric", "period", "Period", "short", "date", "Date",
    "was", "has",
}  # fmt: skip
TWO_PERIODS, TWO_METRICS = {"figure", "prior", "up", "rose"}, {"other", "other_figure"}
MORE_SLOTS = {
    **dict.fromkeys(("prior", "change", "growth"), TWO_PERIODS),
    **dict.fromkeys(("margin", "several"), TWO_METRICS),
}


def test_there_are_many_phrasings_in_four_registers() -> None:
    families = {name: texts for name, texts in phrasings().items() if name != OPENINGS}
    every = [phrasing for texts in families.values() for phrasing in texts]
    assert len(every) >= 83000
    assert len(families["flow"]) >= 27000
    assert all(len(families[kind]) >= 4500 for kind in TALK_KINDS)
    assert len({phrasing.id for phrasing in every}) == len(every)
    assert {phrasing.register for phrasing in every} == {"memo", "deck", "email", "press"}


def test_ten_kinds_and_more_keep_silent() -> None:
    assert len(SILENT_KINDS) >= 10


def test_every_slot_can_be_filled() -> None:
    for family, texts in phrasings().items():
        slots = SLOTS | MORE_SLOTS.get(family, set())
        for phrasing in texts:
            filled = phrasing.fill(dict.fromkeys(slots, "X"), random.Random(0))
            assert not set("{}") & set(filled)
            assert not re.search(r"\([^()]*\|[^()]*\)", filled)


def test_due_phrasings_name_company_metric_and_period() -> None:
    for family in ("flow", "balance", "relative", "prior", "change", "growth", "margin", "several"):
        for phrasing in phrasings()[family]:
            assert phrasing.slots & {"company", "company's"}, phrasing.text
            assert phrasing.slots & {"metric", "Metric"}, phrasing.text
            assert phrasing.slots & {"period", "Period", "short", "date", "Date"}, phrasing.text


def test_phrasings_name_no_metric_of_their_own() -> None:
    mentions = Mentions([], Catalogue.load())
    for texts in phrasings().values():
        for phrasing in texts:
            for text in expansions(phrasing.text):
                assert not mentions.find(re.sub(r"\{[^}]*\}", "@", text)), text


def test_sentences_begin_with_a_capital() -> None:
    small = re.compile(r"(?:^|(?<!vs)[.?!] )\{(?:metric|period|short|date|other|prior)\}")
    for texts in phrasings().values():
        for phrasing in texts:
            assert not any(map(small.search, expansions(phrasing.text))), phrasing.text


def test_a_legal_form_and_a_sentence_share_their_full_stop() -> None:
    phrasing = Phrasing("", "", "", "Filer: {company}. {Metric}:", frozenset())
    words = {"company": "Acme Corp.", "Metric": "Revenue"}
    assert phrasing.fill(words, random.Random(0)) == "Filer: Acme Corp. Revenue: "


def test_a_recombination_has_the_slots_of_its_model_and_the_parts_of_others() -> None:
    flow, rng = phrasings()["flow"], random.Random(4)
    parts = Recombination(flow)
    made = [(model, parts.like(model, rng)) for model in flow for _ in range(3)]
    for model, new in made:
        assert slots_in_order(new) == slots_in_order(model)
        assert (new.id, new.register) == (model.id, model.register)
        filled = new.fill(dict.fromkeys(SLOTS, "X"), rng)
        assert not re.search(r"\([^()]*\|[^()]*\)", filled)
    written = {phrasing.text for phrasing in flow}
    assert len({new.text for _, new in made} - written) > 2 * len(flow)


def test_what_stands_beside_a_period_may_stand_beside_a_date() -> None:
    flow = Phrasing("f", "flow", "memo", "Quote {company} for {period}: {metric} was", frozenset())
    balance = replace(flow, id="b", text="See {company} on {date}; {metric}:")
    parts, rng = Recombination([flow, balance]), random.Random(0)
    made = {parts.like(balance, rng).text for _ in range(60)}
    assert "Quote {company} for {date}: {metric} was" in made
    assert len(made) == 16


def test_a_word_tells_by_how_often_it_stands_elsewhere() -> None:
    def written(*texts: str) -> list[Phrasing]:
        return [Phrasing(text, "", "memo", text, frozenset()) for text in texts]

    opinions = written("We think {company} is strong", "We think {metric} is weak")
    tells = telling(opinions, written("{company} is", "{metric} is", "We say {metric} is"))
    assert tells["think"] > tells["strong"] > tells["is"]
    assert tells["think"] > tells["we"] > tells["is"]


def slots_in_order(phrasing: Phrasing) -> list[str]:
    named = re.findall(r"\{([^}]*)\}", phrasing.text)
    return [slot for slot in named if slot not in ("was", "has", "up", "rose")]


def test_a_phrasing_of_many_readings_is_drawn_more_often(store: Store, search: Search) -> None:
    holdouts = make_holdouts(settings_with().holdouts, seed=1)
    one = Phrasing("one", "flow", "memo", "{company}, {metric}, {period}:", frozenset())
    many = replace(one, id="many", text="(a|b|c) (d|e|f) {company}, {metric}, {period}:")
    universe = Universe(store.companies(), search, search.catalogue, holdouts)
    scribe, rng = Scribe(universe, {"flow": [one, many]}), random.Random(1)
    drawn = [scribe.phrasing("flow", frozenset(), rng) for _ in range(400)]
    assert sum(phrasing is many for phrasing in drawn) == 300


def test_phrasings_are_taken_in_turn_and_scribes_share_them(store: Store, search: Search) -> None:
    holdouts = make_holdouts(settings_with().holdouts, seed=1)
    flow = [replace(one, text=f"{{company}} {one.id}") for one in phrasings()["flow"][:100]]
    universe = Universe(store.companies(), search, search.catalogue, holdouts)
    taken = []
    for along in (0.0, 0.5):
        scribe, rng = Scribe(universe, {"flow": flow}, along=along), random.Random(1)
        fitting = sum(phrasing.id not in holdouts.phrasings for phrasing in flow)
        drawn = [scribe.phrasing("flow", frozenset(), rng) for _ in range(fitting // 2)]
        taken += [phrasing.id for phrasing in drawn if phrasing]
    assert fitting > 50
    assert len(set(taken)) == len(taken) == 2 * (fitting // 2)
