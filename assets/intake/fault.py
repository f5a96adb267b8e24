"""What a stage says of something that it could not use or that needs mending; later a finding.

Belongs here: the one shape in which mail, workbook, cover and scan readers report. Does not: the rules
themselves (expectations/rules.yaml) and the wording of messages (expectations/messages.py).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    """One failed rule at the place where it failed.

    `rule_id` is an id of rules.yaml; `file` the attachment's name as displayed; `sheet`, `cell` (A1) and
    `column` (heading) are empty where there is none; `row` is the sheet's own 1-based row number, 0 where none;
    `value` is what was found, `expected` what was wanted, `reason` a code of expectations/reasons.yaml.
    """

    rule_id: str
    file: str = ""
    sheet: str = ""
    cell: str = ""
    row: int = 0
    column: str = ""
    value: str = ""
    expected: str = ""
    reason: str = ""
