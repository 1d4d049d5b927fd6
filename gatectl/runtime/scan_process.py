"""The scan process: absolute deadlines; snapshot, messages, `core.scan`, commands, batch, record."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatectl.model import Layout
from gatectl.model.node import Node
from gatectl.model.quality import GOOD_BYTE
from gatectl.model.scan import Core, ScanInputs, ScanOutputs
from gatectl.runtime import records
from gatectl.runtime.child import EXIT_FAILED, Child, Places, run_child
from gatectl.runtime.clock import UtcWatch, kernel_synchronised, mono_ns, utc_ns
from gatectl.runtime.commands import Commands
from gatectl.runtime.image import Image
from gatectl.runtime.layout import load_layout
from gatectl.runtime.link import Endpoint
from gatectl.runtime.realtime import (
    Histogram,
    collect_young,
    freeze_collector,
    make_realtime,
    sleep_until,
)
from gatectl.runtime.scan_link import ScanLink

BuildCore = Callable[[Node, Layout], Core[Any]]

_KEYFRAME_PERIOD_NS = 10_000_000_000
_COLLECT_PERIOD_NS = 5_000_000_000
_HELLO_PERIOD_NS = 200_000_000
_FLUSH_LIMIT_NS = 1_000_000_000
_SECOND_NS = 1_000_000_000


class ScanProcess:
    """One life of the scan process."""

    def __init__(self, child: Child, node: Node, image: Image, core: Core[Any]) -> None:
        self._child = child
        self._core = core
        self._image = image
        self._period_ns = round(node.config.scan.period_ms * 1e6)
        self._fifo_priority = node.config.scan.fifo_priority
        self._commands = Commands(image, image.layout)
        self._core_block = image.writer("core/state")
        self._scan_block = image.writer("scan/state")
        self._core_count = len(image.layout.block("core/state").tags)
        self._link = ScanLink(child.endpoint, child.places, child.log)
        self._utc = UtcWatch()
        self._late = Histogram()
        self._exec = Histogram()
        self._overruns = 0
        self._missed_total = 0
        self._scan_no = 0
        self._collect_max_ns = 0
        self._unfinished: tuple[ScanInputs, int, bytes] | None = None
        self._detail: dict[str, str | int | float | bool] = {}

    def run(self) -> int:
        """Scan until told to stop. The exit code: 0, or EXIT_FAILED after an exception."""
        if not self._wait_for_recovered():
            return 0
        recovered = self._link.recovered
        assert recovered is not None
        log = self._child.log
        log.info(
            "start %d%s, %d checkpoints",
            recovered.boot_no,
            " (first ever)" if recovered.cold else "",
            len(recovered.checkpoints),
        )
        try:
            state = self._core.start(recovered)
            realtime = make_realtime(self._fifo_priority, lock_memory=self._fifo_priority > 0)
            (log.warning if realtime.note else log.info)("%s", realtime.text())
            self._detail = {
                "realtime": realtime.text(),
                "fifo_priority": realtime.fifo_priority,
                "memory_locked": realtime.memory_locked,
                "boot_no": recovered.boot_no,
                "utc_synchronised": kernel_synchronised(),
            }
            freeze_collector()
            state = self._loop(state)
        except Exception:
            # Whatever went wrong: everything that this node commands becomes safe first.
            self._commands.write(self._commands.safe, mono_ns())
            log.exception("the core failed: all commands are safe, ending")
            self._record_failed_scan()
            return EXIT_FAILED
        self._stop(state)
        return 0

    def _wait_for_recovered(self) -> bool:
        next_hello_ns = 0
        waited_since_ns = mono_ns()
        told = False
        while not self._child.stopping:
            now_ns = mono_ns()
            if now_ns >= next_hello_ns:
                self._link.hello()
                next_hello_ns = now_ns + _HELLO_PERIOD_NS
            self._link.poll(now_ns)
            if self._link.recovered is not None:
                return True
            if not told and now_ns - waited_since_ns > _SECOND_NS:
                told = True
                self._child.log.warning("waiting for the journal (north process); nothing is commanded")
            self._child.beat("waiting for journal")
            sleep_until(now_ns + 10_000_000)
        return False

    def _loop(self, state: Any) -> Any:
        period_ns = self._period_ns
        deadline_ns = mono_ns() + period_ns
        last_ns = 0
        next_keyframe_ns = next_detail_ns = 0
        next_collect_ns = deadline_ns + _COLLECT_PERIOD_NS
        while True:
            sleep_until(deadline_ns)
            if self._child.stopping:
                return state
            now_ns = mono_ns()
            if now_ns < deadline_ns:  # a signal woke us
                continue
            missed, late_ns = divmod(now_ns - deadline_ns, period_ns)
            deadline_ns += (missed + 1) * period_ns
            keyframe = b""
            if self._link.keyframe_wanted or now_ns >= next_keyframe_ns:
                self._link.keyframe_wanted = False
                next_keyframe_ns = now_ns + _KEYFRAME_PERIOD_NS
                keyframe = records.encode_state(state)
            dt_ns = now_ns - last_ns if last_ns else period_ns
            last_ns = now_ns
            state = self._scan(state, now_ns, dt_ns, missed=missed, late_ns=late_ns, keyframe=keyframe)
            end_ns = mono_ns()
            if missed or end_ns > deadline_ns:
                self._overruns += 1
            if end_ns >= next_detail_ns:
                next_detail_ns = end_ns + _SECOND_NS
                self._refresh_detail()
            if end_ns >= next_collect_ns and deadline_ns - end_ns > period_ns // 2:
                next_collect_ns = end_ns + _COLLECT_PERIOD_NS
                self._collect_max_ns = max(self._collect_max_ns, collect_young())
            self._child.beat("scanning", self._detail)

    def _scan(
        self, state: Any, now_ns: int, dt_ns: int, *, missed: int, late_ns: int, keyframe: bytes
    ) -> Any:
        now_utc_ns = utc_ns()
        snapshot = self._image.snapshot()
        messages = self._link.drain(now_ns)
        self._scan_no += 1
        inputs = ScanInputs(
            scan_no=self._scan_no,
            now_mono_ns=now_ns,
            now_utc_ns=now_utc_ns,
            utc_ok=self._utc.ok(now_ns, now_utc_ns),
            missed=missed,
            snapshot=snapshot,
            messages=messages,
        )
        self._unfinished = inputs, dt_ns, keyframe
        state, outputs = self._core.scan(state, inputs, dt_ns)
        self._commands.write(outputs.commands, now_ns)
        self._core_block.write(outputs.core_values, outputs.core_qualities, [now_ns] * self._core_count)
        self._link.send(self._scan_no, outputs.messages, now_ns)
        self._finish(inputs, dt_ns, outputs, keyframe, late_ns)
        self._unfinished = None
        return state

    def _finish(
        self, inputs: ScanInputs, dt_ns: int, outputs: ScanOutputs, keyframe: bytes, late_ns: int
    ) -> None:
        exec_ns = mono_ns() - inputs.now_mono_ns
        self._late.add(late_ns + inputs.missed * self._period_ns)
        self._exec.add(exec_ns)
        self._missed_total += inputs.missed
        good = bytes([GOOD_BYTE]) * 4
        values = [float(self._scan_no), late_ns / 1e9, exec_ns / 1e9, float(self._overruns)]
        self._scan_block.write(values, good, [inputs.now_mono_ns] * 4)
        record = records.record_of(
            inputs, dt_ns, outputs, keyframe=keyframe, wake_late_ns=late_ns, exec_ns=exec_ns
        )
        self._link.record(records.encode(record), inputs.now_utc_ns)

    def _record_failed_scan(self) -> None:
        """What the core could not digest, so that `gatectl replay` shows the failure again."""
        if self._unfinished is None:
            return
        inputs, dt_ns, keyframe = self._unfinished
        safe = ScanOutputs(commands=self._commands.safe, core_values=[], core_qualities=b"", messages=[])
        record = records.encode(records.record_of(inputs, dt_ns, safe, keyframe=keyframe))
        self._link.record(record, inputs.now_utc_ns)
        until_ns = mono_ns() + _FLUSH_LIMIT_NS
        while self._link.records_waiting and mono_ns() < until_ns:
            sleep_until(mono_ns() + 5_000_000)
            self._link.flush_records()

    def _refresh_detail(self) -> None:
        self._detail |= {
            "scan_no": self._scan_no,
            "period_ms": self._period_ns / 1e6,
            "overruns": self._overruns,
            "missed": self._missed_total,
            "wake_late_p50_us": self._late.percentile_us(0.5),
            "wake_late_p99_us": self._late.percentile_us(0.99),
            "wake_late_max_us": self._late.max_ns / 1000,
            "exec_p50_us": self._exec.percentile_us(0.5),
            "exec_p99_us": self._exec.percentile_us(0.99),
            "exec_max_us": self._exec.max_ns / 1000,
            "collector_max_us": self._collect_max_ns / 1000,
            "batches_waiting": self._link.batches_waiting,
            "records_lost": self._link.records_lost,
            "datagrams_refused": self._child.endpoint.refused,
            "image_retries_exhausted": self._image.retries_exhausted,
        }

    def _stop(self, state: Any) -> None:
        self._child.begin_stop()
        try:
            commands = self._core.shutdown(state)
            self._commands.write(commands, mono_ns())
        except Exception:
            self._commands.write(self._commands.safe, mono_ns())
            self._child.log.exception("the core's shutdown failed: safe values written instead")
        until_ns = mono_ns() + _FLUSH_LIMIT_NS
        while self._link.batches_waiting and mono_ns() < until_ns:
            self._link.pump(mono_ns())
            sleep_until(mono_ns() + 5_000_000)
            self._link.poll(mono_ns())
        self._child.log.info("stopped after %d scans, all commands safe", self._scan_no)
        self._child.beat("stopped", self._detail)


def run_scan(node: Node, build_core: BuildCore) -> int:
    """The scan process's main function. build_core: `gatectl.core.build`. Returns the exit code.

    Raises UsageError when runtime_dir holds no image and layout of this node.
    """
    places = Places(Path(node.config.paths.runtime_dir))
    child = Child("scan", places, Endpoint(places.scan))
    child.catch_signals()

    def body() -> int:
        layout = load_layout(places.layout)
        return ScanProcess(child, node, Image.attach(places.image, layout), build_core(node, layout)).run()

    return run_child(child, body)
