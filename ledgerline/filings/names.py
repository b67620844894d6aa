"""Plausible, varied company names for the generated universe; no two are easily confused."""

# ruff: noqa: SIM905 - long lists of words read better as text

import random
from collections.abc import Callable, Iterator

_SURNAME_HEADS = (
    "Hal Bren Thorn Whit Ash Kes Mar Lind Old Pem Rad Stan Win Black Crom Dun El Far Gar Har Ives "
    "Jes Kirk Lang Mill Nor Os Pres Quar Rox Sel Tem Up Van Wal Yard Zim Al Bel Cal Dal Ed Fen "
    "Gran Hol In Kel Led Mon New Ol Pol Red San Tur Ver Wes York Bar Cor Der Es For Gal Hen Law"
).split()
_SURNAME_TAILS = (
    "ford ley worth ton berg man sen son stein well wick by dale shaw combe more ridge quist strom "
    "feld gate mont ham ster brook land ville hurst stead croft"
).split()
_ONSETS = (
    "b br c cl d dr f fl g gr h j k l m n p pr qu r s st t tr v w x z b c d l m n s t v".split()
)
_VOWELS = "a e i o u a e i o u ia ea".split()
_CODAS = ("", "", "", "n", "r", "l", "x", "s", "m", "nt", "rd", "th", "nd", "v", "q")
_ENDINGS = "ra on ix us ia eon ara yx ant ora um is en ova ita ex al or ent ika".split()
_ADJECTIVES = (
    "Silver Bright Northern Southern Eastern Western Golden Iron Crystal Amber Cedar Granite Quiet "
    "Royal Summit Atlantic Pacific Coastal Prairie Highland Central United Premier Pioneer Noble "
    "Keystone Liberty Heritage Cardinal Copper Crimson Emerald Evergreen Frontier Grand Harbor "
    "Horizon Imperial Juniper Lakeside Maple Meridian Midland Monarch Orchard Patriot Sapphire "
    "Sentinel Sierra Sterling Tidewater Titan Twin Union Valley Velvet Winter Autumn Scarlet "
    "Hidden Distant Rapid Open Common Parallel Seven Three Fourth Arctic Alpine Desert Cobalt"
).split()
_NOUNS = (
    "Falcon Anchor Bridge Canyon Compass Creek Crown Delta Eagle Elm Ember Field Forge Fox Gate "
    "Glen Grove Hawk Heron Hill Island Key Lantern Lark Ledge Lion Meadow Mesa Mill Moon Oak Otter "
    "Peak Pine Plain Point Quarry Raven Reef Ridge River Robin Rock Sail Shore Sky Spring Spruce "
    "Star Stone Stream Sun Swan Thistle Timber Torch Tower Trail Vale Vine Wagon Wave Willow Wolf "
    "Arrow Badger Beacon Birch Bison Cliff Clover Crane Dune Finch Garnet Harvest Ivy Jasper Kite"
).split()
_PLACES = (
    "Cascadia Marlowe Tamarack Ossipee Calumet Wabash Klamath Sonora Laredo Pemaquid Saginaw "
    "Monadnock Chesapeake Shoshone Allegheny Ozark Catalina Savannah Brazos Yellowstone Teton "
    "Aroostook Kanawha Muskegon Susquehanna Okanagan Tahoe Biscayne Palouse Catskill Berkshire "
    "Piedmont Ouachita Cimarron Roanoke Pamlico Sandusky Wichita Spokane Mohawk Niagara Cumberland "
    "Shenandoah Everglade Mackinac Olympic Redwood Bitterroot Flathead Gallatin Humboldt Mojave"
).split()

SECTOR_WORDS: dict[str, tuple[str, ...]] = {
    "software": ("Software", "Systems", "Technologies", "Cloud", "Networks", "Labs", "Data"),
    "hardware": ("Semiconductor", "Devices", "Micro", "Electronics", "Technologies", "Photonics"),
    "manufacturing": ("Industries", "Manufacturing", "Industrial", "Products", "Engineering"),
    "retail": ("Stores", "Retail", "Outfitters", "Brands", "Markets", "Home", "Apparel"),
    "consumer": ("Foods", "Brands", "Beverage", "Consumer Products", "Farms", "Bakeries"),
    "pharma": ("Pharmaceuticals", "Therapeutics", "Biosciences", "Biotech", "Health Sciences"),
    "health": ("Health", "Medical", "Healthcare", "Diagnostics", "Surgical", "Care"),
    "energy": ("Energy", "Petroleum", "Oil & Gas", "Resources", "Exploration", "Midstream"),
    "utility": ("Electric", "Power", "Gas", "Utilities", "Water", "Power & Light"),
    "bank": ("Bancorp", "Bancshares", "Financial", "Bank", "Trust", "Savings"),
    "insurance": ("Insurance", "Assurance", "Mutual", "Indemnity", "Casualty", "Re"),
    "reit": ("Realty", "Properties", "Property Trust", "Residential", "REIT", "Land"),
    "transport": ("Logistics", "Freight", "Airlines", "Transport", "Rail", "Shipping"),
    "media": ("Media", "Entertainment", "Broadcasting", "Studios", "Publishing", "Games"),
    "services": ("Services", "Group", "Consulting", "Staffing", "Solutions", "Partners"),
    "mining": ("Mining", "Metals", "Minerals", "Materials", "Steel", "Gold"),
}
_LEGAL = (
    *(", Inc.",) * 5, *(" Inc.",) * 4, *(" Corp.",) * 4, *(" Corporation",) * 3, *(" Co.",) * 2,
    *(" Company",) * 2, " Ltd.", " plc", ", L.P.", " Limited", " N.V.", "", "", "",
)  # fmt: skip
_UMBRELLAS = ("Holdings", "Group", "International", "Enterprises", "Partners", "Worldwide")


def company_names(count: int, sectors: list[str], seed: int) -> list[str]:
    """`count` distinct names, the n-th fitting the n-th of `sectors`; the same for a seed.

    The distinguishing part of a name (without sector word and legal form) is at least two
    edits away from that of any other, and none is a part of another.
    """
    random_ = random.Random(f"names {seed}")
    taken: set[str] = set()
    names = []
    for sector in sectors[:count]:
        while True:
            family = random_.choices(_FAMILIES, _WEIGHTS)[0]
            core, name = family(random_, sector)
            variants = set(_one_edit_apart(core))
            if taken.isdisjoint(variants):
                break
        taken |= variants
        legal = random_.choice(_LEGAL)
        if name.endswith(("Sons", "Co", "Brothers")) and legal in (" Co.", " Company"):
            legal = ", Inc."
        names.append(name + legal)
    return names


def _one_edit_apart(core: str) -> Iterator[str]:
    """Keys that two cores share exactly when they are within one edit (or nearly so)."""
    letters = "".join(c for c in core.lower() if c.isalnum())
    yield letters
    for position in range(len(letters)):
        yield f"{letters[:position]}{letters[position + 1 :]}"


def _surname(random_: random.Random) -> str:
    return random_.choice(_SURNAME_HEADS) + random_.choice(_SURNAME_TAILS)


def _coined(random_: random.Random) -> str:
    word = ""
    for _ in range(random_.choice((1, 2, 2, 2))):
        word += random_.choice(_ONSETS) + random_.choice(_VOWELS) + random_.choice(_CODAS)
    return (word + random_.choice(_ENDINGS)).capitalize()


def _word(random_: random.Random, sector: str) -> str:
    return random_.choice(SECTOR_WORDS[sector])


def _of_surnames(random_: random.Random, sector: str) -> tuple[str, str]:
    one, other, third = (_surname(random_) for _ in range(3))
    word, umbrella = _word(random_, sector), random_.choice(_UMBRELLAS)
    return random_.choice(
        (
            (f"{one}Sons", f"{one} & Sons"),
            (one + other, f"{one} & {other}"),
            (one + other, f"{one}-{other} {word}"),
            (f"{one}Brothers", f"{one} Brothers"),
            (one, f"{one} {umbrella}"),
            (one + other + third, f"{one}, {other} & {third}"),
            (one, f"{one} {word}"),
            (one, f"{one} {word}"),
        )
    )


def _of_coined(random_: random.Random, sector: str) -> tuple[str, str]:
    word = _coined(random_)
    form = random_.randrange(6)
    if form == 0:
        return word, word
    if form == 1:
        return word, f"{word} {random_.choice(_UMBRELLAS)}"
    if form == 2:
        tail = random_.choice(("Bio", "Tech", "Net", "Wave", "Works", "Soft", "Path", "Core"))
        return word + tail, f"{word}{tail}"
    return word, f"{word} {_word(random_, sector)}"


def _of_places(random_: random.Random, sector: str) -> tuple[str, str]:
    place = random_.choice(_PLACES)
    head = random_.choice(_ADJECTIVES)
    noun = random_.choice(_NOUNS)
    form = random_.randrange(5)
    if form == 0:
        return f"First{place}{noun}", f"First {place} {noun} {_word(random_, sector)}"
    if form == 1:
        return place + noun, f"{place} {noun} {_word(random_, sector)}"
    if form == 2:
        surname = _surname(random_)
        return f"{surname}of{place}", f"{surname} of {place}"
    if form == 3:
        return head + place, f"{head} {place} {_word(random_, sector)}"
    return place + head, f"{place} {head} {_word(random_, sector)}"


def _of_words(random_: random.Random, sector: str) -> tuple[str, str]:
    head, noun = random_.choice(_ADJECTIVES), random_.choice(_NOUNS)
    form = random_.randrange(5)
    if form == 0:
        return head + noun, f"{head}{noun.lower()} {_word(random_, sector)}"
    if form == 1:
        other = random_.choice(_NOUNS)
        return noun + other, f"{noun} & {other} {_word(random_, sector)}"
    if form == 2:
        return head + noun, f"{head} {noun}"
    if form == 3:
        surname = _surname(random_)
        return surname + noun, f"{surname} {noun} {_word(random_, sector)}"
    return head + noun, f"{head} {noun} {_word(random_, sector)}"


_Family = Callable[[random.Random, str], tuple[str, str]]
_FAMILIES: tuple[_Family, ...] = (_of_surnames, _of_coined, _of_places, _of_words)
_WEIGHTS = (30, 35, 15, 20)


def tickers(names: list[str], seed: int) -> list[str]:
    """One distinct ticker of two to five letters for each name."""
    random_ = random.Random(f"tickers {seed}")
    taken: set[str] = set()
    found = []
    for name in names:
        letters = [c for c in name.upper() if "A" <= c <= "Z"]
        length = random_.choice((3, 3, 4, 4, 4))
        ticker = letters[0] + "".join(random_.sample(letters[1:], min(length, len(letters)) - 1))
        while ticker in taken:
            ticker = letters[0] + "".join(
                random_.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ") for _ in range(length)
            )
        taken.add(ticker)
        found.append(ticker)
    return found
