"""Customs decisions: filed when they arrive, judged at the moment they are needed.

Rules
- Only a decision whose signature was verified counts; a release is never inferred.
- Per transit and customs the decision with the highest sequence counts; an older one, or another one
  with the same sequence, is refused.
- A release counts while it has not expired, for the container it names, and for its transit.
- A later `revoke` or `hold` ends a release; only a newer release takes its place.
- A refused message changes nothing, but its refusal is kept and shown until a good one comes.
"""

from __future__ import annotations

from typing import TypeVar

from msgspec import Struct, field

from gatectl.model.messages import Reason, ReleaseReceived, Side

T = TypeVar("T")
_KEPT = 500
_NAMES = {"cn": "China's", "vn": "Viet Nam's"}


class Release(Struct):
    """The decision that counts for one transit and customs."""

    release_id: str
    container: str
    decision: str
    expires_utc_ns: int
    sequence: int


class ReleaseBook(Struct):
    """filed, refusals: by `transit/side`, oldest first, bounded."""

    filed: dict[str, Release] = field(default_factory=dict)
    refusals: dict[str, str] = field(default_factory=dict)


def file_release(
    book: ReleaseBook, message: ReleaseReceived, container: str, now_utc_ns: int
) -> tuple[str, ...]:
    """File a decision; returns every reason why it is refused, empty when it is accepted.

    container: what the transit was announced with, "" when it is not announced yet.
    """
    key = f"{message.transit_id}/{message.customs}"
    known = book.filed.get(key)
    wrong = []
    if not message.verified:
        wrong.append(f"its signature does not hold: {message.refusal or 'no detail given'}")
    if message.decision == "release" and message.expires_utc_ns <= now_utc_ns:
        wrong.append("it had expired when it arrived")
    if container and message.container != container:
        wrong.append(f"it is for container {message.container}, and the transit's is {container}")
    if known is not None and message.sequence <= known.sequence:
        wrong.append(f"its sequence {message.sequence} is not above {known.sequence}, the last one taken")
    if wrong:
        _keep(book.refusals, key, f"{message.decision} {message.release_id}: " + "; ".join(wrong))
        return tuple(wrong)
    book.refusals.pop(key, None)
    record = Release(
        message.release_id,
        message.container,
        message.decision,
        message.expires_utc_ns,
        message.sequence,
    )
    _keep(book.filed, key, record)
    return ()


def release_problems(
    book: ReleaseBook, side: Side, transit_id: str, container: str, now_utc_ns: int
) -> tuple[Reason, ...]:
    """Why this customs' release does not hold now; empty when it does."""
    key = f"{transit_id}/{side}"
    release, who = book.filed.get(key), _NAMES[side]
    found = []
    if release is None:
        found.append(("release_missing", f"{who} release has not come", "customs must send it"))
    else:
        if release.decision != "release":
            text = f"{who} customs decided {release.decision} ({release.release_id})"
            found.append((f"release_{release.decision}", text, "customs must release it again"))
        elif release.expires_utc_ns <= now_utc_ns:
            text = f"{who} release {release.release_id} has expired"
            found.append(("release_expired", text, "customs must send a new one"))
        if release.container != container:
            text = f"{who} release {release.release_id} is for container {release.container}"
            found.append(("release_other_container", text, f"customs must release {container}"))
    if found and key in book.refusals:
        text = f"a message of {who} customs was refused: {book.refusals[key]}"
        found.append(("release_refused", text, "customs must correct it and send it again"))
    return tuple(Reason(code=f"{code}_{side}", text=text, remedy=remedy) for code, text, remedy in found)


def line_permit(
    book: ReleaseBook, transit_id: str, container: str, now_utc_ns: int, utc_ok: bool
) -> tuple[Reason, ...]:
    """Why the container may not cross the line: both customs' releases must hold at this moment."""
    reasons = release_problems(book, "cn", transit_id, container, now_utc_ns)
    reasons += release_problems(book, "vn", transit_id, container, now_utc_ns)
    if not utc_ok:
        text = "the system clock is not known to be right, so no release can be dated"
        reasons += (Reason(code="clock_not_right", text=text, remedy="bring time synchronisation back"),)
    return reasons


def _keep(store: dict[str, T], key: str, value: T) -> None:
    """Put at the end, drop the oldest beyond the bound."""
    store.pop(key, None)
    store[key] = value
    if len(store) > _KEPT:
        del store[next(iter(store))]
