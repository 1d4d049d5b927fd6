"""From the gate topics to facts, and from facts to the gate topics.

A fact's id is `{channel}:{sender}:{wire id}`: unique although senders number for themselves. The
core answers with a receipt whose correlation is that id, which leads back to the sender's topic.
A release whose signature does not hold gets an id and a key of its own (`!` and a digest), so that
a forged message can never take the place of the true one that bears the same id.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gatectl.model.messages import (
    BlockChanged,
    Incident,
    Lease,
    OperatorCommand,
    PreAdvice,
    Receipt,
    ReleaseReceived,
    Side,
    TransitChanged,
)
from gatectl.north import topics
from gatectl.north.signing import refusal
from gatectl.north.wire import to_datetime, to_utc_ns


class Origin(NamedTuple):
    """Where a message came from. channel: preadvice, customs-cn, customs-vn, operator."""

    channel: str
    sender: str
    id: str


def fact_id(origin: Origin, forged: str = "") -> str:
    return ":".join(origin) + (f"!{forged}" if forged else "")


def origin_of(correlation: str) -> Origin | None:
    """Inverse of `fact_id`; None for an id that is not of that form."""
    parts = correlation.split("!", 1)[0].split(":")
    return Origin(*parts) if len(parts) == 3 else None


def digest(plain: Any) -> str:
    """A short name of a message's content, whatever the order of its keys."""
    return hashlib.sha256(msgspec.json.encode(plain, order="sorted")).hexdigest()[:16]


# ---- in -------------------------------------------------------------------------------------


def pre_advice(message: topics.PreAdviceMessage) -> PreAdvice:
    return PreAdvice(
        id=fact_id(Origin("preadvice", message.sender, message.id)),
        transit_id=message.transit_id,
        container=message.container,
        direction=message.direction,
        declared_gross_kg=message.declared_gross_kg,
        seal=message.seal,
        vehicle=message.vehicle,
        issued_utc_ns=to_utc_ns(message.issued_at),
    )


def release(
    message: topics.ReleaseMessage,
    plain: dict[str, Any],
    side: Side,
    site: str,
    key: Ed25519PublicKey | None,
) -> ReleaseReceived:
    """The decision with the result of checking it. plain: the object as it arrived."""
    if message.customs != side:
        why = f"it names customs {message.customs} on the topic of {side}; send it on its own topic"
    elif message.site != site:
        why = f"it is for the site {message.site}, this is {site}; issue one for this site"
    else:
        why = refusal(plain, key)
    origin = Origin(f"customs-{side}", side, message.id)
    return ReleaseReceived(
        id=fact_id(origin, digest(plain) if why else ""),
        release_id=message.release_id,
        customs=side,
        container=message.container,
        transit_id=message.transit_id,
        decision=message.decision,
        issued_utc_ns=to_utc_ns(message.issued_at),
        expires_utc_ns=to_utc_ns(message.expires_at),
        sequence=message.sequence,
        verified=not why,
        refusal=why,
    )


def operator_command(message: topics.CommandMessage, subject: str) -> OperatorCommand:
    """subject: as this node knows it ("" for itself)."""
    return OperatorCommand(
        id=fact_id(Origin("operator", message.who, message.id)),
        command=message.command,
        subject=subject,
        who=message.who,
        reason=message.reason,
        value=message.value,
        until_utc_ns=0 if message.until is None else to_utc_ns(message.until),
        issued_utc_ns=to_utc_ns(message.issued_at),
    )


def lease(message: topics.LeaseMessage) -> Lease:
    return Lease(
        serial=message.serial,
        order_id=message.order_id,
        order_update_id=message.order_update_id,
        blocks=message.blocks,
        epoch=message.epoch,
        sequence=message.sequence,
        issued_utc_ns=to_utc_ns(message.issued_at),
        valid_for_ms=message.valid_for_ms,
    )


# ---- out ------------------------------------------------------------------------------------


def lease_message(grant: Lease) -> topics.LeaseMessage:
    return topics.LeaseMessage(
        serial=grant.serial,
        order_id=grant.order_id,
        order_update_id=grant.order_update_id,
        blocks=grant.blocks,
        epoch=grant.epoch,
        sequence=grant.sequence,
        issued_at=to_datetime(grant.issued_utc_ns),
        valid_for_ms=grant.valid_for_ms,
    )


def receipt_message(receipt: Receipt, node: str) -> topics.ReceiptMessage:
    origin = origin_of(receipt.correlation)
    return topics.ReceiptMessage(
        node=node,
        to=origin.sender if origin else receipt.to,
        correlation=origin.id if origin else receipt.correlation,
        result="accepted" if receipt.accepted else "refused",
        reasons=receipt.reasons,
        at=to_datetime(receipt.at_utc_ns),
    )


def transit_message(fact: TransitChanged) -> topics.TransitMessage:
    return topics.TransitMessage(
        id=fact.id,
        transit_id=fact.transit_id,
        container=fact.container,
        direction=fact.direction,
        vehicle=fact.vehicle,
        state=fact.state,
        previous=fact.previous,
        cause=fact.cause,
        evidence=fact.evidence,
        at=to_datetime(fact.at_utc_ns),
    )


def block_message(fact: BlockChanged) -> topics.BlockMessage:
    return topics.BlockMessage(
        id=fact.id,
        block=fact.block,
        holder=fact.holder,
        previous=fact.previous,
        cause=fact.cause,
        at=to_datetime(fact.at_utc_ns),
    )


def incident_message(fact: Incident, node: str) -> topics.IncidentMessage:
    return topics.IncidentMessage(
        id=fact.id,
        node=node,
        severity=fact.severity,
        subject=fact.subject,
        code=fact.code,
        text=fact.text,
        remedy=fact.remedy,
        at=to_datetime(fact.at_utc_ns),
    )
