"""Says of a scan, whatever its format, whether a seal is on any of its pages, which pages they are, and their codes.

Belongs here: the verdict over all pages. Does not: getting pictures out of files (pages.py), what a seal is
(seal.py), reading a code (codes.py), nor the findings that follow (SIG-01 to SIG-05 of expectations/rules.yaml).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

from assets.instance.limits import Limits
from assets.instance.settings import SealThresholds


@dataclass(frozen=True, slots=True)
class Scan:
    """What is known of one scan.

    `state` is sealed, unsealed or unreadable; `reason` a code of expectations/reasons.yaml, empty where
    sealed; `pages` how many were looked at; `score` that of the most seal-like thing on them, 0..1; `prints` say
    which pages they are (PagePicture.print), each once; `codes` are the texts of the codes on them
    (expectations/signature.py).
    """

    state: str
    reason: str
    pages: int
    score: float
    prints: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


def read_scan(content: bytes, name: str, limits: Limits, seal: SealThresholds) -> Scan:
    """Looks at the pages of a scan, for a seal until one bears it (SIG-02); never raises, whatever the bytes.

    The format is told by the content: `name` is not trusted. A scan of which no page can be read is
    unreadable (SIG-03): encrypted, damaged, over the limits, or no scan at all. Where some pages can be read
    and bear no seal, it is unsealed, and the reason names what kept the others from being looked at, if
    anything did.
    """
    with warnings.catch_warnings(action="ignore"):  # Pillow's, about oddities of which the verdict tells
        return _looked_through(content, limits, seal)


def _looked_through(content: bytes, limits: Limits, seal: SealThresholds) -> Scan:
    # The picture libraries take longer to load than most commands take to run.
    from assets.intake.scans.codes import codes_on  # noqa: PLC0415
    from assets.intake.scans.pages import UnreadableError, pages_of  # noqa: PLC0415
    from assets.intake.scans.seal import SealResult, find_seal  # noqa: PLC0415

    results: list[SealResult] = []
    prints: set[str] = set()
    codes: set[str] = set()
    troubles: list[str] = []
    pages, sealed = 0, False
    try:
        for decoded in pages_of(content, limits, seal.page_px):
            pages += 1
            try:
                page = decoded()
                prints.add(page.print)
                codes.update(codes_on(page.scanned, page.short_mm))
                if not sealed:
                    results.append(find_seal(page.shown, seal, page.short_mm))
                    sealed = results[-1].found
            except UnreadableError as error:
                troubles.append(error.reason)
            except Exception as error:
                troubles.append(_trouble(error))
    except UnreadableError as error:
        troubles.append(error.reason)
    except Exception as error:
        troubles.append(_trouble(error))
    if not results:
        return Scan("unreadable", troubles[0] if troubles else "damaged", pages, 0.0)
    reason = troubles[0] if troubles else "no_colour" if all(r.grey for r in results) else "no_seal"
    best = max(r.score for r in results)
    told = tuple(sorted(prints)), tuple(sorted(codes))
    return Scan("sealed", "", pages, best, *told) if sealed else Scan("unsealed", reason, pages, best, *told)


def _trouble(error: Exception) -> str:
    """The reason for what libraries raise on hostile bytes, which may be anything."""
    return "over_limit" if isinstance(error, MemoryError) else "damaged"
