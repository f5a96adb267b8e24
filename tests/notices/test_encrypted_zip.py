"""A ZIP under a password, taken apart by the specification (AE-2, winzip.com/aes_info)."""

from __future__ import annotations

import hashlib
import hmac
import io
import struct
import zipfile
import zlib

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from reports.notices.encrypted_zip import encrypted_zip

PASSWORD = "geheim 密码"


def opened(archive: bytes, password: str) -> dict[str, bytes]:
    """The files of an archive, block by block as the specification says, with the counter little-endian."""
    files = {}
    with zipfile.ZipFile(io.BytesIO(archive)) as listed:
        for info in listed.infolist():
            assert info.compress_type == 99
            assert info.flag_bits & 1
            assert info.extra == struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, 8)
            at = info.header_offset + 30 + len(info.filename.encode()) + len(info.extra)
            sealed = archive[at : at + info.compress_size]
            salt, check, hidden, seen = sealed[:16], sealed[16:18], sealed[18:-10], sealed[-10:]
            derived = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, 1000, 66)
            if derived[64:] != check:
                raise ValueError("wrong password")
            assert hmac.new(derived[32:64], hidden, "sha1").digest()[:10] == seen
            plain = bytearray()
            for number, start in enumerate(range(0, len(hidden), 16), start=1):
                key = Cipher(algorithms.AES(derived[:32]), modes.ECB()).encryptor()
                stream = key.update(number.to_bytes(16, "little"))
                plain += bytes(a ^ b for a, b in zip(hidden[start : start + 16], stream, strict=False))
            files[info.filename] = zlib.decompress(bytes(plain), -15)
    return files


@given(st.dictionaries(st.sampled_from(["报告.docx", "a.html", "b"]), st.binary(max_size=300), max_size=3))
def test_the_password_opens_what_was_put_in(files: dict[str, bytes]) -> None:
    archive = encrypted_zip(list(files.items()), PASSWORD)
    assert opened(archive, PASSWORD) == files
    assert encrypted_zip(list(files.items()), PASSWORD) == archive


def test_no_other_password_opens_it() -> None:
    with pytest.raises(ValueError, match="wrong password"):
        opened(encrypted_zip([("a", b"secret")], PASSWORD), "other")


def test_no_password_is_none() -> None:
    with pytest.raises(ValueError, match="open to all"):
        encrypted_zip([("a", b"secret")], "")
