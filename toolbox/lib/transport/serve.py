"""A server over HTTPS that gives each payload away once, and ends when all are given.

Whoever is on the network can connect to it, so nobody is waited for: each connection is on its own,
has a bounded time for each thing that it does, and is one of a bounded number.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING

from toolbox.lib.core.errors import (
    DeadlineError,
    HabitatError,
    ToolboxError,
    UsageError,
    VerificationError,
)
from toolbox.lib.core.report import Finding, Severity
from toolbox.lib.core.steps import note
from toolbox.lib.transport.credentials import context, names
from toolbox.lib.transport.offer import SILENT, Offer, Refused, Register, plain, wanted
from toolbox.lib.transport.request import CHUNK, Reader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolbox.lib.transport.credentials import Credentials
    from toolbox.lib.transport.offer import Address, Refusal, Request

HANDSHAKE_SECONDS = 5.0
REQUEST_SECONDS = 5.0
"""From the end of the handshake to the end of the request."""
TRANSFER_SECONDS = 120.0
CLOSE_SECONDS = 5.0
"""How long a client may take to hang up when it has everything."""
BACKLOG = 512
MOST_CONNECTIONS = 400
"""Of more, the oldest that has not got as far as its payload makes room."""
BUSY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Delivery:
    """A payload that was given away.

    Attributes:
        name: Name of the offer.
        source: Address that asked for it.
        seconds: Since the server began.
        body: What came with the request.
    """

    name: str
    source: str
    seconds: float
    body: bytes


@dataclass(frozen=True, slots=True)
class Report:
    """What a server did.

    Attributes:
        deliveries: What was given away.
        refusals: What was refused, those that matter first.
        missing: Names of the offers that nobody asked for as one must.
    """

    deliveries: tuple[Delivery, ...]
    refusals: tuple[Refusal, ...]
    missing: tuple[str, ...]

    def findings(self) -> tuple[Finding, ...]:
        """Return what was refused, for a report."""
        return tuple(
            Finding(
                None,
                None,
                None,
                Severity.ERROR if item.matters else Severity.WARNING,
                "refused",
                f"{item.source}, {item.count} times: {item.reason}",
                hosts=(item.offer,) if item.offer else (),
            )
            for item in self.refusals
        )

    def problem(self) -> ToolboxError | None:
        """Return what went wrong, or None.

        A request that knew the path of an offer, and was not what it claimed to be, is one, also
        when in the end all was given away: somebody has what a machine alone should have.
        """
        mattering = [item for item in self.refusals if item.matters]
        missing = f"not served: {', '.join(self.missing)}"
        if mattering:
            told = [f"{item.offer}: {item.reason} (from {item.source})" for item in mattering]
            lines = "\n".join([*told, *([missing] if self.missing else [])])
            hint = "a machine with an older bootstrap, or somebody who has got hold of one"
            return VerificationError(f"what asked did not match\n{lines}", hint=hint)
        if self.missing:
            hint = "it waits as long as --deadline says; the machine's console tells what it got"
            return DeadlineError(f"nobody asked in time; {missing}", hint=hint)
        return None


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that listens on one address of this place.

    Args:
        address: IP address; ``0.0.0.0`` and ``::`` are all.
        port: TCP port; 0 for a free one.

    Raises:
        UsageError: It is no IP address.
        HabitatError: It is none of this place's, or the port is taken.
    """
    try:
        family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET  # noqa: PLR2004
    except ValueError as error:
        message = f"{address!r} is no IP address to listen on"
        raise UsageError(message, hint="such as 192.0.2.10, or 0.0.0.0 for all") from error
    try:
        return socket.create_server((address, port), family=family, backlog=BACKLOG)
    except OSError as error:
        message = f"nothing can listen on {address} port {port} here: {error.strerror}"
        raise HabitatError(message, hint="another address or port, or 0.0.0.0 for all") from error


def is_own(address: str) -> bool:
    """Tell whether an IP address is one of this place's.

    Args:
        address: The address.
    """
    try:
        listen(address, 0).close()
    except HabitatError:
        return False
    return True


def serve(
    listener: socket.socket,
    offers: Sequence[Offer],
    credentials: Credentials,
    *,
    deadline: float,
) -> Report:
    """Give each payload away once; return when all are given, or the time is over.

    Args:
        listener: As `listen` gives it; it is closed.
        offers: What is given away.
        credentials: What the server shows, and whose client certificates it takes.
        deadline: Seconds.

    Raises:
        ToolboxError: The credentials cannot be used.
    """
    required = all(offer.client_name is not None for offer in offers)
    with listener:
        made = context(credentials, required=required)
        return asyncio.run(_Server(listener, offers, made).run(deadline))


class _Server:
    """The state of one run."""

    def __init__(
        self, listener: socket.socket, offers: Sequence[Offer], made: ssl.SSLContext
    ) -> None:
        self.listener = listener
        self.offers = tuple(offers)
        self.context = made
        self.began = time.monotonic()
        self.register = Register()
        self.deliveries: dict[str, Delivery] = {}
        self.busy: set[str] = set()
        self.open: dict[asyncio.Task[None], Address] = {}
        self.giving: set[asyncio.Task[None]] = set()
        self.largest_body = max((offer.largest_body for offer in offers), default=0)
        self.done = asyncio.Event()

    async def run(self, deadline: float) -> Report:
        self.listener.settimeout(0)
        accepting = asyncio.create_task(self._accept())
        self._end_when_all_are_given()
        with suppress(TimeoutError):
            async with asyncio.timeout(deadline):
                await self.done.wait()
        if self.giving:
            # Reason: what is half given is of use to nobody, and what is whole should be told.
            await asyncio.wait(self.giving, timeout=CLOSE_SECONDS)
        tasks = [accepting, *self.open]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        # Reason: what was aborted is closed in the next round of the loop.
        await asyncio.sleep(0)
        missing = (offer.name for offer in self.offers if offer.name not in self.deliveries)
        return Report(tuple(self.deliveries.values()), self.register.all(), tuple(missing))

    def _end_when_all_are_given(self) -> None:
        if len(self.deliveries) == len(self.offers):
            self.done.set()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, peer = await loop.sock_accept(self.listener)
            except OSError:
                # Reason: no descriptors are left, or the client has gone already.
                self._make_room()
                await asyncio.sleep(BUSY_SECONDS)
                continue
            source = ip_address(peer[0].partition("%")[0])
            if not any(offer.admits(source) for offer in self.offers):
                self._refuse(source, Refused("nothing is for this address"))
                connection.close()
                continue
            if len(self.open) >= MOST_CONNECTIONS:
                self._make_room()
            task = asyncio.create_task(self._handle(connection, source))
            self.open[task] = source
            task.add_done_callback(partial(self._forget, connection))

    def _forget(self, connection: socket.socket, task: asyncio.Task[None]) -> None:
        # Reason: what is cancelled before its first step has closed nothing itself.
        connection.close()
        self.open.pop(task, None)
        self.giving.discard(task)

    def _make_room(self) -> None:
        """End the oldest connection that has not come as far as its payload."""
        for task, source in self.open.items():
            if task not in self.giving:
                del self.open[task]
                task.cancel()
                self._refuse(source, Refused("too many connections at once"))
                return

    async def _handle(self, connection: socket.socket, source: Address) -> None:
        try:
            async with asyncio.timeout(HANDSHAKE_SECONDS + REQUEST_SECONDS + TRANSFER_SECONDS):
                await self._converse(connection, source)
        except Refused as refused:
            self._refuse(source, refused)
        except (OSError, TimeoutError):
            self._refuse(source, Refused("the connection broke off"))

    async def _converse(self, connection: socket.socket, source: Address) -> None:
        talk = await _shake_hands(connection, self.context, Reader(self.largest_body))
        try:
            try:
                request = await talk.request()
                offer = self._match(request, source, talk.client())
            except Refused as refused:
                if refused.status is not None:
                    await talk.say_no(refused.status)
                raise
            await self._give(offer, request.body, talk, source)
        finally:
            talk.writer.transport.abort()

    def _match(self, request: Request, source: Address, client: tuple[str, ...] | None) -> Offer:
        """Return the offer that a request gets."""
        offer = wanted(self.offers, request, source, client)
        if offer.name in self.deliveries:
            reason = "it was served already, and something asks once more"
            raise Refused(reason, status=HTTPStatus.GONE, offer=offer.name)
        if offer.name in self.busy:
            # Reason: a machine that has lost its connection tries again at 503, and gets it then.
            reason = "it is just being served, and something asks once more"
            status = HTTPStatus.SERVICE_UNAVAILABLE
            raise Refused(reason, status=status, offer=offer.name, matters=False)
        return offer

    async def _give(self, offer: Offer, body: bytes, talk: _Talk, source: Address) -> None:
        """Send a payload; it is given when the client has hung up after it, or could have."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is one
        self.busy.add(offer.name)
        self.giving.add(task)
        try:
            await talk.send(offer)
        except (OSError, TimeoutError) as error:
            reason = "the transfer broke off, and is offered again"
            raise Refused(reason, offer=offer.name, matters=False) from error
        finally:
            self.busy.discard(offer.name)
        seconds = time.monotonic() - self.began
        self.deliveries[offer.name] = Delivery(offer.name, str(plain(source)), seconds, body)
        note(f"{offer.name}: served to {plain(source)}")
        await talk.hang_up()
        self._end_when_all_are_given()

    def _refuse(self, source: Address, refused: Refused) -> None:
        self.register.add(source, refused)
        if refused.offer:
            note(f"{refused.offer}: refused {plain(source)}: {refused.reason}")


@dataclass(frozen=True, slots=True)
class _Talk:
    """A connection after the handshake of TLS."""

    asked: Reader
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def request(self) -> Request:
        """Return the request, which has to be whole in time."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                while (request := self.asked.feed(await self.reader.read(CHUNK))) is None:
                    pass
        except TimeoutError as error:
            reason = f"no whole request within {REQUEST_SECONDS:.0f} s"
            raise Refused(reason, status=HTTPStatus.REQUEST_TIMEOUT) from error
        except OSError as error:
            raise Refused(SILENT) from error
        return request

    def client(self) -> tuple[str, ...] | None:
        """Return the names in the client's certificate, or None without one."""
        return names(self.writer.get_extra_info("peercert"))

    async def send(self, offer: Offer) -> None:
        """Send a payload and wait until the client hangs up."""
        self.writer.write(self.asked.answer(HTTPStatus.OK, offer.payload, offer.content_type))
        await self.writer.drain()
        # Reason: who does not hang up may have everything, so it counts as given.
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                while await self.reader.read(CHUNK):
                    pass

    async def say_no(self, status: HTTPStatus) -> None:
        """Tell the client that it gets nothing."""
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                self.writer.write(self.asked.answer(status))
                await self.writer.drain()
                await self.hang_up()

    async def hang_up(self) -> None:
        """End the connection as TLS wants it."""
        with suppress(OSError, TimeoutError):
            self.writer.close()
            await self.writer.wait_closed()


async def _shake_hands(connection: socket.socket, made: ssl.SSLContext, asked: Reader) -> _Talk:
    """Do the handshake of TLS."""
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=CHUNK)
    try:
        transport, protocol = await loop.connect_accepted_socket(
            partial(asyncio.StreamReaderProtocol, reader),
            connection,
            ssl=made,
            ssl_handshake_timeout=HANDSHAKE_SECONDS,
            ssl_shutdown_timeout=CLOSE_SECONDS,
        )
    except ssl.SSLError as error:
        # Reason: the words are OpenSSL's own, such as WRONG_VERSION_NUMBER or UNKNOWN_CA.
        said = (error.reason or "unknown").lower().replace("_", " ")
        reason = f"no TLS handshake: {said}"
        raise Refused(reason) from error
    except OSError as error:
        late = "longer than" in str(error)
        end = f"within {HANDSHAKE_SECONDS:.0f} s" if late else "before it hung up"
        reason = f"no TLS handshake {end}"
        raise Refused(reason) from error
    # Reason: what is not written yet must be known, for what is written counts as given.
    transport.set_write_buffer_limits(high=0)
    return _Talk(asked, reader, asyncio.StreamWriter(transport, protocol, reader, loop))
