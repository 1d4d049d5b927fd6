"""control.sock and the log of the processes."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from gatectl.model import UsageError
from gatectl.runtime.child import LineFormatter
from gatectl.runtime.control import request, serve_control
from gatectl.runtime.logbook import ChildLog, open_log
from gatectl.runtime.member import describe_exit


async def talk(path: Path, *lines: bytes) -> list[Any]:
    reader, writer = await asyncio.open_unix_connection(path)
    answers = []
    for line in lines:
        writer.write(line)
        answers.append(json.loads(await reader.readline()))
    writer.close()
    await writer.wait_closed()
    return answers


def answer(question: dict[str, Any]) -> dict[str, Any]:
    if question.get("ask") != "status":
        raise UsageError("unknown question", "ask status")
    return {"node": "n"}


async def test_questions_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("left behind by a dead daemon")
    server = await serve_control(path, answer)
    assert path.stat().st_mode & 0o777 == 0o660
    answers = await talk(path, b'{"ask": "status"}\n', b'{"ask": "x"}\n', b"nonsense\n", b"[]\n")
    assert answers[0] == {"node": "n"}
    assert answers[1] == {"error": "unknown question", "remedy": "ask status"}
    assert all("not a JSON object" in a["error"] for a in answers[2:])
    assert await asyncio.to_thread(request, tmp_path, {"ask": "status"}) == {"node": "n"}
    with pytest.raises(UsageError, match="unknown question - ask status"):
        await asyncio.to_thread(request, tmp_path, {"ask": "x"})
    server.close()
    await server.wait_closed()


async def test_one_who_hangs_up_or_floods_disturbs_nobody(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    server = await serve_control(path, answer)
    _, writer = await asyncio.open_unix_connection(path)
    writer.close()
    reader, flood = await asyncio.open_unix_connection(path)
    flood.write(b"x" * 3_000_000)
    with suppress(ConnectionResetError):
        assert await reader.read() == b""
    flood.close()
    with suppress(ConnectionResetError, BrokenPipeError):
        await flood.wait_closed()
    assert await talk(path, b'{"ask": "status"}\n') == [{"node": "n"}]
    server.close()
    await server.wait_closed()


def test_without_a_daemon_the_remedy_is_to_start_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not run - start it with `gatectl run`"):
        request(tmp_path, {"ask": "status"})


async def test_a_daemon_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_unix_server(silent, tmp_path / "control.sock")
    with pytest.raises(UsageError, match="does not answer"):
        await asyncio.to_thread(request, tmp_path, {"ask": "status"}, timeout_s=0.1)
    server.close()
    await server.wait_closed()


def test_lines_of_a_child_become_records(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = open_log(tmp_path, "scan")
    child = ChildLog(log)
    for chunk in (b"<6>sta", b"rted\n<3>bro", b"ken\nTraceback of a library\n\n<4>half", b""):
        child.feed(chunk)
    lines = [line.split(" ", 1)[1] for line in (tmp_path / "scan.log").read_text().splitlines()]
    assert lines == ["INFO started", "ERROR broken", "WARNING Traceback of a library", "WARNING half"]
    assert "ERROR   scan: broken" in capsys.readouterr().err


def test_journald_gets_its_levels(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "8:1")
    open_log(tmp_path, "north").warning("no broker")
    assert capsys.readouterr().err == "<4>north: no broker\n"


def test_an_event_is_one_line_even_with_a_traceback() -> None:
    try:
        raise ValueError("two\nlines")
    except ValueError:
        record = logging.LogRecord("n", logging.ERROR, "f", 1, "failed", None, sys.exc_info())
    text = LineFormatter("%(message)s").format(record)
    assert text.startswith("<3>failed | Traceback")
    assert "\n" not in text


def test_exits_are_described() -> None:
    assert describe_exit(70) == "exit code 70"
    assert describe_exit(-9) == "killed by SIGKILL"
    assert describe_exit(-64 - 100) == "killed by signal 164"
