"""Servers as one: whichever turn is asked for, some server samples it, though others die."""

import asyncio
from collections.abc import Sequence

import aiohttp

from ledgerline.errors import LedgerlineError
from ledgerline.policy.engine import Sampling
from ledgerline.policy.vllm.server import LoadedAdapter, Server, ServerLostError, Turn


class _Member:
    """A server in the fleet. `lives` tells its old failures from new ones."""

    def __init__(self, server: Server, rows: int):
        self.server = server
        self.gate = asyncio.Semaphore(rows)
        self.lives = 0
        self.fault = "it does not answer"


class Fleet:
    """`servers`, for one step within one event loop. `rows`: turns in flight at one server.
    `restarts`: how often one may come back before it is left out.
    """

    def __init__(
        self, servers: Sequence[Server], session: aiohttp.ClientSession, rows: int, restarts: int
    ):
        self._members = [_Member(server, rows) for server in servers]
        self._session = session
        self._restarts = restarts
        self._recoveries: list[asyncio.Task[None]] = []

    async def publish(self, adapter: LoadedAdapter, old: LoadedAdapter | None) -> None:
        """Load `adapter` on every server that is there, `old` being no longer needed."""
        await asyncio.gather(*(self._give(member, adapter, old) for member in self._members))
        if not self._live():
            raise self._nobody()

    async def sample(
        self,
        home: float,
        adapter: LoadedAdapter,
        history: Sequence[int],
        budget: int,
        sampling: Sampling,
        end_of_turn: int,
    ) -> Turn:
        """One turn after `history`, from the server at `home` (0 ≤ home < 1 runs over them all).

        The same home leads to the same server while it lives, where the history is cached.
        """
        while True:
            member = await self._at(home)
            life = member.lives
            try:
                async with member.gate:
                    return await member.server.complete(
                        self._session, adapter, history, budget, sampling, end_of_turn
                    )
            except ServerLostError as fault:
                if member.server.live and member.lives == life:
                    member.server.live, member.fault = False, str(fault)
                    recovery = asyncio.create_task(self._recover(member, adapter))
                    self._recoveries.append(recovery)

    async def _at(self, home: float) -> _Member:
        while True:
            chosen = self._members[int(home * len(self._members))]
            if chosen.server.live:
                return chosen
            live = self._live()
            if live:
                return live[int(home * len(live))]
            for recovery in self._recoveries:
                await recovery
            if not self._live():
                raise self._nobody()

    async def _recover(self, member: _Member, adapter: LoadedAdapter) -> None:
        while member.lives < self._restarts and await member.server.recover(self._session):
            member.lives += 1
            try:
                await member.server.load(self._session, adapter)
            except ServerLostError as fault:
                member.fault = str(fault)
            else:
                member.server.live = True
                return

    async def _give(
        self, member: _Member, adapter: LoadedAdapter, old: LoadedAdapter | None
    ) -> None:
        server = member.server
        try:
            server.live = await server.join(self._session)
            if server.live:
                await server.load(self._session, adapter)
                if old and old.name != adapter.name:
                    await server.unload(self._session, old)
        except ServerLostError as fault:
            server.live, member.fault = False, str(fault)

    def _live(self) -> list[_Member]:
        return [member for member in self._members if member.server.live]

    def _nobody(self) -> LedgerlineError:
        faults = "; ".join(
            f"{member.server} (restarted {member.lives} times): {member.fault}"
            for member in self._members
        )
        return LedgerlineError(f"no vLLM server is left: {faults}")
