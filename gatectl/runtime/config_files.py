"""Reads the files of a configuration, from disk or from a recording, and remembers their texts."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gatectl.model import Finding

Table = dict[str, Any]

MAX_BYTES = 32 * 1024 * 1024
"""A larger file is surely not a configuration (a device or a recording given by mistake)."""


class Files:
    """The files of one node. Names are paths relative to the directory of the node file.

    texts: name -> text of every file that was read; the node file comes first.
    findings: what could not be read or parsed.
    recorded: texts to use in place of the disk.
    """

    def __init__(self, node_file: Path, recorded: Mapping[str, str] | None = None) -> None:
        whole = Path(os.path.abspath(node_file))  # noqa: PTH100  # resolve() would follow links
        self.base = whole.parent
        self.node_name = whole.name or str(node_file)  # a directory given by mistake has a name, too
        self.texts: dict[str, str] = {}
        self.findings: list[Finding] = []
        self._recorded = recorded

    def name_beside(self, file: str, other: str) -> str:
        """The name of the file that `file` calls `other`."""
        return os.path.relpath(self.base / Path(file).parent / other, self.base)

    def text(self, name: str, *, key: str = "", by: str = "") -> str | None:
        """The text of a file, or None with a finding. key, by: where the file is named, if it is."""
        if name not in self.texts:
            text = self._read(name, key, by)
            if text is None:
                return None
            self.texts[name] = text
        return self.texts[name]

    def toml(self, name: str, *, key: str = "", by: str = "") -> Table | None:
        """A TOML file as plain data, or None with a finding."""
        text = self.text(name, key=key, by=by)
        if text is None:
            return None
        try:
            return tomllib.loads(text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            where = re.search(r"\(at ([^)]*)\)", str(error))
            cause = f"not TOML: {error}"
            remedy = "correct the syntax there"
            if where and "end of document" in where.group(1):
                remedy = f"something is not closed; the file has {text.count(chr(10)) + 1} lines"
            self.findings.append(Finding(name, _line_of(str(error)), cause, remedy))
            return None

    def json(self, name: str, *, key: str = "", by: str = "") -> Any | None:
        """A JSON file as plain data, or None with a finding."""
        text = self.text(name, key=key, by=by)
        if text is None:
            return None
        try:
            return json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            line = f"line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "(file)"
            self.findings.append(Finding(name, line, f"not JSON: {error}", "correct the syntax there"))
            return None

    def digest(self) -> str:
        """SHA-256 over the names and texts of all files read, hex. The same on every machine."""
        total = hashlib.sha256()
        for name in sorted(self.texts):
            for part in (name.encode(), self.texts[name].encode()):
                total.update(len(part).to_bytes(8, "big") + part)
        return total.hexdigest()

    def _read(self, name: str, key: str, by: str) -> str | None:
        where, at = (by or name), (key or "(file)")
        if self._recorded is not None:
            if name in self._recorded:
                return self._recorded[name]
            self.findings.append(
                Finding(where, at, f"{name} is not among the recorded files", "the recording is incomplete")
            )
            return None
        path = self.base / name
        try:
            if path.stat().st_size > MAX_BYTES:
                raise OSError(f"is larger than {MAX_BYTES // 1024 // 1024} MiB")
            return path.read_bytes().decode("utf-8-sig")
        except FileNotFoundError:
            self.findings.append(Finding(where, at, f"{path} does not exist", "correct the path"))
        except UnicodeDecodeError as error:
            remedy = "save the file as UTF-8"
            self.findings.append(Finding(name, "(file)", f"not UTF-8 at byte {error.start}", remedy))
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            self.findings.append(
                Finding(where, at, f"{path} cannot be read: {reason}", "give a readable file")
            )
        return None


def _line_of(text: str) -> str:
    found = re.search(r"line \d+", text)
    return found.group(0) if found else "(file)"
