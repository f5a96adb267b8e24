"""Until when a return is due, in the one wording that units meet everywhere: forms, answers, reminders.

Belongs here: that wording. Does not: when it is (assets/periods.py).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache

from expectations.language import language
from reports.text.formats import labels


@cache
def deadline_in_words(cutoff: datetime, lang: str) -> str:
    """A cut-off (aware, local) that leaves no doubt about midnight: 11月5日（星期四）24:00 for 6 November, 00:00.

    It fits 请在…前 and 截止时间是…, "by …" and "The deadline was …".
    """
    whole_day = (cutoff.hour, cutoff.minute) == (0, 0)
    last = cutoff - timedelta(days=1) if whole_day else cutoff
    day = language(lang).dated(last.date(), language(lang).weekday)
    words = labels(lang)["deadline_whole_day" if whole_day else "deadline_at_time"]
    return words.format(day=day, time=f"{cutoff:%H:%M}")
