"""control.sock: one JSON line asks, one JSON line answers. For `gatectl status | why` and scripts."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gatectl.model import UsageError

_LINE_MAX = 1 << 20
_IDLE_LIMIT_S = 30.0

Answer = Callable[[dict[str, Any]], dict[str, Any]]


async def serve_control(path: Path, answer: Answer) -> asyncio.Server:
    """Listen on path. answer: from a request to its answer; a UsageError becomes `{"error": ...}`."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await asyncio.wait_for(reader.readline(), _IDLE_LIMIT_S):
                writer.write(json.dumps(_reply(line, answer)).encode() + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, ValueError):
            pass  # the asker is gone, idle, or sent an endless line
        finally:
            writer.close()

    return await asyncio.start_unix_server(talk, sock=_listening(path), limit=_LINE_MAX)


def _listening(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    listener.bind(str(path))
    path.chmod(0o660)
    return listener


def _reply(line: bytes, answer: Answer) -> dict[str, Any]:
    try:
        request = json.loads(line)
        if not isinstance(request, dict):
            raise ValueError("not an object")
    except ValueError as error:
        return {"error": f"not a JSON object: {error}", "remedy": 'send {"ask": "status"} and a line feed'}
    try:
        return answer(request)
    except UsageError as error:
        return {"error": error.cause, "remedy": error.remedy}


def request(runtime_dir: Path, question: dict[str, Any], *, timeout_s: float = 2.0) -> dict[str, Any]:
    """Ask the node's supervisor. Raises UsageError: no daemon, no answer, or the question is refused."""
    path = runtime_dir / "control.sock"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stream:
            stream.settimeout(timeout_s)
            stream.connect(str(path))
            stream.sendall(json.dumps(question).encode() + b"\n")
            with stream.makefile("rb") as lines:
                line = lines.readline()
            answer = json.loads(line)
    except (FileNotFoundError, ConnectionRefusedError) as error:
        raise UsageError("the node does not run", "start it with `gatectl run`", where=str(path)) from error
    except PermissionError as error:
        raise UsageError(
            "not allowed to ask the daemon", "run as its user or group, or as root", where=str(path)
        ) from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"the daemon does not answer ({error})", "see its log; restart it if it hangs", where=str(path)
        ) from error
    if not isinstance(answer, dict) or "error" in answer:
        cause = answer.get("error", "") if isinstance(answer, dict) else "unexpected answer"
        remedy = answer.get("remedy", "") if isinstance(answer, dict) else ""
        raise UsageError(cause, remedy, where=str(path))
    return answer
