"""A ZIP file under a password, as WinZip and 7-Zip write and open it (AE-2: AES-256, winzip.com/aes_info).

Belongs here: the format. Does not: what is put into it. Python's own zipfile writes none, and its old cipher is no
secret. The salt comes of key and content, so that the same mail has the same bytes.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
import zlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

SALT, KEY, CHECK, AUTHENTICATION = 16, 32, 2, 10  # bytes
ROUNDS = 1000
BLOCK = 16
_AES = struct.pack("<HHH2sBH", 0x9901, 7, 2, b"AE", 3, zlib.DEFLATED)  # vendor version 2, AES-256, deflated within
_ENCRYPTED, _UTF8, METHOD, NEEDED = 0x1, 0x800, 99, 51
_DATE = 0x21  # 1 January 1980


def encrypted_zip(files: Sequence[tuple[str, bytes]], password: str) -> bytes:
    """The files in a ZIP that opens with the password alone; the same input gives the same bytes."""
    if not password:
        raise ValueError("a ZIP file under no password would be open to all")
    out, directory, at = [], [], 0
    for name, content in files:
        raw = name.encode()
        packed = _sealed(content, password.encode())
        common = struct.pack("<HHHHHIIIHH", NEEDED, _ENCRYPTED | _UTF8, METHOD, 0, _DATE, 0, len(packed), len(content),
                             len(raw), len(_AES))  # fmt: skip
        out.append(b"PK\3\4" + common + raw + _AES + packed)
        directory.append(
            b"PK\1\2" + struct.pack("<H", NEEDED) + common + struct.pack("<HHHII", 0, 0, 0, 0, at) + raw + _AES
        )
        at += len(out[-1])
    central = b"".join(directory)
    end = struct.pack("<HHHHIIH", 0, 0, len(files), len(files), len(central), at, 0)
    return b"".join([*out, central, b"PK\5\6", end])


def _sealed(content: bytes, password: bytes) -> bytes:
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    plain = deflate.compress(content) + deflate.flush()
    salt = hashlib.sha256(hashlib.sha256(password).digest() + plain).digest()[:SALT]
    derived = hashlib.pbkdf2_hmac("sha1", password, salt, ROUNDS, 2 * KEY + CHECK)
    key, authenticating, check = derived[:KEY], derived[KEY : 2 * KEY], derived[2 * KEY :]
    # The counter is little-endian, which no mode of the library is: its key stream is made of the blocks themselves.
    blocks = -(-len(plain) // BLOCK)
    counters = b"".join(n.to_bytes(BLOCK, "little") for n in range(1, blocks + 1))
    stream = Cipher(algorithms.AES(key), modes.ECB()).encryptor().update(counters)[: len(plain)]
    hidden = (int.from_bytes(plain, "big") ^ int.from_bytes(stream, "big")).to_bytes(len(plain), "big")
    return salt + check + hidden + hmac.new(authenticating, hidden, "sha1").digest()[:AUTHENTICATION]
