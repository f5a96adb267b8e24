"""Files that a program on the sender's computer has encrypted: they open there and nowhere else.

Enterprise encryption clients encrypt every file on disk without being asked; who mails one sees an ordinary workbook.
Belongs here: telling such files, and opening workbooks under the password that Excel itself gives out. Does not:
passwords that people give (nobody here knows them).
"""

from __future__ import annotations

import io
import math
from collections import Counter

# What clients put before what they encrypt, within the first bytes of a file.
_MARKS = (
    b"E-SafeNet",  # 亿赛通
    b"%TSD-Header-###%",  # 天锐绿盾
    b"<## NASCA DRM FILE",
    b"DRMONE",
    b"SCDSA0",
)
_HEAD = 128  # bytes that a mark stands in
# Pictures, films, archives and the like, in which every byte is about as frequent as any other too: GIF, WebP, BMP,
# JPEG 2000 and JPEG XL, RAR, 7z, gzip, bzip2, xz, and by their second word HEIC, AVIF and MP4.
_PACKED = (
    b"GIF8", b"RIFF", b"BM", b"\0\0\0\x0cjP  ", b"\0\0\0\x0cJXL ", b"\xffO\xffQ", b"\xff\x0a",
    b"PK", b"Rar!\x1a\x07", b"7z\xbc\xaf\x27\x1c", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd",
)  # fmt: skip
_MEDIA = b"ftyp"
_LEAST, _SAMPLE = 1024, 65_536  # bytes
_DEFAULT_PASSWORD = "VelvetSweatshop"  # of Excel itself, for protected workbooks ([MS-OFFCRYPTO] 2.4.2.3)


def by_client(content: bytes) -> bool:
    """Whether the bytes of a file that is of no known kind are those of an encryption client.

    By its mark, or because every byte is as frequent as any other: no format that people fill in looks so, and those
    that are packed begin with their own signature.
    """
    if any(mark in content[:_HEAD] for mark in _MARKS):
        return True
    sample = content[:_SAMPLE]
    if len(sample) < _LEAST or content.startswith(_PACKED) or content[4:8] == _MEDIA:
        return False
    entropy = -sum(n / len(sample) * math.log2(n / len(sample)) for n in Counter(sample).values())
    # Random bytes fall short of 8 bits by some 184 / length, as so many are too few to be even (Miller 1955).
    return entropy > 8 - 4 * 184 / len(sample) - 0.02


def without_default_password(content: bytes) -> bytes | None:
    """A workbook that Excel has encrypted under its own password, in clear; None under any other one.

    `content` is an OLE file: an encrypted package or an .xls. Raises MemoryError where the process has a limit.
    """
    import msoffcrypto  # noqa: PLC0415 - a workbook in a thousand needs it

    try:
        file = msoffcrypto.OfficeFile(io.BytesIO(content))
        file.load_key(password=_DEFAULT_PASSWORD, verify_password=True)
        opened = io.BytesIO()
        file.decrypt(opened)
    except MemoryError:
        raise
    except Exception:  # other passwords, other methods, damage: whatever the library raises
        return None
    return opened.getvalue()
