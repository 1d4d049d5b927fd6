"""The wires that drivers share: serial port or TCP connection as one byte stream, and its reopening.

No threads: the file descriptor is non-blocking and watched by the event loop. Losing the wire (cable
pulled, converter gone, peer closed) is always a `DeviceError` with cause and remedy; a driver catches
it, publishes its tags BAD, waits as `Backoff` says and opens again. `keep_open` does exactly that;
`Outage` is what is told meanwhile. `listen` is for probing.

    async def session(stream: ByteStream) -> None:
        while True:
            self.feed(await stream.read())
            backoff.reset()

    await keep_open(config.wire, session, lost=self.link_lost, backoff=backoff)
"""

from drivers._wire.check import check_wire
from drivers._wire.link import Backoff, keep_open
from drivers._wire.listening import listen, wire_table
from drivers._wire.opening import open_stream
from drivers._wire.outage import Outage
from drivers._wire.stream import ByteStream

__all__ = [
    "Backoff",
    "ByteStream",
    "Outage",
    "check_wire",
    "keep_open",
    "listen",
    "open_stream",
    "wire_table",
]
