"""Hostile and monstrous mails: each ends in time and memory, in a process of its own, with a finding or without harm.

The bounds are those of Limits: file_memory_bytes of address space for the whole process, and a time that only
a hang exceeds.
"""

from __future__ import annotations

import base64
import io
import multiprocessing
import resource
import struct
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pebble import ProcessPool

from assets.instance.limits import MIB
from tests.mail.made_mails import (
    HEAD,
    LIMITS,
    attached,
    faults,
    kinds,
    mail,
    noise,
    parsed,
    tnef,
    tnef_attribute,
    tnef_file,
    zipped,
)

pytestmark = pytest.mark.slow

HANG_SECONDS = 60
FROM = b"From: unit01@oa.example\r\n"


def nested_multiparts(depth: int, tail: bytes) -> bytes:
    opened = (b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(depth))
    return FROM + b"".join(opened) + tail


def nested_zips(depth: int) -> bytes:
    content = b"innermost"
    for _ in range(depth):
        content = zipped({"inner.zip": content})
    return content


def overlapping_zip() -> bytes:
    """Fifty directory entries that all inflate the same data (David Fifield's better zip bomb, in its idea)."""
    whole = zipped({"a.xlsx": bytes(50_000)})
    (offset,) = struct.unpack_from("<I", whole, len(whole) - 6)
    body, entry = whole[:offset], whole[offset:-22]
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 50, 50, 50 * len(entry), offset, 0)
    return body + entry * 50 + end


def lying_zip() -> bytes:
    """Says 10 bytes, holds 50 MB."""
    whole = bytearray(zipped({"a.xlsx": bytes(50 * MIB)}))
    for at in (22, whole.index(b"PK\x01\x02") + 24):
        whole[at : at + 4] = (10).to_bytes(4, "little")
    return bytes(whole)


def zip_of_a_million() -> bytes:
    """A directory of a million entries that were never written out."""
    entry = b"PK\x01\x02" + bytes(24) + struct.pack("<HHH", 1, 0, 0) + bytes(12) + b"a"
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 1_000_000 * len(entry), 0, 0)
    return entry * 1_000_000 + end


def mails_in_mails(depth: int) -> bytes:
    raw = mail(b"Content-Type: text/plain\r\n\r\nx", head=FROM)
    for _ in range(depth):
        raw = mail(attached("m.eml", raw), head=FROM)
    return raw


def continued(count: int) -> bytes:
    pieces = b"".join(b" filename*%d=x;\r\n" % number for number in range(count))
    return mail(b"Content-Disposition: attachment;\r\n" + pieces + b"\r\nx", head=FROM)


TOO_LARGE = ("ENV-03", "", "mail_too_large")
CASES: dict[str, tuple[Callable[[], bytes], list[tuple[str, str, str]] | None]] = {
    "5,000 nested multiparts": (lambda: nested_multiparts(5000, b"x"), [TOO_LARGE]),
    "300 nested multiparts around a million lines": (
        lambda: nested_multiparts(300, b"line\n" * 1_000_000),
        [TOO_LARGE],
    ),
    "25 nested multiparts": (lambda: nested_multiparts(25, b"\nx"), [TOO_LARGE]),
    "3,000 nested forwards": (lambda: FROM + b"Content-Type: message/rfc822\n\n" * 3000 + b"x", [TOO_LARGE]),
    "25 mails in mails as files": (lambda: mails_in_mails(25), []),
    "100,000 parts": (
        lambda: mail(*[b"Content-Type: text/plain\r\n\r\nx"] * 100_000, head=FROM),
        [TOO_LARGE],
    ),
    "5,000 attachments": (
        lambda: mail(*(attached(f"{n}.xlsx", b"%d" % n) for n in range(5000)), head=FROM),
        [("ENV-03", "199.xlsx", "mail_too_large"), ("ENV-03", "100.xlsx", "mail_too_large")],
    ),
    "200,000 headers": (lambda: b"".join(b"X-%d: y\n" % n for n in range(200_000)) + FROM + b"\r\nx", []),
    "200,000 headers of a part": (
        lambda: mail(b"".join(b"X-%d: y\r\n" % n for n in range(200_000)) + b"\r\nx", head=FROM),
        [],
    ),
    "header of 1 MB": (lambda: FROM + b"Subject: " + b"x" * MIB + b"\r\n\r\nx", []),
    "50,000 quotes before the sender": (lambda: b'From: "' + b'"' * 50_000 + b"\r\n" + FROM + b"\r\nx", None),
    "50,000 brackets before the sender": (lambda: b"From: " + b"(" * 50_000 + b" a@b\r\n\r\nx", None),
    "20,000 senders": (lambda: b"From: " + b", ".join([b"a@b.c"] * 20_000) + b"\r\n\r\nx", None),
    "50,000 encoded words": (lambda: FROM + b"Subject: " + b"=?utf-8?b?5L2g?= " * 50_000 + b"\r\n\r\nx", []),
    "20,000 continuations of a name": (lambda: continued(20_000), None),
    "4,000 open quotes in a parameter": (
        lambda: mail(b"Content-Type: a/b;" + b';a="' * 4000 + b"\r\n\r\n", head=FROM),
        [],
    ),
    "boundary of 1 MB": (
        lambda: FROM + b'Content-Type: multipart/mixed; boundary="%b"\n\n--%b\n\nx' % ((b"x" * MIB,) * 2),
        None,
    ),
    "one line of 20 MB": (lambda: FROM + b"\r\n" + b"x " * 10 * MIB, []),
    "30 million lines": (lambda: FROM + b"\r\n" + b"\n" * 30_000_000, [TOO_LARGE]),
    "60,000 opened tags": (lambda: FROM + b"Content-Type: text/html\r\n\r\n" + b"<div>" * 60_000, []),
    "60,000 opened comments": (lambda: FROM + b"Content-Type: text/html\r\n\r\n" + b"<!--" * 60_000, []),
    "zip bomb": (
        lambda: mail(attached("a.zip", zipped({"a.xlsx": bytes(20 * MIB)})), head=FROM),
        [("ENV-03", "a.zip", "archive_bomb")],
    ),
    "zip bomb of overlapping entries": (
        lambda: mail(attached("a.zip", overlapping_zip()), head=FROM),
        [("ENV-03", "a.zip", "archive_bomb")],
    ),
    "zip that lies about its size": (
        lambda: mail(attached("a.zip", lying_zip()), head=FROM),
        [("ENV-03", "a.xlsx", "archive_damaged")],
    ),
    "zip with a million entries": (
        lambda: mail(attached("a.zip", zip_of_a_million()), head=FROM),
        [("ENV-03", "a.zip", "archive_members")],
    ),
    "50 zips in zips": (
        lambda: mail(attached("a.zip", nested_zips(50)), head=FROM),
        [("ENV-04", "inner.zip", "archive_nested")],
    ),
    "winmail.dat that loops": (
        lambda: mail(
            attached(
                "winmail.dat",
                tnef(tnef_file(b"", b"") + tnef_attribute(2, 0x9005, b"\xff" * 4 + b"\x02\x10\x01\x37" + b"\xff" * 4)),
            ),
            head=FROM,
        ),
        [("ENV-03", "winmail.dat", "damaged")],
    ),
    "wrapper of ten million elements": (
        lambda: mail(attached("smime.p7m", b"\x30\x80" + b"\x05\x00" * 10_000_000), head=FROM),
        [("ENV-03", "smime.p7m", "mail_damaged")],
    ),
    "wrapper nested a million deep": (
        lambda: mail(attached("smime.p7m", b"\x30\x80" * 1_000_000), head=FROM),
        [("ENV-03", "smime.p7m", "mail_damaged")],
    ),
}


def take_apart(path: Path) -> tuple[str, list[str], list[tuple[str, str, str]]]:
    message = parsed(path.read_bytes())
    return message.sender, kinds(message), faults(message)


def bound_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (LIMITS.file_memory_bytes,) * 2)


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    spawned = multiprocessing.get_context("spawn")  # a process of its own size, not of the test run's
    with ProcessPool(max_workers=1, max_tasks=1, initializer=bound_memory, context=spawned) as pool:
        yield pool


@pytest.mark.parametrize("case", CASES)
def test_hostile_mail_ends_as_a_finding_within_its_bounds(case: str, pool: ProcessPool, tmp_path: Path) -> None:
    build, expected = CASES[case]
    (tmp_path / "mail.eml").write_bytes(build())
    sender, _, found = pool.schedule(take_apart, args=[tmp_path / "mail.eml"], timeout=HANG_SECONDS).result()
    if expected is not None:
        assert (sender, found) == ("unit01@oa.example", expected)


def test_attachment_of_100_megabytes_is_read_within_the_bounds(pool: ProcessPool, tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    with path.open("wb") as file:
        file.write(HEAD + b"Content-Type: application/octet-stream; name=a.xlsx\r\n")
        file.write(b"Content-Transfer-Encoding: base64\r\n\r\n")
        line = base64.encodebytes(noise(57 * 1024)).replace(b"\n", b"\r\n")
        for _ in range(LIMITS.attachment_bytes // (57 * 1024)):
            file.write(line)
    sender, found, refused = pool.schedule(take_apart, args=[path], timeout=HANG_SECONDS).result()
    assert (sender, found, refused) == ("unit01@oa.example", ["workbook"], [])


def test_zip_is_not_inflated_beyond_what_its_directory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    read = zipfile.ZipExtFile.read
    inflated = 0

    def counted(file: zipfile.ZipExtFile, size: int | None = -1) -> bytes:
        nonlocal inflated
        content = read(file, size)
        inflated += len(content)
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    parsed(mail(attached("a.zip", zipped({"a.xlsx": bytes(20 * MIB)}))))
    assert inflated == 0
    parsed(mail(attached("a.zip", lying_zip())))
    assert inflated <= 10


def test_nothing_is_written_to_disk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("../../escaped.xlsx", b"x")
        archive.writestr("/absolute.xlsx", b"y")
    assert len(parsed(mail(attached("a.zip", buffer.getvalue()))).attachments) == 2
    assert list(tmp_path.iterdir()) == []
    assert not (tmp_path.parent.parent / "escaped.xlsx").exists()
