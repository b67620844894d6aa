"""The completion server: a document in, the figure that is due at its end out, or nothing."""

import json
import threading
import time
from datetime import date
from pathlib import Path
from typing import Any

import torch
import yaml
from fastapi import FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from ledgerline.environments.episode import Episode
from ledgerline.environments.filings import FilingsEnvironment
from ledgerline.environments.transcript import Outcome
from ledgerline.errors import LedgerlineError
from ledgerline.evaluation.judging import repeats
from ledgerline.evaluation.manifest import verify_manifest
from ledgerline.evaluation.playing import GREEDY, confidence
from ledgerline.evaluation.promotion import THRESHOLD
from ledgerline.evaluation.reevaluate import Conditions, read_conditions
from ledgerline.filings.search import Search
from ledgerline.policy.policy import Policy
from ledgerline.rewards.components import unsupported

LONGEST = 100_000
"""Characters of a document; a policy has room for far fewer."""


class Question(BaseModel):
    """A document up to the caret. Filings made after `document_date` are not seen."""

    model_config = ConfigDict(extra="forbid")

    document: str = Field(min_length=1, max_length=LONGEST)
    document_date: date | None = None


class Answer(BaseModel):
    """`completion`: the figure as it should stand there, "" for none. `evidence`: the look-ups
    that found something, none without a completion. `confidence`: the policy's, 0 to 1.
    `seconds`: what the episode took."""

    completion: str
    evidence: list[dict[str, Any]]
    confidence: float
    seconds: float


class Completer:
    """Plays one document at a time, as the evaluation plays those that it times.

    What the policy is less sure of than `threshold` is withheld, and so is what no look-up of its
    own supports or the document says already; None withholds everything.
    """

    def __init__(
        self, policy: Policy, conditions: Conditions, search: Search, threshold: float | None
    ):
        settings = conditions.evaluate.engine.model_copy(update={"rows": 1})
        self._codec = policy.codec
        self._engine = policy.embedded_engine(settings)
        self._room = min(settings.positions, policy.plain.config.max_position_embeddings)
        self._limits = conditions.limits
        self._search = search
        self._threshold = float("inf") if threshold is None else threshold
        self._generator = torch.Generator().manual_seed(conditions.evaluate.seed)
        self._one_at_a_time = threading.Lock()

    def complete(self, document: str, document_date: date | None) -> Answer:
        """What to show at the end of `document`.

        Raises LedgerlineError for a document that the policy has no room for, RuntimeError for
        a tool's own fault.
        """
        with self._one_at_a_time:
            started = time.perf_counter()
            fields = {"document": document, "document_date": document_date}
            episode = Episode(FilingsEnvironment(self._search), fields, self._codec, self._limits)
            if episode.prompt_length >= self._room:
                raise LedgerlineError(
                    f"the document comes to {episode.prompt_length} tokens with the instructions, "
                    f"and the policy has room for {self._room}: send less of what stands before"
                )
            self._engine.play([episode], GREEDY, self._generator)
            seconds = time.perf_counter() - started
        transcript = episode.transcript()
        if transcript.outcome is Outcome.TOOL_FAILED:
            raise RuntimeError(transcript.turns[-1].problem)
        sure = confidence(episode, self._codec)
        answered = transcript.outcome is Outcome.ANSWERED
        withheld = unsupported(transcript) or repeats(transcript) or sure < self._threshold
        shown = answered and not withheld
        return Answer(
            completion=(transcript.answer or "") if shown else "",
            evidence=[dict(found) for found in transcript.evidence if shown and found["hit"]],
            confidence=sure,
            seconds=seconds,
        )


def load_completer(folder: Path, search: Search, threshold: float | None) -> Completer:
    """The policy of the registered version whose files lie in `folder`, under its own params.

    Raises LedgerlineError when a file of the policy isn't the one that was registered.
    """
    try:
        manifest = json.loads((folder / "manifest.json").read_text())
    except (OSError, ValueError) as error:
        raise LedgerlineError(
            f"{folder} holds no manifest of a registered version ({error}); give the folder that "
            "its files were downloaded to, or none for the champion"
        ) from None
    verify_manifest(folder / "policy", manifest)
    conditions = read_conditions(folder / "evaluation" / "params.yaml")
    policy = Policy.load(folder / "policy", conditions.attention)
    policy.merge_adapter()
    return Completer(policy, conditions, search, threshold)


def stored_threshold(folder: Path) -> float | None:
    """The threshold that `MLmodel` keeps in a version's folder; None when none was certified."""
    path = folder / "MLmodel"
    content: Any = yaml.safe_load(path.read_text()) if path.is_file() else None
    text = ((content or {}).get("metadata") or {}).get(THRESHOLD, "")
    return float(text) if text else None


def application(completer: Completer) -> FastAPI:
    """The server: `POST /complete`, a `Question` in, an `Answer` out."""
    server = FastAPI(title="Ledgerline", docs_url=None, redoc_url=None)

    @server.post("/complete")
    def complete(question: Question) -> Answer:
        try:
            return completer.complete(question.document, question.document_date)
        except LedgerlineError as error:
            raise HTTPException(422, str(error)) from None

    @server.exception_handler(RequestValidationError)
    async def refuse(_: Request, error: RequestValidationError) -> JSONResponse:
        # In words, and without the input, which may be anything.
        faults = (
            f"{'.'.join(str(part) for part in fault['loc'])}: {fault['msg']}"
            for fault in error.errors()
        )
        return JSONResponse({"detail": "; ".join(faults)}, 422)

    return server
