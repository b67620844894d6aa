"""Names of things that managements count and nobody files: no look-up finds them.

They are many and made of many words on purpose. A policy that meets only the metrics that
companies report learns them by heart; one that meets these has to copy what stands in the
document, and so can also ask for a metric that it has never seen.
"""

import random
from collections.abc import Sequence

from ledgerline.examples.everyday_words import ADJECTIVES, NOUNS

_MEASURE = (
    "accuracy", "additions", "availability", "awareness", "backlog", "cancellations", "capacity",
    "completions", "conversions", "coverage", "cycle time", "days", "density", "diversity",
    "downtime", "efficiency", "engagement", "enrolments", "exposure", "frequency", "happiness",
    "hours", "impressions", "index", "intensity", "kilometres", "minutes", "mix", "mileage",
    "occupancy", "openings", "penetration", "productivity", "punctuality", "quality", "ranking",
    "rating", "reach", "readership", "redemptions", "renewals", "response time", "retention",
    "returns", "satisfaction", "score", "sentiment", "sessions", "starts", "tenure", "throughput",
    "tonnage", "traffic", "trips", "turnaround", "units", "uptime", "usage", "utilisation",
    "velocity", "visits", "volume", "wait", "yield",
)  # fmt: skip
# Words that real metrics begin with too: how a name begins must not tell how it goes on.
_LEADING = (
    "capital", "cash", "change in", "cost of", "current", "gross", "interest", "long-term", "net",
    "non-current", "operating", "other", "research", "short-term", "total",
)  # fmt: skip
_ACT = (
    "additions", "allocations", "amortization", "benefits", "charges", "contributions", "gains",
    "income", "investments", "losses", "payments", "proceeds", "provision", "purchases",
    "recoveries", "reductions", "settlements", "transfers",
)  # fmt: skip
# And words that stand anywhere in a statement: what has been copied only behind "net cash from"
# can't be begun with.
_STATEMENT = (
    "adjusted", "administrative", "assets", "borrowing", "buildings", "cash", "claims", "costs",
    "credit", "debt", "deferred", "deposits", "depreciation", "diluted", "disposals", "dividends",
    "earnings", "equity", "expense", "expenses", "finance", "financing", "fixed", "funding",
    "funds", "general", "goods", "intangibles", "inventory", "investing", "issued", "issuance",
    "leases", "liabilities", "loans", "marketing", "plant", "premium", "profit", "property",
    "receivables", "repurchases", "reserves", "restructuring", "revenue", "royalties", "sales",
    "securities", "selling", "shares", "spending", "stock", "tax", "taxes", "turnover", "working",
)  # fmt: skip
_OWNERS = ("alumni", "associates", "co-owners", "franchisees", "members", "partners", "sponsors")
_STATE = ("accrued", "consolidated", "disputed", "impaired", "pledged", "restricted", "settled")
_DO = ("acquire", "develop", "equip", "lease", "maintain", "replace", "restore", "upgrade")
_SYLLABLES = (
    "ad", "al", "an", "ar", "as", "be", "bra", "ca", "cel", "chi", "co", "cre", "da", "del", "di",
    "do", "dy", "el", "en", "ep", "er", "es", "ex", "fa", "fi", "flo", "for", "ga", "gli", "go",
    "gra", "ha", "he", "hy", "im", "in", "is", "ja", "jo", "ka", "ki", "la", "le", "li", "lo",
    "lu", "ma", "me", "mi", "mo", "na", "ne", "no", "nu", "ob", "on", "or", "os", "pa", "pe", "phi",
    "pla", "pol", "pre", "pro", "qua", "ra", "re", "ri", "ro", "sa", "sci", "se", "sha", "si",
    "so", "sta", "su", "ta", "te", "ti", "to", "tra", "tu", "ul", "un", "ur", "va", "ve", "vi",
    "vo", "wa", "we", "wi", "xa", "ya", "ze", "zo",
)  # fmt: skip
_HEARD = 0.25
_SINGULAR = frozenset(NOUNS)
_ENDINGS = ("", "", "l", "m", "n", "r", "s", "t", "x", "ment", "ing", "tion", "ure", "ity", "ics")


def indicator(rng: random.Random, heard: Sequence[str] = ()) -> str:
    """A name such as "brisk orchard response time", "total survey and wagon hours" or "DTR".

    `heard`: words of documents, of which any may stand in it.
    """
    first = rng.choice((*ADJECTIVES, *_STATEMENT)) if rng.random() < 0.6 else invented_word(rng)
    thing, other, third = (_thing(rng, heard) for _ in range(3))
    measure = rng.choice(_MEASURE) if rng.random() < 0.5 else _thing(rng, heard)
    act, leading, state = rng.choice(_ACT), rng.choice(_LEADING), rng.choice(_STATE)
    owners, do = rng.choice(_OWNERS), rng.choice(_DO)
    deed = rng.choice(_ACT) if rng.random() < 0.3 else other
    shapes = (
        rng.choice(NOUNS),
        rng.choice(heard).lower() if heard else rng.choice(NOUNS),
        invented_word(rng).lower(),
        f"{first} {measure}",
        f"{thing} {measure}",
        f"{first} {thing} {measure}",
        f"{measure} of {first} {plural(thing)}",
        f"{leading} {first} {measure}",
        f"{leading} {thing} {measure}",
        f"{leading} {plural(thing)}",
        f"{thing} {act}",
        f"{thing} and {other} {measure}",
        f"{thing} and {other} {act}",
        f"{act} of {thing}, {other} and {first} {measure}",
        f"{act} to {thing} and {other}",
        f"{act} to {do} {thing} and {other} {measure}",
        # What something is done for may be anything, and be said in one word or go on.
        f"{act} for {deed}",
        f"{act} for {deed} of {thing}",
        f"{act} for {deed} of {first} {thing} and {third}",
        f"{act} for {deed} of {thing}, {third} and {measure}",
        # In the shapes of a statement's lines: what is netted, owned, shared or in brackets.
        f"{thing} {measure}, net of {other} {act}",
        f"{leading} {thing} {measure}, net",
        f"{thing} and {other} {measure}, less {state} {act}",
        f"{thing}, {other} and {first} {measure}",
        f"{first} {measure} attributable to {owners}",
        f"{leading} {measure} per {first} {thing}",
        f"{measure} per {thing}",
        f"provision for {first} {plural(thing)}",
        f"{act} from {state} {thing} {measure}",
        f"proceeds from {measure} of {plural(thing)} and {plural(other)}",
        f"{thing} {act} ({state})",
        f"{thing}-related {act}",
        f"{first} {thing} {act}, {state} portion",
        f"{measure} before {thing} {act}",
        f"{measure} including {state} {plural(thing)}",
        f"{first} {plural(thing)} as a share of {measure}",
        f"{thing} {measure} %",
        f"{initials(rng)} {measure}",
        f"{first} {initials(rng)}",
        f"{leading} {state} {plural(thing)}",
        invented_word(rng),
        initials(rng),
    )
    return rng.choice(shapes)


def _thing(rng: random.Random, heard: Sequence[str]) -> str:
    if heard and rng.random() < _HEARD:
        return rng.choice(heard).lower()
    draw = rng.random()
    if draw < 0.2:
        return rng.choice(_STATEMENT)
    return rng.choice(NOUNS) if draw < 0.8 else invented_word(rng).lower()


def plural(thing: str) -> str:
    """ "policies", "surveys", "boxes"; words of a statement stay as they stand there, and so do
    words that seem to be plurals.
    """
    if thing in _STATEMENT or (thing.endswith("s") and thing not in _SINGULAR):
        return thing
    if thing.endswith("y") and thing[-2:-1] not in "aeo":
        return f"{thing[:-1]}ies"
    return f"{thing}es" if thing.endswith(("s", "x", "sh", "ch")) else f"{thing}s"


def initials(rng: random.Random) -> str:
    """Letters that only insiders can spell out: "DTR", "Q&V"."""
    letters = [rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(rng.randint(2, 4))]
    return "&".join(letters[:2]) if rng.random() < 0.3 else "".join(letters)


def invented_word(rng: random.Random) -> str:
    """A product's name, or a word of a trade that nobody outside knows."""
    word = "".join(rng.choice(_SYLLABLES) for _ in range(rng.randint(2, 3))) + rng.choice(_ENDINGS)
    return word.capitalize() if rng.random() < 0.4 else word
