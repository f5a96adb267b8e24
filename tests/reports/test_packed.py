"""Packing changes where the objects of a PDF stand, and nothing else."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pikepdf
import pytest
from pypdf import PdfReader

from reports.forms import pdf
from reports.forms.pdf import render_pdf
from reports.forms.pdf_object_streams import PackError, packed
from tests.reports import made_reports


@pytest.fixture(scope="module")
def written() -> bytes:
    """A report as Typst writes it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf, "packed", lambda document: document)
        return render_pdf(made_reports.full())


def content(one: pikepdf.Object) -> tuple[bytes, bytes]:
    stream = one.read_raw_bytes() if isinstance(one, pikepdf.Stream) else b""
    return (one.stream_dict if isinstance(one, pikepdf.Stream) else one).unparse(), stream


def test_every_object_is_what_it_was(written: bytes) -> None:
    before, after = pikepdf.open(io.BytesIO(written)), pikepdf.open(io.BytesIO(packed(written)))
    assert after.check_pdf_syntax() == []
    assert list(map(content, before.objects)) == list(map(content, after.objects))[: len(before.objects)]
    for entry in ("/Root", "/Info", "/ID"):
        assert before.trailer[entry].unparse() == after.trailer[entry].unparse()


def test_another_reader_reads_the_same(written: bytes) -> None:
    before, after = PdfReader(io.BytesIO(written)), PdfReader(io.BytesIO(packed(written)))
    assert [page.extract_text() for page in before.pages] == [page.extract_text() for page in after.pages]
    assert [str(item["/Title"]) for item in before.outline] == [str(item["/Title"]) for item in after.outline]


def test_a_report_is_packed() -> None:
    document = render_pdf(made_reports.full())
    assert b"/Type/ObjStm" in document
    assert b"/S/TD" not in document


@pytest.mark.parametrize("broken", [b"", b"%PDF-1.7\n", b"\ntrailer\n<<>>\nstartxref\n3\n%%EOF\n"])
def test_what_is_no_such_pdf_is_an_error(broken: bytes) -> None:
    with pytest.raises(PackError):
        packed(broken)


def test_a_pdf_that_another_program_wrote_is_an_error(written: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.pdf"
    pikepdf.open(io.BytesIO(written)).save(path)
    with pytest.raises(PackError):
        packed(path.read_bytes())


def test_offsets_that_lead_elsewhere_are_an_error(written: bytes) -> None:
    start = int(re.findall(rb"startxref\n(\d+)", written)[-1])
    row = start + written[start:].index(b" n") - 16
    wrong = b"%010d" % (int(written[row : row + 10]) + 1)
    with pytest.raises(PackError):
        packed(written[:row] + wrong + written[row + 10 :])
