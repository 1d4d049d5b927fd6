"""What a scenario may do with a rig: wait, ask why, break things, command people."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from gatectl.model import GatectlError
from hil.checks import Checks
from hil.rig import Rig

POLL_S = 0.1


class ScenarioError(GatectlError):
    """The run did not get where it should; says what was waited for and what the nodes said."""


class Stage:
    """A running rig and the checks of its run. say: takes a line of progress.

    provoked: vehicles and cranes that the scenario is disturbing now; unprovoked: trips of others.
    """

    def __init__(self, rig: Rig, checks: Checks, say: Callable[[str], None]) -> None:
        self.rig = rig
        self.checks = checks
        self.provoked: set[str] = set()
        self.unprovoked: list[str] = []
        self._say = say

    def note(self, who: str, what: str, *, mark: bool = False) -> None:
        """Into the timeline, and to whoever watches."""
        self.rig.timeline.add(self.rig.clock_s(), who, what, mark=mark)
        self._say(f"{who}: {what}")

    async def until(
        self, what: str, condition: Callable[[], bool], timeout_s: float, *, poll_s: float = POLL_S
    ) -> None:
        """Wait for a condition. Raises ScenarioError when it does not come true in time."""
        end_s = self.rig.clock_s() + timeout_s
        while not condition():
            self.rig.raise_if_failed()
            if self.rig.clock_s() > end_s:
                raise ScenarioError(
                    f"waited {timeout_s:.0f} s for: {what}\n{self.situation()}",
                    "see the logs in the run folder",
                )
            await asyncio.sleep(poll_s)

    @contextlib.contextmanager
    def provoking(self, subject: str) -> Iterator[None]:
        """While a scenario breaks a vehicle or crane on purpose and resets it itself."""
        self.provoked.add(subject)
        try:
            yield
        finally:
            self.provoked.discard(subject)

    def situation(self) -> str:
        """What every node says about itself, for a failed run."""
        lines = []
        for name, daemon in self.rig.daemons.items():
            for item in self.explanations(name):
                reasons = "; ".join(r["text"] for r in item.get("reasons", ()))
                lines.append(f"  {name}: {item['subject']}: {item['state']} - {item['summary']} {reasons}")
            if not daemon.running:
                lines.append(f"  {name}: its daemon has ended, see {daemon.log_file}")
        return "\n".join(lines)

    # ---- asking -------------------------------------------------------------------------------

    def explanations(self, node: str) -> list[dict[str, Any]]:
        """All that the node explains now; empty while it cannot answer."""
        answer = self.rig.daemons[node].last
        status = (answer or {}).get("status") or {}
        return list(status.get("explanations", ()))

    def explains(self, node: str, subject: str, *needles: str) -> bool:
        """True if the node's explanation of the subject holds one of the needles (code or text)."""
        for item in self.explanations(node):
            if item["subject"] == subject:
                text = json.dumps(item, ensure_ascii=False)
                return any(needle in text for needle in needles)
        return False

    async def why(self, node: str, *subject: str) -> str:
        """What `gatectl why` really prints."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gatectl.cli",
            "why",
            str(self.rig.daemons[node].file),
            *subject,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await process.communicate()
        return output.decode()

    async def refusal(
        self,
        name: str,
        node: str,
        subject: str,
        *needles: str,
        safe: Callable[[], bool],
        timeout_s: float = 20.0,
    ) -> None:
        """A fault must end safe and be explained: waits for both, then checks what `gatectl why` prints."""
        try:
            await self.until(
                f"{name}: {node} explains {subject} by {' or '.join(needles)}",
                lambda: self.explains(node, subject, *needles) and safe(),
                timeout_s,
            )
        except ScenarioError as error:
            self.checks.add(name, False, "not explained or not safe in time", error.cause[:2000])
            self.note("refusal", f"{name}: NOT as it must be", mark=True)
            return
        printed = await self.why(node, *subject.split())
        line = next((x.strip() for x in printed.splitlines() if any(n in x for n in needles)), "")
        self.checks.add(
            name,
            bool(line),
            line or f"`gatectl why` prints no such reason: {printed[:400]}",
            "safe, explained",
        )
        self.note("refusal", f"{name}: {line}", mark=True)

    # ---- people -------------------------------------------------------------------------------

    async def reset(self, subject: str, *, node: str = "") -> None:
        """An operator's reset, repeated until it is accepted (at most fifteen times)."""
        reasons: tuple[str, ...] = ()
        for _ in range(15):
            try:
                receipt = await self.rig.operator.command("reset", subject, node=node, reason="rig")
            except GatectlError as error:
                reasons = (error.cause,)
                continue
            if receipt.result == "accepted":
                self.note("operator", f"reset {subject or node}")
                return
            reasons = receipt.reasons
            await asyncio.sleep(1.0)
        raise ScenarioError(
            f"reset of {subject or node} was refused: {'; '.join(reasons)}", "see gatectl why"
        )

    # ---- looking ------------------------------------------------------------------------------

    def state_of(self, transit: str) -> str:
        """A transit's newest state, "" before it is known."""
        step = self.rig.monitor.transits.get(transit)
        return step.state if step else ""

    def speed_of(self, serial: str) -> float:
        """True speed, m/s."""
        return self.rig.world.vehicles[serial].plant.speed

    def s_of(self, serial: str) -> float:
        """True position along its lane, m."""
        return self.rig.world.vehicles[serial].s_m
