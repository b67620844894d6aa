"""The signs and words that figures are written with: currencies, scales, percent."""

SYMBOLS = {
    "USD": "$",
    "EUR": "€",
    "GBP": "£",
    "JPY": "¥",
    "TWD": "NT$",
    "CAD": "C$",
    "AUD": "A$",
    "HKD": "HK$",
    "SGD": "S$",
    "BRL": "R$",
    "INR": "₹",
    "KRW": "₩",
    "CNY": "RMB ",
    "ILS": "₪",
}
SCALES = (
    (12, "trillion", 2),
    (9, "billion", 1),
    (6, "million", 1),
    (3, "thousand", 0),
)
SCALE_WORDS = {
    "hundred thousand": 5,
    "thousand": 3,
    "thousands": 3,
    "k": 3,
    "million": 6,
    "millions": 6,
    "mio": 6,
    "mln": 6,
    "mn": 6,
    "mm": 6,
    "m": 6,
    "billion": 9,
    "billions": 9,
    "bln": 9,
    "bn": 9,
    "b": 9,
    "trillion": 12,
    "trillions": 12,
    "trn": 12,
    "tn": 12,
    "t": 12,
}
PREFIXES = {
    "US$": "USD",
    "U.S.$": "USD",
    "U.S. $": "USD",
    "NT$": "TWD",
    "NTD": "TWD",
    "HK$": "HKD",
    "CA$": "CAD",
    "C$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "S$": "SGD",
    "R$": "BRL",
    "CN¥": "CNY",
    "JP¥": "JPY",
    "RMB": "CNY",
    "$": "USD",
    "€": "EUR",
    "£": "GBP",
    "¥": "JPY",
    "₩": "KRW",
    "₹": "INR",
    "₪": "ILS",
}
CODES = (
    "USD|EUR|GBP|JPY|TWD|CAD|AUD|HKD|SGD|BRL|INR|KRW|CNY|ILS|CHF|SEK|NOK|DKK|MXN|ZAR|NZD|RUB"
    "|PLN|CZK|HUF|TRY|THB|IDR|MYR|PHP|CLP|COP|ARS|PEN|VND|AED|SAR|KZT"
)
CURRENCY_WORDS = {
    "us dollars": "USD",
    "u.s. dollars": "USD",
    "dollars": "USD",
    "dollar": "USD",
    "euros": "EUR",
    "euro": "EUR",
    "pounds": "GBP",
    "yen": "JPY",
    "yuan": "CNY",
    "new taiwan dollars": "TWD",
}
PERCENT = ("%", "percent", "per cent", "pct", "percentage points", "percentage point")
POINTS = ("basis points", "basis point", "bps", "bp")
MULTIPLE = ("x", "×", "times")
CENTS = ("cents", "cent", "¢")
