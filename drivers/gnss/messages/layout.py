"""How a text message is laid out, as data, and the one function that reads them all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from drivers.gnss.messages.fields import Converter, Fields
from drivers.gnss.messages.report import ESTIMATED, SINGLE, USABLE, Report

Column = tuple[str, Converter, int]  # attribute of Report, converter, index of the field


class Group(NamedTuple):
    """Values that are valid together.

    status: their quality on GGA's scale, 0 where the receiver does not vouch for them, None if the message
    does not say. columns: read unless the status forbids. shown_as: attribute that gets the quality.
    """

    status: Callable[[Fields], int | None]
    columns: tuple[Column, ...]
    shown_as: str | None = None


class Layout(NamedTuple):
    """name: of the message. always: columns that need no validity. width: fields that it has.

    Fields are numbered behind the name of the message; those of a log begin behind its `;`.
    """

    name: str
    width: int
    always: tuple[Column, ...] = ()
    groups: tuple[Group, ...] = ()


def read(layout: Layout, fields: Fields, **values: Any) -> Report:
    """The record. fields: of the message; what a short one lacks counts as empty. Never raises."""
    if len(fields) < layout.width:
        fields = fields + [""] * (layout.width - len(fields))
    values["message"] = layout.name
    for attribute, convert, index in layout.always:
        values[attribute] = convert(fields, index)
    for status, columns, shown_as in layout.groups:
        quality = status(fields)
        if shown_as is not None:
            values[shown_as] = quality
        if quality is None:
            pass
        elif quality in USABLE:
            values["valid"] = True
            if quality == ESTIMATED:
                values["estimated"] = True
        else:
            values.setdefault("valid", False)
            continue
        for attribute, convert, index in columns:
            values[attribute] = convert(fields, index)
        if quality == SINGLE and shown_as == "quality" and "correction_age_s" in values:
            values["correction_age_s"] = None  # nothing was corrected: receivers send 0 or the last age
    return Report(**values)


def unsaid(_: Fields) -> None:
    """Status of a group about which the message says nothing."""


def coded(index: int, scale: dict[str, int]) -> Callable[[Fields], int]:
    """Status from a code in a field; one that is not in the scale is not valid."""
    return lambda fields: scale.get(fields[index].strip(), 0)
