"""Cameras' and portals' messages: what is taken, what is refused, and why."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.scanner.wire import (
    Ack,
    Lines,
    Seen,
    container_read,
    from_utc_ns,
    parse_event,
    parse_keep_alive,
    parse_line,
    scan_verdict,
    to_line,
    to_utc_ns,
)
from gatectl.model import WireError

EVENT: dict[str, Any] = {
    "eventId": "cam1-7",
    "containerCode": "csqu 3054383",
    "confidence": 0.97,
    "readTime": "2026-03-01T08:00:00.250000Z",
    "seal": "VN123 ",
    "sealState": "intact",
    "imageRef": "cam1/7.jpg",
    "firmware": "2.1",
}
VERDICT: dict[str, Any] = {
    "type": "verdict",
    "session": "a1b2",
    "number": 3,
    "containerCode": "CSQU3054383",
    "verdict": "clear",
    "takenTime": "2026-03-01T15:00:00+07:00",
    "imageRef": "p/3.img",
    "operator": "Lan",
}


def test_an_event_becomes_a_container_read() -> None:
    fact = container_read("camera_cn", "east", parse_event(json.dumps(EVENT).encode()))
    assert fact.id == "camera_cn-cam1-7"
    assert (fact.container, fact.check_digit_ok) == ("CSQU3054383", True)
    assert (fact.seal, fact.seal_state, fact.lane, fact.confidence) == ("VN123", "intact", "east", 0.97)
    assert fact.read_utc_ns == 1_772_352_000_250_000_000


@pytest.mark.parametrize("code", ["CSQU3054384", "CSQU305438", "", "CSQU30543B3", "????"])
def test_the_check_digit_is_ours_to_judge(code: str) -> None:
    body = json.dumps({**EVENT, "containerCode": code, "checkDigitOk": True}).encode()
    assert container_read("c", "", parse_event(body)).check_digit_ok is False


def test_a_cameras_lane_wins_over_the_configured_one() -> None:
    body = json.dumps({**EVENT, "lane": "west"}).encode()
    assert container_read("c", "east", parse_event(body)).lane == "west"


def test_a_verdict_becomes_a_scan_verdict_in_utc() -> None:
    message = parse_line(json.dumps(VERDICT).encode())
    fact = scan_verdict("portal_cn", message)  # type: ignore[arg-type]
    assert (fact.id, fact.verdict, fact.operator) == ("portal_cn-a1b2-3", "clear", "Lan")
    assert fact.taken_utc_ns == 1_772_352_000_000_000_000


def without(message: dict[str, Any], key: str) -> dict[str, Any]:
    return {k: v for k, v in message.items() if k != key}


@pytest.mark.parametrize(
    "event",
    [
        *(without(EVENT, key) for key in ("eventId", "containerCode", "confidence", "readTime")),
        {**EVENT, "eventId": ""},
        {**EVENT, "eventId": "a/b"},
        {**EVENT, "eventId": "x" * 65},
        {**EVENT, "confidence": 1.01},
        {**EVENT, "confidence": "high"},
        {**EVENT, "sealState": "fine"},
        {**EVENT, "readTime": "2026-03-01T08:00:00"},
        {**EVENT, "readTime": 5},
        {**EVENT, "containerCode": None},
        {**EVENT, "containerCode": "C" * 21},
        [],
        None,
    ],
)
def test_malformed_events_are_refused_with_a_cause(event: Any) -> None:
    with pytest.raises(WireError) as caught:
        parse_event(json.dumps(event).encode())
    assert caught.value.cause
    assert caught.value.remedy


@pytest.mark.parametrize(
    "verdict",
    [
        *(without(VERDICT, key) for key in ("type", "session", "number", "verdict", "takenTime")),
        {**VERDICT, "type": "order"},
        {**VERDICT, "number": 0},
        {**VERDICT, "verdict": "green"},
    ],
)
def test_malformed_verdicts_are_refused(verdict: Any) -> None:
    with pytest.raises(WireError):
        parse_line(json.dumps(verdict).encode())


@given(st.binary(max_size=200))
def test_bytes_are_messages_or_wire_errors(data: bytes) -> None:
    for parse in (parse_event, parse_keep_alive, parse_line):
        with pytest.raises(WireError):
            parse(data)


@given(st.integers(0, 4_000_000_000_000_000))
def test_times_come_back_to_the_microsecond(us: int) -> None:
    assert to_utc_ns(from_utc_ns(us * 1000 + 999)) == us * 1000


@given(st.lists(st.binary(max_size=30).filter(lambda b: b"\n" not in b and b"\r" not in b)), st.data())
def test_lines_however_they_are_cut_and_ended(lines: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(line + data.draw(st.sampled_from([b"\n", b"\r\n"])) for line in lines)
    cut = data.draw(st.integers(0, len(stream)))
    it = Lines()
    assert it.feed(stream[:cut]) + it.feed(stream[cut:]) == [line for line in lines if line.strip()]


def test_a_line_without_end_is_refused() -> None:
    it = Lines(limit=100)
    it.feed(b"x" * 100)
    with pytest.raises(WireError, match="longer than 100"):
        it.feed(b"x")


def test_seen_forgets_the_oldest() -> None:
    seen = Seen(limit=2)
    for one in ("a", "b", "c"):
        seen.add(one)
    assert [one in seen for one in ("a", "b", "c")] == [False, True, True]


def test_answers_are_lines() -> None:
    assert to_line(Ack(session="s", number=3)) == b'{"type":"ack","session":"s","number":3}\n'
