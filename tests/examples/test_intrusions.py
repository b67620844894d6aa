"""Training documents that begin with what doesn't belong."""

from ledgerline.evaluation.suites import adversarial
from ledgerline.examples.intrusions import LONGEST, with_intrusions
from ledgerline.examples.mentions import Mentions, fiscal_years
from ledgerline.examples.synthesize import Corpus
from ledgerline.filings.catalogue import Catalogue


def test_a_share_begins_with_one_and_asks_for_the_same(corpus: Corpus) -> None:
    changed = with_intrusions(corpus.train, 0.3, seed=1)
    pairs = [(new, old) for new, old in zip(changed, corpus.train, strict=True) if new.id != old.id]
    assert 0.2 < len(pairs) / len(corpus.train) < 0.4
    assert len({new.id for new in changed}) == len({old.id for old in corpus.train})
    for new, old in pairs:
        assert new.prompt.endswith(old.prompt)
        assert len(new.prompt) > len(old.prompt)
        assert (new.calls, new.completion, new.glossary) == (
            old.calls,
            old.completion,
            old.glossary,
        )
    assert {new.is_due for new, _ in pairs} == {True, False}
    assert with_intrusions(corpus.train, 0.3, seed=1) == changed


def test_none_names_what_may_be_held_out(corpus: Corpus) -> None:
    mentions = Mentions([], Catalogue.load())
    intruded = with_intrusions(corpus.train, 1.0, seed=1)
    for new, old in zip(intruded, corpus.train, strict=True):
        start = new.prompt.removesuffix(old.prompt)
        assert 0 < len(start) <= LONGEST
        assert not mentions.find(start), start
        assert not fiscal_years(start), start


def test_the_adversarial_suites_hold_none_of_them(corpus: Corpus) -> None:
    intruded = with_intrusions(corpus.train, 1.0, seed=1)
    begun = {
        new.prompt.removesuffix(old.prompt).split("$")[0].strip()
        for new, old in zip(intruded, corpus.train, strict=True)
    }
    hosts = {example.prompt for example in corpus.test}
    for attack in adversarial(corpus.test, 20, seed=1):
        host = next(prompt for prompt in hosts if attack.prompt.endswith(prompt))
        start = attack.prompt.removesuffix(host).strip()
        assert not {text for text in begun if len(text) > 4 and text in start}
