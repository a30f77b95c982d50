"""The container: a zip archive in one canonical layout, so that no byte of it is free.

Members are stored, not compressed, one behind the other in the order of their names, with one fixed date and without
extra fields, comments, flags or gaps. Equal members give equal bytes on every machine, nothing can grow when it is
read, and every byte belongs to a header that is compared or to a member that is hashed.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from .refusal import AGAIN, Fault, Refused, refuse, shown

LARGEST = 2**30
MOST = 20_000
LOCAL, CENTRAL, END = "<4s5H3I2H", "<4s6H3I5H2I", "<4s4H2IH"
SIGNS = (b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06")
# 1 January 1980, a regular file that its owner may write, made on Unix
DATE, MODE, MAKER, NEEDED = 0x21, 0o100644 << 16, 3 << 8 | 20, 20
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*){0,3}")
REZIPPED = "use the archive as snndeploy wrote it; one that was unpacked and packed again is another"


def _local(name: bytes, check: int, size: int) -> bytes:
    return struct.pack(LOCAL, SIGNS[0], NEEDED, 0, 0, 0, DATE, check, size, size, len(name), 0) + name


def _central(name: bytes, check: int, size: int, offset: int) -> bytes:
    fixed = (SIGNS[1], MAKER, NEEDED, 0, 0, 0, DATE, check, size, size, len(name), 0, 0, 0, 0, MODE, offset)
    return struct.pack(CENTRAL, *fixed) + name


def _end(count: int, size: int, offset: int) -> bytes:
    return struct.pack(END, SIGNS[2], 0, 0, count, count, size, offset, 0)


def pack(members: Mapping[str, bytes]) -> Iterable[bytes]:
    """The bytes of an archive, in pieces."""
    offset, directory = 0, []
    for name in sorted(members):
        data, plain = members[name], name.encode("ascii")
        head = _local(plain, zlib.crc32(data), len(data))
        directory.append(_central(plain, zlib.crc32(data), len(data), offset))
        yield head
        yield data
        offset += len(head) + len(data)
    whole = b"".join(directory)
    yield whole
    yield _end(len(directory), len(whole), offset)


def unpack(path: Path) -> dict[str, bytes]:
    """Members by name.

    Raises:
        Refused SD860: it is damaged, or laid out otherwise. SD863, SD865: names and members that a bundle cannot have.
        SD864: a limit is exceeded.
    """
    size = path.stat().st_size
    if size > LARGEST:
        raise refuse("SD864", path.name, f"{size:,} bytes are more than the {LARGEST:,} of a bundle", AGAIN)
    data = path.read_bytes()
    entries = _directory(path.name, data)
    if faults := [*_faults(entries)]:
        raise Refused(faults)
    members: dict[str, bytes] = {}
    at = 0
    for entry in entries:
        name = entry.name.encode("ascii")
        body = data[at + 30 + len(name) : at + 30 + len(name) + entry.size]
        head = _local(name, zlib.crc32(body), len(body))
        wanted = _central(name, zlib.crc32(body), len(body), at)
        if data[at : at + len(head)] != head or entry.raw != wanted:
            what = "its bytes do not fit its checksum, or its header is not one that snndeploy writes"
            raise refuse("SD860", shown(entry.name), what, REZIPPED)
        members[entry.name] = body
        at += len(head) + len(body)
    if sorted(members) != list(members) or b"".join(pack(members)) != data:
        raise refuse("SD860", path.name, "the archive is not laid out as snndeploy writes it", REZIPPED)
    return members


class _Entry:
    """One record of the central directory, as it is."""

    def __init__(self, raw: bytes, size: int, name: str):
        self.raw, self.name, self.size = raw, name, size
        fields = struct.unpack(CENTRAL, raw[:46])
        self.flags, self.method = fields[3], fields[4]
        self.packed, self.kind, self.offset = fields[8], fields[15] >> 28, fields[16]


def _directory(where: str, data: bytes) -> list[_Entry]:
    if data[:4] != SIGNS[0] or len(data) < 22 or data[-22:-18] != SIGNS[2]:
        whole = data[:4] == SIGNS[0]
        what = "it is cut off, or something is behind its end" if whole else "it is no zip archive"
        raise refuse("SD860", where, what, AGAIN)
    _, _, _, count, total, length, start, _ = struct.unpack(END, data[-22:])
    if count != total or count > MOST:
        raise refuse("SD864", where, f"{max(count, total):,} members are not the 1 to {MOST:,} of a bundle", AGAIN)
    if start + length + 22 != len(data):
        raise refuse("SD860", where, "its directory does not end where the file does", AGAIN)
    entries: list[_Entry] = []
    at = start
    for _ in range(count):
        if data[at : at + 4] != SIGNS[1] or at + 46 > len(data) - 22:
            raise refuse("SD860", where, f"its directory breaks off behind {len(entries)} of {count} members", AGAIN)
        fields = struct.unpack(CENTRAL, data[at : at + 46])
        full = 46 + fields[10] + fields[11] + fields[12]
        if at + full > len(data) - 22:
            raise refuse("SD860", where, f"its directory breaks off behind {len(entries)} of {count} members", AGAIN)
        name = data[at + 46 : at + 46 + fields[10]].decode("utf-8", "backslashreplace")
        entries.append(_Entry(data[at : at + full], fields[9], name))
        at += full
    if at != len(data) - 22:
        raise refuse("SD860", where, "something lies between its directory and its end", AGAIN)
    return entries


def _faults(entries: list[_Entry]) -> Iterable[Fault]:
    """Members that no bundle has, all of them."""
    seen: dict[str, str] = {}
    declared = sum(each.size for each in entries)
    if declared > LARGEST:
        what = f"its members say that they have {declared:,} bytes, more than the {LARGEST:,} of a bundle"
        yield ("SD864", "archive", what, AGAIN)
    for each in entries:
        where = shown(each.name)
        parts = each.name.replace("\\", "/").split("/")
        if each.name.startswith(("/", "\\")) or ".." in parts or ":" in each.name or "\\" in each.name:
            yield ("SD863", where, "the name leads out of the folder that it is unpacked in", AGAIN)
        elif not NAME.fullmatch(each.name):
            yield ("SD863", where, "no member of a bundle has such a name", AGAIN)
        if each.name in seen:
            yield ("SD863", where, "the name is used twice", AGAIN)
        elif each.name.lower() in seen.values():
            yield ("SD863", where, "two names differ in case alone, and are one file on some systems", AGAIN)
        seen[each.name] = each.name.lower()
        if each.flags & 1:
            yield ("SD865", where, "it is encrypted", AGAIN)
        if each.kind not in (0o10, 0):
            yield ("SD865", where, "it is a link, a folder or a device, not a file", AGAIN)
        if each.method or each.packed != each.size:
            what = f"it is compressed, {each.packed:,} bytes that say they become {each.size:,}"
            yield ("SD865", where, f"{what}; members of a bundle are stored", REZIPPED)
        if each.name.lower().endswith((".zip", ".whl", ".tar", ".gz", ".7z")):
            yield ("SD865", where, "it is an archive in the archive", AGAIN)
