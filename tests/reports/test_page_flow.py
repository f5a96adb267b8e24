"""Pages of report.docx worked out ahead: what ends a page, where tables are cut, which page a heading is on."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from reports.forms.page_flow import Piece, lines_of, placed

ROOM, ACROSS = 101.0, 61.0


def lines(least: int, most: int | None = None, name: str = "p", **more: object) -> Piece:
    """A paragraph of so many lines of 10 points."""
    return Piece(name, (10.0,) * least, (10.0,) * (most or least), **more)  # type: ignore[arg-type]


def rows(number: int, first: int = 0) -> Piece:
    """A table of so many rows of 10 points."""

    def cut(at: int) -> tuple[Piece, Piece]:
        return replace(rows(at, first), cut=None, whole=True), rows(number - at, first + at)

    return Piece(f"rows {first}+{number}", (10.0,) * number, (10.0,) * number, cut=cut)


def begun(pieces: list[Piece]) -> list[str]:
    """The pieces before which a page is ended."""
    return [p.xml for p in placed(pieces, ROOM, ACROSS)[0] if p.begins_page]


def test_text_flows_over_the_end_of_a_page_without_a_break() -> None:
    assert begun([lines(7), lines(7), lines(7)]) == []


def test_a_page_ends_before_a_piece_that_fonts_would_decide_on() -> None:
    assert begun([lines(8), lines(2, 3, "unsure"), lines(1)]) == ["unsure"]


def test_what_is_whole_is_not_cut() -> None:
    assert begun([lines(8), lines(3, name="figure", whole=True)]) == ["figure"]


def test_a_heading_takes_the_beginning_of_its_text_along() -> None:
    heading = lines(1, name="heading", with_next=True, mark=1)
    pieces = [lines(8), heading, lines(5)]
    assert begun(pieces) == ["heading"]
    assert placed(pieces, ROOM, ACROSS)[1] == {1: 2}
    assert begun([lines(6), heading, lines(5)]) == []


def test_a_table_is_cut_with_rows_enough_on_either_page() -> None:
    out, _ = placed([lines(6), rows(12)], ROOM, ACROSS)
    assert [p.xml for p in out] == ["p", "rows 0+4", "rows 4+8"]
    assert [p.begins_page for p in out] == [False, False, True]
    nearly, _ = placed([lines(1), rows(10)], ROOM, ACROSS)
    assert [p.xml for p in nearly] == ["p", "rows 0+7", "rows 7+3"]


def test_a_table_begins_the_next_page_where_little_is_left_of_this_one() -> None:
    assert begun([lines(9), rows(6)]) == ["rows 0+6"]


def test_a_long_table_is_cut_again_and_again() -> None:
    out, _ = placed([rows(35)], ROOM, ACROSS)
    assert sum(len(p.most) for p in out) == 35
    assert all(len(p.most) <= ROOM / 10 for p in out)
    assert [p.begins_page for p in out] == [False, *[True] * (len(out) - 1)]


def test_a_page_is_turned_with_its_section_and_counted() -> None:
    pieces = [lines(2), lines(2, turned=True, mark=1), lines(2, mark=2)]
    out, pages = placed(pieces, ROOM, ACROSS)
    assert pages == {1: 2, 2: 3}
    assert not any(p.begins_page for p in out)


def test_what_begins_a_page_does_so_but_on_an_empty_one() -> None:
    first = lines(1, name="annex", begins_page=True, mark=1)
    assert placed([lines(1), first], ROOM, ACROSS)[1] == {1: 2}
    assert begun([first]) == []


@given(
    st.lists(
        st.tuples(st.integers(1, 6), st.integers(0, 2), st.booleans(), st.booleans()).map(
            lambda n: lines(n[0], n[0] + n[1], whole=n[2], with_next=n[3])
        ),
        max_size=40,
    )
)
def test_no_piece_is_ever_on_two_pages_by_font(pieces: list[Piece]) -> None:
    """Whatever the fonts, both ways to lay the result out end each chain on one page, with the breaks that are said."""
    out, _ = placed([replace(p, mark=n) for n, p in enumerate(pieces, 1)], ROOM, ACROSS)

    def page_of_marks(heights: str) -> list[int]:
        page, at, found = 1, 0.0, []
        for piece in out:
            if piece.begins_page and at > 0:
                page, at = page + 1, 0.0
            for height in getattr(piece, heights):
                if at + height > ROOM:
                    page, at = page + 1, 0.0
                at += height
            found.append(page)
        return found

    assert len(out) == len(pieces)
    ends = [n for n, p in enumerate(out) if not p.with_next]
    low, high = page_of_marks("least"), page_of_marks("most")
    begins = [0, *(end + 1 for end in ends)]
    for begin, end in zip(begins, ends, strict=False):
        if sum(len(p.most) for p in out[begin : end + 1]) * 10 > ROOM:  # longer than a page: left to flow
            break
        assert low[end] == high[end]


@given(st.text(alphabet="网络安全，。 a1B.%", max_size=80), st.floats(6, 30))
def test_a_text_takes_no_fewer_lines_at_most_than_at_least(text: str, room: float) -> None:
    least, most = lines_of(text, room)
    assert 1 <= least <= most


def test_lines_are_those_of_the_standard() -> None:
    assert lines_of("汉" * 28, 28.07) == (1, 1)
    assert lines_of("汉" * 28, 28.07, 2.0) == (2, 2)
    assert lines_of("汉" * 27 + "。", 27.0) == (1, 2)
    assert lines_of("汉\n汉", 28.0) == (2, 2)
    assert lines_of("W" * 20, 4.0)[1] >= 4, "a word longer than a line is broken, the first as well"
