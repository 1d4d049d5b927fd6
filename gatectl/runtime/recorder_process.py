"""The recorder process: every scan's record, as it comes, into the black box."""

from __future__ import annotations

import asyncio
import signal
from contextlib import suppress
from pathlib import Path

import msgspec

from gatectl.model import Layout
from gatectl.model.node import Node
from gatectl.runtime.child import BEAT_PERIOD_S, Child, Places, run_child
from gatectl.runtime.frames import Hello, Scanned, decode, encode, new_instance
from gatectl.runtime.layout import load_layout
from gatectl.runtime.link import Endpoint
from gatectl.runtime.recorder import Recorder


class RecorderProcess:
    """One life of the recorder process."""

    def __init__(self, child: Child, node: Node, layout: Layout) -> None:
        self._child = child
        self._node = node
        self._layout = layout
        self._recorder: Recorder | None = None
        self._boot_no = 0
        self._records = 0
        self._news = False

    async def run(self) -> None:
        """Record until SIGTERM or SIGINT, then drain the socket and end the file."""
        loop = asyncio.get_running_loop()
        done = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, done.set)
        hello = encode(Hello("recorder", new_instance()))
        greeted = False
        loop.add_reader(self._child.endpoint.fileno(), self._receive)
        while not done.is_set() and not self._child.stopping:
            if not greeted:  # the scan then sends a key frame, from which a replay can start
                greeted = self._child.endpoint.send(self._child.places.scan, hello)
            if self._recorder is not None and not self._news:
                self._recorder.flush()
            self._news = False
            self._child.beat("recording", {"records": self._records, "file": self._file()})
            with suppress(TimeoutError):
                await asyncio.wait_for(done.wait(), BEAT_PERIOD_S)
        self._child.begin_stop()
        loop.remove_reader(self._child.endpoint.fileno())
        self._receive()
        if self._recorder is not None:
            self._recorder.close()
        self._child.log.info("black box closed after %d records", self._records)
        self._child.beat("stopped")

    def _receive(self) -> None:
        for datagram in self._child.endpoint.receive():
            try:
                frame = decode(datagram)
            except msgspec.MsgspecError as error:
                self._child.log.error("dropped a datagram that is no frame: %s", error)
                continue
            if isinstance(frame, Scanned):
                self._recorder_of(frame.boot_no).write(frame.record, frame.now_utc_ns)
                self._records += 1
                self._news = True

    def _recorder_of(self, boot_no: int) -> Recorder:
        """The recorder of this life of the scan process: each has files of its own."""
        if self._recorder is None or boot_no != self._boot_no:
            if self._recorder is not None:
                self._recorder.close()
            directory = Path(self._node.config.paths.state_dir) / "blackbox"
            self._recorder = Recorder(directory, self._node, self._layout, boot_no)
            self._boot_no = boot_no
        return self._recorder

    def _file(self) -> str:
        if self._recorder is None:
            return ""
        return str(self._recorder.path or "not recording: the disk takes nothing")


def run_recorder(node: Node) -> int:
    """The recorder process's main function. Returns the exit code."""
    places = Places(Path(node.config.paths.runtime_dir))
    child = Child("recorder", places, Endpoint(places.recorder))

    def body() -> int:
        asyncio.run(RecorderProcess(child, node, load_layout(places.layout)).run())
        return 0

    return run_child(child, body)
