"""How Claude is commissioned to write, and at what price; free of the SDK, to load quickly."""

from ledgerline.settings import Settings


class Prices(Settings):
    """US dollars a million tokens, as billed in batches."""

    input: float
    output: float
    cache_write: float
    cache_read: float


class BatchSettings(Settings):
    """How Claude is asked in bulk.

    `per_batch` requests go into one batch, which is looked at every `poll_seconds`. A request
    that was not served (overload, expiry) or came back cut off is sent again, `rounds` times in
    all. `budget` is the highest estimate, in dollars, that is run without a word.
    """

    model: str
    max_tokens: int
    per_batch: int
    poll_seconds: float
    rounds: int
    budget: float
    prices: Prices


class ClaudeSettings(Settings):
    """How much Claude writes, and what of it is taken.

    `facts` are written about, with `variants` documents each; `silent` is the share of them where
    nothing is due. `realism` is the lowest rating, 0 to 10, that passes.
    """

    facts: int
    variants: int
    silent: float
    realism: float
    batches: BatchSettings
