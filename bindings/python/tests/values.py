"""What scenarios write down: bytes, content, folders."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path
from typing import Any


def unescape(text: str) -> bytes:
    return re.sub(rb"\\x(..)", lambda found: bytes.fromhex(found[1].decode()), text.encode("ascii"))


def escape(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte <= 126 and byte != 92 else f"\\x{byte:02x}" for byte in data)


def content(wanted: dict[str, Any]) -> bytes:
    if "text" in wanted:
        return str(wanted["text"]).encode()
    if "escaped" in wanted:
        return unescape(wanted["escaped"])
    state, made = wanted["random"], bytearray()
    for _ in range(wanted["length"]):
        state = (state * 1664525 + 1013904223) % 2**32
        made.append(state >> 24)
    return bytes(made)


Tree = dict[str, tuple[str, bytes, int, int]]


def tree(root: Path) -> Tree:
    """Paths of a folder: kind, bytes or target, mode, and for files seconds."""
    found: Tree = {}

    def add(folder: bytes) -> None:
        for item in os.scandir(folder):
            name = escape(os.path.relpath(item.path, os.fsencode(root)))
            told = item.stat(follow_symlinks=False)
            mode = stat.S_IMODE(told.st_mode)
            if item.is_symlink():
                found[name] = ("symlink", os.readlink(item.path), 0, 0)
            elif item.is_dir():
                found[name] = ("directory", b"", mode, 0)
                add(item.path)
            else:
                with open(item.path, "rb") as file:
                    found[name] = ("file", file.read(), mode, int(told.st_mtime_ns // 1_000_000_000))

    add(os.fsencode(root))
    return found
