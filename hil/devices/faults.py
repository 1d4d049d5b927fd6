"""The faults that are on at a simulated device, with their parameters checked."""

from __future__ import annotations

from collections.abc import Mapping

from gatectl.model.errors import UsageError


class Faults:
    """Which faults of `known` are on. known: mode -> its parameters with their defaults."""

    def __init__(self, name: str, known: Mapping[str, Mapping[str, float | str]]) -> None:
        self._name, self._known = name, known
        self._on: dict[str, dict[str, float | str]] = {}

    def begin(self, mode: str, params: Mapping[str, float | str]) -> None:
        """Switch one on. Raises UsageError for a mode or a parameter that the device does not have."""
        if mode not in self._known:
            raise UsageError(
                f"cannot do the fault {mode!r}",
                f"use one of {', '.join(sorted(self._known))}",
                where=self._name,
            )
        defaults = self._known[mode]
        for key, value in params.items():
            if key not in defaults or isinstance(value, str) != isinstance(defaults[key], str):
                raise UsageError(
                    f"{mode} does not take {key} = {value!r}",
                    f"its parameters: {', '.join(defaults) or 'none'}",
                    where=self._name,
                )
        self._on[mode] = {**defaults, **params}

    def clear(self) -> None:
        """All off."""
        self._on.clear()

    def __contains__(self, mode: str) -> bool:
        return mode in self._on

    def number(self, mode: str, key: str) -> float:
        """A parameter of a fault that is on."""
        return float(self._on[mode][key])

    def text(self, mode: str, key: str) -> str:
        """A parameter of a fault that is on."""
        return str(self._on[mode][key])
