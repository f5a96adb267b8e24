"""A QR code whose figures change with a spreadsheet's cells: every module as the parity of some of their bits.

A template is sent out before its totals are known, so a picture cannot hold them. But with the version, mask and length
of a code fixed, its error correction is linear over the bits of its data (ISO/IEC 18004, 7.5): flipping a bit turns the
same modules over, whatever else the code says. So a spreadsheet can set every module by adding up bits.

Belongs here: which modules a bit turns over. Does not: the cells (signature_page.py), what the code says
(expectations/signature.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import segno

LEVEL = "m"  # 15 % may be lost: to a stamp's edge, a fold, a poor scan
BITS = 4  # of a digit that change: the codes of 0 to 9 are 0x30 to 0x39
_WEIGHTS = (8, 4, 2, 1)

Matrix = tuple[tuple[bool, ...], ...]


@dataclass(frozen=True, slots=True)
class LiveCode:
    """A code that ends in digits which are not known yet.

    `dark` is how its modules stand while all digits are 0, without a quiet zone. `turned` names, for each module that
    changes (row, column), the bits that turn it over: bit 4n is the most significant of digit n.
    """

    dark: Matrix
    turned: Mapping[tuple[int, int], tuple[int, ...]]

    @property
    def size(self) -> int:
        """Modules of a side."""
        return len(self.dark)

    def with_digits(self, digits: Sequence[int]) -> Matrix:
        """The modules for these digits, as a spreadsheet comes to them."""
        bits = [bool(digit & weight) for digit in digits for weight in _WEIGHTS]
        return tuple(
            tuple(
                module ^ (sum(bits[bit] for bit in self.turned.get((r, c), ())) % 2 == 1)
                for c, module in enumerate(row)
            )
            for r, row in enumerate(self.dark)
        )


def live_code(start: str, digits: int) -> LiveCode:
    """The code of `start` and so many digits. Raises segno.DataOverflowError where no code holds as much."""
    first = _make(start + "0" * digits)
    length = len(start.encode())
    return LiveCode(_modules(first), _turned(length, digits, int(first.version)))


def _make(text: str, version: int | None = None, mask: int | None = None) -> segno.QRCode:
    return segno.make(
        text, error=LEVEL, mode="byte", encoding="utf-8", eci=False, micro=False, boost_error=False,
        version=version, mask=mask,
    )  # fmt: skip


def _modules(code: segno.QRCode) -> Matrix:
    return tuple(tuple(bool(module) for module in row) for row in code.matrix)


@lru_cache(
    maxsize=64
)  # units' codes are of few lengths, and what a bit turns over does not depend on what else is said
def _turned(length: int, digits: int, version: int) -> Mapping[tuple[int, int], tuple[int, ...]]:
    zeros = ["0"] * digits
    start = "0" * length
    base = _modules(_make(start + "".join(zeros), version, 0))
    turned: dict[tuple[int, int], list[int]] = {}
    for digit in range(digits):
        for n, weight in enumerate(_WEIGHTS):
            text = start + "".join([*zeros[:digit], str(weight), *zeros[digit + 1 :]])
            changed = _modules(_make(text, version, 0))
            for r, row in enumerate(changed):
                for c, module in enumerate(row):
                    if module != base[r][c]:
                        turned.setdefault((r, c), []).append(digit * BITS + n)
    return {place: tuple(bits) for place, bits in turned.items()}
