"""On which page of report.docx each piece comes to stand, worked out before the document is written.

Belongs here: how many lines a text takes, pages filled piece by piece, where a page has to end. Does not: the pieces
(docx.py), the heights of lines (official_style.py).

Lines have heights that are said, so all that is not known is where a line of text breaks: that depends on the fonts
of whoever opens the document. So every height has a least and a most. Where both come to the same page nothing is
done; where they do not, the page is ended before the piece, and all is known again. So the page numbers in the
contents hold in every program, without a field being brought up to date.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from reports.forms.print_tables import HAN

LEAST_AT_FOOT = 2  # lines of a paragraph that may stand alone at the foot of a page, below a heading
LEAST_OVER = 3  # rows of a table on either page
FULL = 0.8  # of a page: after that a table rather begins the next one than be cut
SURE = 0.5  # points by which programs may round otherwise
SLACK = 0.05  # em of a line that programs may see otherwise
# Em of characters: narrowest (Times) and widest (the sans-serif of a machine without office fonts).
_SPACES, _THIN, _DIGITS, _SMALL, _CAPITALS = (0.22, 0.28), (0.25, 0.4), (0.5, 0.56), (0.44, 0.6), (0.62, 0.76)
_JOINT = (0.0, 0.26)  # between Chinese and other writing
_TOKEN = re.compile(r"[!-~]+|.", re.DOTALL)
_OTHER = re.compile("[!-~]")
_HAN = re.compile(f"[{HAN}]")
_HANGING = frozenset("。，、；：！？）》”")

Span = tuple[float, float]  # least and most, in points


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the document that begins with a paragraph.

    `least` and `most` are the heights of its lines or rows, of which each stands on one page. `whole`: never cut by the
    end of a page. `cut`: what makes two pieces of a table, the first with so many rows. `with_next`: on one page with
    the beginning of the next piece. `begins_page`: stands at the top of one in any case. `mark`: the number of the
    heading that it is, 0 of none.
    """

    xml: str
    least: tuple[float, ...]
    most: tuple[float, ...]
    turned: bool = False
    whole: bool = False
    with_next: bool = False
    begins_page: bool = False
    cut: Callable[[int], tuple[Piece, Piece]] | None = None
    mark: int = 0


# ------------------------------------------------------------------------------------------------------------ heights
def _widths(character: str) -> Span:
    if character == " ":
        return _SPACES
    if character in ".,:;'|!ilIjtf()[]-/":
        return _THIN
    if character.isdigit():
        return _DIGITS
    return _CAPITALS if character.isupper() or character in "%@&+=<>~mwMW" else _SMALL


@lru_cache(maxsize=16_384)
def _token(token: str) -> Span:
    if not _OTHER.match(token) and token not in " \u200b":
        return 1.0, 1.0
    if token == "\u200b":
        return 0.0, 0.0
    widths = [_widths(c) for c in token]
    return sum(w for w, _ in widths), sum(w for _, w in widths)


@lru_cache(maxsize=16_384)
def lines_of(text: str, room: float, indent: float = 0.0) -> tuple[int, int]:
    """How many lines a text takes at least and at most, in so many em, the first of them shorter by `indent`."""
    least = most = 0
    for line in text.split("\n"):
        tokens = _TOKEN.findall(line)
        least += _filled(tokens, 0, room + SLACK, indent)
        most += _filled(tokens, 1, max(room - SLACK, 1.0), indent)
    return least, most


def _filled(tokens: Sequence[str], which: int, room: float, indent: float) -> int:
    lines, at, before = 1, indent, ""
    for token in tokens:
        width = _token(token)[which]
        joint = before and bool(_HAN.match(token)) != bool(_HAN.match(before)) and " " not in (token, before)
        needed = width + (_JOINT[which] if joint else 0.0)
        hangs = which == 0 and token in _HANGING
        if at + needed > room + hangs and (before or width > room):
            if before:
                lines, at = lines + 1, 0.0
            # A word longer than a line is broken wherever the line ends.
            further = math.ceil((at + width) / room) - 1
            lines, at, before = lines + further, at + width - further * room, token
            continue
        at, before = at + needed, token
    return lines


def paragraph_heights(
    lines: tuple[int, int], before: float, pitch: float, after: float
) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The heights of a paragraph's lines, the least and the most: at the top of a page there is no room before it."""
    low, high = [pitch] * lines[0], [pitch] * lines[1]
    high[0] += before
    high[-1] += after
    return tuple(low), tuple(high)


# -------------------------------------------------------------------------------------------------------------- pages
@dataclass(frozen=True, slots=True)
class _Place:
    page: int
    at: float

    def after(self, heights: Sequence[float], room: float) -> _Place:
        """The place after lines or rows of these heights."""
        page, at = self.page, self.at
        for height in heights:
            if at + height > room and at > 0:
                page, at = page + 1, 0.0
            at += height
        return _Place(page, at)


def placed(pieces: Sequence[Piece], upright: float, turned: float) -> tuple[list[Piece], dict[int, int]]:
    """Put pieces on pages so many points high, upright and turned: the pieces, of which those that must begin a page
    now say so, and the page of each heading.

    A page is ended before what must not be cut, before a heading with too little below it, and where fonts would else
    decide on which page a piece ends; a table goes on under a heading of its own. A paragraph longer than a page is
    left to flow.
    """
    out: list[Piece] = []
    pages: dict[int, int] = {}
    low = high = _Place(1, 0.0)
    across = False
    waiting = list(reversed(list(_chains(pieces))))
    while waiting:
        chain = waiting.pop()
        first, last = chain[0], chain[-1]
        room = turned if first.turned else upright
        least = [h for piece in chain for h in piece.least]
        most = [h for piece in chain for h in piece.most]
        begins = first.begins_page and high.at > 0
        if first.turned != across:
            across, begins = first.turned, False  # the page ends with its section
            low = high = _Place(max(low.page, high.page) + bool(out), 0.0)
        if begins:
            low = high = _Place(max(low.page, high.page) + 1, 0.0)
        if last.cut and (rows := _rows_to_cut(chain, most, high, room)):
            here, there = last.cut(rows)
            waiting += [[replace(there, begins_page=True)], [*chain[:-1], here]]
            if begins:
                waiting[-1][0] = replace(waiting[-1][0], begins_page=True)
                low = high = _Place(max(low.page, high.page) - 1, room)
            continue
        ends = low.after(least, room + SURE), high.after(most, room - SURE)
        if high.at > 0 and not begins and _must_not_begin(chain, most, high, ends, room):
            begins = True
            waiting.append([replace(first, begins_page=True), *chain[1:]])
            continue
        pages |= {piece.mark: high.page for piece in chain if piece.mark}
        low, high = ends
        out += [replace(first, begins_page=begins), *chain[1:]]
    return out, pages


def _chains(pieces: Sequence[Piece]) -> Iterator[list[Piece]]:
    """The pieces in runs of which each begins on one page."""
    chain: list[Piece] = []
    for piece in pieces:
        if chain and piece.turned != chain[-1].turned:
            yield chain
            chain = []
        chain.append(piece)
        if not piece.with_next:
            yield chain
            chain = []
    if chain:
        yield chain


def _rows_to_cut(chain: Sequence[Piece], most: Sequence[float], high: _Place, room: float) -> int:
    """After how many rows of the table at the end of a chain the page ends; 0 where it is not to be cut."""
    if high.at + sum(most) + SURE <= room or (high.at > FULL * room and sum(most) <= room):
        return 0
    rows, at = 0, high.at + sum(most[: len(most) - len(chain[-1].most)])
    for height in chain[-1].most:
        at += height
        if at + SURE > room:
            break
        rows += 1
    rows = min(rows, len(chain[-1].most) - LEAST_OVER)
    return rows if rows >= LEAST_OVER else 0


def _must_not_begin(
    chain: Sequence[Piece], most: Sequence[float], high: _Place, ends: tuple[_Place, _Place], room: float
) -> bool:
    """Whether a chain must begin the next page rather than stand on this one."""
    last = chain[-1]
    if ends[0].page != ends[1].page:
        return True
    if last.whole or last.cut:
        return high.at + sum(most) + SURE > room
    kept = len(most) - len(last.most) + LEAST_AT_FOOT
    return high.at + sum(most[:kept]) + SURE > room
