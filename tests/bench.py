"""`make bench`: the main job on a generated month beside the floor, stage by stage. Prints a table, writes JSON.

The month is the size of real ones: some 50 assets, 3 APPs, 60 answers and 17 indicators a unit, and a scan of some
150 KB. The floor is the time to read the same bytes once in as many processes as there are cores: decode and hash
each mail, open its workbooks with calamine, with scans also decode each page at quarter scale. It is taken before and
after the first night, and the ratio is to the mean of both: a shared machine may change its speed by a third between
them. Without scans the job marks no workbooks and sends no notices either. Nothing here asserts a time.

Beside the first night stands a plain script that reads the same workbooks on one core (tests/bench_plain.py; of a
large month some thousand mails, and as much more for the others). After it: one mail in a hundred again (supplement
night), a run with nothing to be done, one mail to its answer (`sixth answer`), and the floor a last time; in a home of
its own a night before the deadline, and the next with one mail in a hundred again; in another the month without scans.
Last comes what does not depend on the month: the sample in an empty home, and commands that people wait for. All of it
stands once more in one table, beside what is asked of 10,000 units on two quiet cores.

Floors, first and last, are the machine's noise: where any two of them differ by more than a tenth, results are not
compared with those of another run. Results are kept by commit.

    python -m tests.bench --units 10000            some 25 minutes on two quiet cores
    python -m tests.bench --units 10000 --twice    and the first night of twice as many: 15 minutes more
    python -m tests.bench --units 100 --without-commands   not the sample and the commands
    python -m tests.bench --units 100 --history 60     the same month after 60 months and after one
    python -m tests.bench --against bench/0a1b2c3.json   beside what another commit took
"""

from __future__ import annotations

import argparse
import email
import hashlib
import io
import ipaddress
import json
import os
import random
import re
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from datetime import time as clock
from email.message import EmailMessage
from email.policy import SMTP
from functools import cache
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from assets.instance import periods
from assets.instance.home import Home
from expectations.catalogue import Catalogue, load_catalogue

if TYPE_CHECKING:
    from PIL.Image import Image

PERIOD = "2026-10"
FIRST_NIGHT = "2026-11-06T00:30:00+08:00"
SECOND_NIGHT = "2026-11-07T02:00:00+08:00"
EARLY_NIGHT, NEXT_EARLY_NIGHT = "2026-11-05T09:00:00+08:00", "2026-11-05T21:00:00+08:00"
BETWEEN_EARLY_NIGHTS, AFTER_FIRST_NIGHT = b"Thu, 05 Nov 2026 15:00:00", b"Fri, 06 Nov 2026 15:00:00"
AFTER_SECOND_NIGHT = b"Sun, 08 Nov 2026 09:00:00"
UNCHANGED_NIGHT, AT_NOON = "2026-11-07T03:00:00+08:00", "2026-11-08T12:00:00+08:00"
MOST_NOISE = 0.1  # between floors that results may be compared over
PLAIN_MAILS = 1000  # that the plain script reads
FIRST, PLAIN, SUPPLEMENT = "first night", "pandas + calamine, one core", "supplement night, 1 % new"
NOTHING, ANSWER, INTERIM = "nothing new", "one mail to its answer", "interim night, 1 % new"
SAMPLE, CHECK, STATUS, HELP = "sample, cold, both months", "check of two workbooks", "status", "--help"
WITH_SCANS, WITHOUT = True, False
# What is asked of 10,000 units on two quiet cores: what, of a month with scans or without, which figure, at most.
ASKED = (
    ("everything, in floors", FIRST, WITH_SCANS, "ratio", 3.6),
    ("without scans and feedback, in floors", FIRST, WITHOUT, "ratio", 9.0),
    ("everything, to a plain script on one core", PLAIN, WITH_SCANS, "ratio", 1.0),
    ("interim night, 1 % new, s", INTERIM, WITH_SCANS, "seconds", 25.0),
    ("supplement night, 1 % new, s", SUPPLEMENT, WITH_SCANS, "seconds", 40.0),
    ("nothing new, CPU s", NOTHING, WITH_SCANS, "cpu", 1.0),
    ("one mail to its answer, s", ANSWER, WITH_SCANS, "seconds", 12.0),
    ("peak memory, MB", FIRST, WITH_SCANS, "peak_mb", 1500.0),
    ("sample, cold, both months, s", SAMPLE, WITH_SCANS, "seconds", 6.0),
    ("check of two workbooks, CPU s", CHECK, WITH_SCANS, "cpu", 0.8),
    ("status, CPU s", STATUS, WITH_SCANS, "cpu", 0.4),
    ("--help, CPU s", HELP, WITH_SCANS, "cpu", 0.12),
)
MOST_GROWTH = 1.2  # of peak memory, with twice as many units
ROOT = Path(__file__).parent.parent
UNITS_A_CITY = 30
CITIES_A_PROVINCE = 11
KINDS = ("network", "market", "enterprise", "channel", "service", "engineering", "general", "finance", "county")
ASSETS, APPS, INCIDENTS, PROBLEMS = 50, 3, 1, 4


# ------------------------------------------------------------------------------------------------- a made-up month
def units_csv(units: int, active_from: str = PERIOD) -> str:
    """A register of provinces, cities and units."""
    lines = ["unit_code,unit_name,parent_code,level,kind,services,mailboxes,active_from,active_to"]
    lines.append(f"BE,基准集团,,carrier,,,,{active_from},")
    for n in range(units):
        city, province = n // UNITS_A_CITY, n // (UNITS_A_CITY * CITIES_A_PROVINCE)
        if n % (UNITS_A_CITY * CITIES_A_PROVINCE) == 0:
            lines.append(f"BE-{province:02d},第{province}省公司,BE,province,,,,{active_from},")
        if n % UNITS_A_CITY == 0:
            lines.append(f"BE-{province:02d}-{city:03d},第{city}市分公司,BE-{province:02d},city,,,,{active_from},")
        code = f"BE-{province:02d}-{city:03d}-{n:05d}"
        kind = KINDS[n % len(KINDS)]
        lines.append(
            f"{code},第{n}单位,BE-{province:02d}-{city:03d},unit,{kind},access;im,u{n}@oa.example,{active_from},"
        )
    return "\n".join(lines) + "\n"


def unit_codes(units: int) -> list[tuple[str, str, str]]:
    """(code, name, kind) of every reporting unit."""
    rows = [line.split(",") for line in units_csv(units).splitlines()[1:]]
    return [(r[0], r[1], r[4]) for r in rows if r[3] == "unit"]


def _workbook(sheets: dict[str, list[list[Any]]]) -> bytes:
    import xlsxwriter

    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"in_memory": True})
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for title, rows in sheets.items():
        sheet = book.add_worksheet(title)
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, date):
                    sheet.write_datetime(r, c, datetime.combine(value, datetime.min.time()), day)
                elif value is not None:
                    sheet.write(r, c, value)
    book.close()
    return buffer.getvalue()


@dataclass(frozen=True)
class Month:
    """A month of the generated past; what is new in it is new: addresses, versions and numbers differ by month."""

    period: str

    @property
    def first(self) -> date:
        """Its first day."""
        return date.fromisoformat(f"{self.period}-01")

    @property
    def next(self) -> date:
        """The first day of the month after, in which its returns are sent."""
        return (self.first + timedelta(days=31)).replace(day=1)

    @property
    def number(self) -> int:
        """Months since the year 2000."""
        return (self.first.year - 2000) * 12 + self.first.month

    def day(self, number: int) -> date:
        """A day of it."""
        return self.first.replace(day=number)


def _cover(title: str, code: str, name: str, month: Month, **flags: str) -> list[list[Any]]:
    fields = {
        "单位编码": code, "单位名称": name, "报送月份": month.period, "填报人": "王强", "联系电话": "13900001111",
        "填报日期": month.next.replace(day=2), "单位负责人": "赵敏", "表单版本": "2026.1", **flags,
    }  # fmt: skip
    return [[title], [], *([k, v] for k, v in fields.items())]


def annex2(code: str, name: str, month: Month, catalogue: Catalogue, rng: random.Random) -> bytes:
    """Annex 2 of a unit, with the share of faults that real ones have."""
    assets, apps = catalogue.sheets["exposed_assets"], catalogue.sheets["app_launches"]
    number, at = int(code[-5:]), month.number
    rows: list[list[Any]] = [[c.zh for c in assets.columns]]
    for i in range(ASSETS):
        site = i % 5 == 0
        day = month.day(1 + rng.randrange(28))
        address = ipaddress.IPv4Address((100 << 24) + ((number * 64 + i) * 61 + at * 7919) % (2 << 24))
        rows.append([
            i + 1, f"系统{i}", "网站" if site else rng.choice(assets.columns[2].codes[1:]),
            str(address), "443" if i % 7 else "80,443,3306", "TCP",
            f"https://s{i}.m{at}.u{number}.example" if site else None, f"京ICP备{number:08d}号-{i + 1}" if site else None,
            f"支撑域{i % 9}", "二级" if i % 3 else "未定级", f"11000-{number}-{i}" if i % 3 else None, "否" if i % 2 else "是",
            "王强", "13900001111", day if i % 4 else day.isoformat(), "业务对外开放", "WAF、防火墙" if i % 6 else "无",
            month.first - timedelta(days=10) if i % 8 else None, 0 if i % 8 else None,
            "是" if rng.random() > 0.02 else "待定", None,
        ])  # fmt: skip
    launches: list[list[Any]] = [[c.zh for c in apps.columns]]
    for i in range(APPS):
        launches.append([
            i + 1, f"掌上{i}", "Android", f"com.example.u{number}.a{i}", f"1.{at}.{i}", "新上线", month.day(9), "自研", None,
            f"京ICP备{number:08d}号-{i + 1}A", "是", month.day(1), "否", None, "否", None, "王强", "13900001111", None,
        ])  # fmt: skip
    cover = _cover("附件2", code, name, month, 本月有无新增暴露面资产="有", 本月有无APP上线="有")
    return _workbook({"填报信息": cover, assets.title: rows, apps.title: launches})


def annex3(code: str, name: str, kind: str, month: Month, catalogue: Catalogue, rng: random.Random) -> bytes:
    """Annex 3 of a unit: every item asked of it answered, problems, an incident, indicators."""
    checks = [[c.zh for c in catalogue.sheets["self_check"].columns]]
    for item in catalogue.items_for(kind, frozenset({"access", "im"}), False, month.period):
        met = rng.random() > 0.05
        checks.append([
            item.code, item.text, "符合" if met else "部分符合", (1.0 if met else 0.9) if item.target else None,
            None if met else "尚有缺口", None if met else "按计划整改", None if met else month.next + timedelta(days=30), None,
            "王强", month.day(15),
        ])  # fmt: skip
    problems = [[c.zh for c in catalogue.sheets["rectification"].columns]]
    for i in range(PROBLEMS):
        closed = i > 1
        problems.append([
            f"{month.period}-{i:03d}", "上级检查", None, "端口未收敛", "中", month.day(9), "按计划整改",
            month.next + timedelta(days=30) if i else month.day(20), "已完成" if closed else "整改中",
            month.day(25) if closed else None, "是" if closed else None,
        ])  # fmt: skip
    before = month.first - timedelta(days=1)
    for i in (0, 1):  # what was open last month is closed in this one
        problems.append([
            f"{before:%Y-%m}-{i:03d}", "上级检查", None, "端口未收敛", "中", before.replace(day=9), "按计划整改",
            month.day(20), "已完成", month.day(12), "是",
        ])  # fmt: skip
    incidents = [[c.zh for c in catalogue.sheets["incidents"].columns]]
    for i in range(INCIDENTS):
        day = month.day(9).isoformat()
        incidents.append([
            f"SJ-{month.period}-{i}", "网络攻击", "中", f"{day} 08:00", f"{day} 09:30", f"{day} 09:40", f"{day} 20:00",
            "外部扫描", "一台服务器", "弱口令", "封堵", "是", "加固",
        ])  # fmt: skip
    numbers = [[c.zh for c in catalogue.sheets["indicators"].columns]]
    for indicator in catalogue.indicators:
        due = rng.randrange(10, 200)
        done = due if rng.random() > 0.1 else due - 1
        numbers.append([indicator.code, indicator.zh, done, due if indicator.kind == "ratio" else None, None])
    titles = {s: catalogue.sheets[s].title for s in ("self_check", "rectification", "incidents", "indicators")}
    rows = {"self_check": checks, "rectification": problems, "incidents": incidents, "indicators": numbers}
    cover = _cover("附件3", code, name, month, 本月有无安全事件="有")
    return _workbook({"填报信息": cover, **{titles[s]: rows[s] for s in titles}})


@cache
def _pages() -> list[Image]:
    from tests.scans.made_scans import made_page

    return [made_page("normal", seed) for seed in range(8)]


def scan(number: int) -> bytes:
    """A signed and sealed page of about 150 KB, as PDF; of no two units the same, which SIG-04 would look for."""
    from PIL import ImageDraw

    from tests.scans.made_files import as_file

    page = _pages()[number % 8].copy()
    draw = ImageDraw.Draw(page)
    for bit in range(20):
        if number >> bit & 1:
            draw.rectangle((100 + 24 * bit, 1700, 111 + 24 * bit, 1711), fill="black")
    return as_file(page, "PDF", resolution=150, quality=75)


@dataclass(frozen=True, slots=True)
class _Mails:
    """Mails of some units (number, code, name, kind) to be written: with a scan each, and without."""

    units: list[tuple[int, str, str, str]]
    month: Month
    with_scans: Path | None
    without: Path | None


def _write_mails(job: _Mails) -> None:
    month = job.month
    catalogue = load_catalogue()
    for number, code, name, kind in job.units:
        rng = random.Random(number + 100_000 * month.number)
        mail = EmailMessage()
        mail["From"] = f"u{number}@oa.example"
        mail["To"] = "wangan@oa.example"
        mail["Subject"] = f"【网络安全月报】{name}{month.period}"
        stamp = datetime.combine(month.next, clock(8)) + timedelta(seconds=rng.randrange(4 * 86400))
        mail["Date"] = stamp.strftime("%a, %d %b %Y %H:%M:%S +0800")
        mail["Received"] = f"from mx by oa.example; {mail['Date']}"
        mail["Message-ID"] = f"<{month.period}-{number}@oa.example>"
        mail.set_content("请查收本月网络安全报表。")
        parts = {
            f"附件2 {name}.xlsx": annex2(code, name, month, catalogue, rng),
            f"附件3 {name}.xlsx": annex3(code, name, kind, month, catalogue, rng),
        }
        for file, content in parts.items():
            mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=file)
        if job.without:
            _write(mail, job.without, number)
        if job.with_scans:
            mail.add_attachment(
                scan(number), maintype="application", subtype="octet-stream", filename="签字盖章扫描件.pdf"
            )
            _write(mail, job.with_scans, number)


def _write(mail: EmailMessage, folder: Path, number: int) -> None:
    path = folder / f"{number // 1000:03d}" / f"{number:06d}.eml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mail.as_bytes(policy=SMTP))


def make_home(folder: Path, units: int, *, feedback: bool = True, first_period: str = PERIOD) -> Home:
    """A home with a register of so many units and nothing in its inbox."""
    home = Home(folder)
    shutil.rmtree(folder, ignore_errors=True)
    home.register.mkdir(parents=True)
    (home.register / "units.csv").write_text(units_csv(units, first_period), encoding="utf-8")
    (home.register / "networks.csv").write_text("cidr,name\n100.0.0.0/8,出口\n101.0.0.0/8,出口\n", encoding="utf-8")
    calendar = f"first_period: {first_period}\nprotection_periods: []\n"
    (home.register / "calendar.yaml").write_text(calendar, encoding="utf-8")
    if not feedback:
        (home.register / "settings.yaml").write_text("feedback: false\n", encoding="utf-8")
    return home


def make_mails(home: Home, units: int, month: Month, *, scans: bool, beside: Home | None = None) -> None:
    """A mail of each unit in the inbox, with the returns of a month; `beside`: the home of those without scans."""
    codes = [(n, *u) for n, u in enumerate(unit_codes(units))]
    without = beside if scans else home
    folders = home.inbox / month.period if scans else None, without.inbox / month.period if without else None
    jobs = [_Mails(codes[i : i + 100], month, *folders) for i in range(0, units, 100)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_write_mails, jobs))


def link_mails(home: Home, other: Home) -> None:
    """The mails of a home's inbox in that of another, which has none."""
    shutil.copytree(home.inbox, other.inbox, copy_function=os.link, dirs_exist_ok=True)


# ------------------------------------------------------------------------------------------------------- the floor
def _floor_batch(paths: list[Path]) -> int:
    from python_calamine import CalamineWorkbook

    size = 0
    for path in paths:
        raw = path.read_bytes()
        hashlib.sha256(raw).digest()
        size += len(raw)
        for part in email.message_from_bytes(raw).walk():
            if part.is_multipart():
                continue
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if content.startswith(b"PK"):
                book = CalamineWorkbook.from_filelike(io.BytesIO(content))
                for title in book.sheet_names:
                    book.get_sheet_by_name(title).to_python()
            elif content.startswith(b"%PDF"):
                _decode_pages(content)
    return size


def _decode_pages(content: bytes) -> None:
    import cv2
    import numpy as np
    import pikepdf

    with pikepdf.open(io.BytesIO(content)) as pdf:
        for page in pdf.pages:
            for image in page.get_images().values():
                cv2.imdecode(np.frombuffer(image.read_raw_bytes(), np.uint8), cv2.IMREAD_REDUCED_COLOR_4)


def floor_seconds(inbox: Path) -> float:
    """The time to read the month's bytes once, the processes' start not counted."""
    paths = sorted(inbox.rglob("*.eml"))
    batches = [paths[i : i + 50] for i in range(0, len(paths), 50)]
    with ProcessPoolExecutor() as pool:
        list(pool.map(_floor_batch, [paths[:1]] * (os.cpu_count() or 1)))
        start = time.perf_counter()
        list(pool.map(_floor_batch, batches))
        return time.perf_counter() - start


# ------------------------------------------------------------------------------------------------- the job, measured
OFTEN = 0.2  # seconds between two looks at memory
SELDOM = 50  # times what a look takes, where that is longer: to add up a gigabyte's pages was 5 % of a run's time


def _tree() -> tuple[int, float]:
    """Of this process and all below it: proportional memory (shared pages counted once), processor seconds so far."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))  # its own and those of children that have ended
    total, spent, waiting = 0, 0, [os.getpid()]
    while waiting:
        pid = waiting.pop()
        waiting += children.get(pid, [])
        spent += ticks.get(pid, 0)
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except OSError:
            continue
        total += next(int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")) * 1024
    return total, spent / os.sysconf("SC_CLK_TCK")


def child(home: Path, as_of: str, period: str) -> NoReturn:
    """Run the job in this process, print its stages as JSON, and end as the command does."""
    start = time.perf_counter()
    samples: list[tuple[float, int, float]] = []
    ended = threading.Event()

    def sample() -> None:
        pause = OFTEN
        while not ended.wait(pause):
            before = time.thread_time()
            samples.append((time.time(), *_tree()))
            pause = max(OFTEN, SELDOM * (time.thread_time() - before))

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    from pipelines.cli import leave
    from pipelines.month_run import run_period

    outcome = run_period(Home(home), period, datetime.fromisoformat(as_of), None, "zh")
    ended.set()
    thread.join()
    assert outcome.status == 0, outcome.lines
    stages = [
        {
            "stage": name,
            "seconds": end - begin,
            "cpu": _cpu_between(samples, begin, end),
            "peak_mb": max((b for t, b, _ in samples if begin <= t <= end), default=0) / 1e6,
        }
        for name, (begin, end) in outcome.stages.items()
    ]
    print(
        json.dumps(
            {
                "inside": time.perf_counter() - start,
                "peak_mb": max((b for _, b, _ in samples), default=0) / 1e6,
                "cpu": samples[-1][2] if samples else 0.0,
                "max_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3,
                "stages": stages,
            }
        )
    )
    leave(0)


def _cpu_between(samples: list[tuple[float, int, float]], begin: float, end: float) -> float:
    """Processor seconds between two times, to the nearest samples."""
    if not samples:
        return 0.0

    def at(moment: float) -> float:
        return min(samples, key=lambda s: abs(s[0] - moment))[2]

    return at(end) - at(begin)


def job(home: Home, as_of: str, period: str = PERIOD) -> dict[str, Any]:
    """The job in a cold process: wall seconds, stages, peak memory of all its processes."""
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench", "--child", str(home.root), "--as-of", as_of, "--period", period],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def send_again(home: Home, numbers: Sequence[int], moment: bytes, suffix: str) -> None:
    """The mails of some units once more, as received at a moment (a header's, without its zone)."""
    for number in numbers:
        path = home.inbox / PERIOD / f"{number // 1000:03d}" / f"{number:06d}.eml"
        raw = re.sub(rb"[A-Z][a-z]{2}, \d\d Nov 2026 \d\d:\d\d:\d\d", moment, path.read_bytes())
        path.with_name(f"{number:06d}-{suffix}.eml").write_bytes(raw)


def measured(*words: str, may_fail: bool = False) -> dict[str, float]:
    """A module of Python as a person calls it: wall seconds, and processor seconds of all its processes."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode > may_fail:
        raise SystemExit(done.stderr[-4000:])
    return {"seconds": seconds, "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime}


def sixth(*words: str, may_fail: bool = False) -> dict[str, float]:
    """A command of `sixth`. `may_fail`: that it ends with 1 is no failure, as of `check`."""
    return measured("pipelines.cli", *words, may_fail=may_fail)


class NotComparable(Exception):
    """Two runs of the bench on a machine that was not the same; the message says which floors differ."""


def floors(results: Sequence[dict[str, Any]]) -> dict[tuple[int, bool], list[float]]:
    """The floors of every month (units, whether with scans), in seconds."""
    found: dict[tuple[int, bool], list[float]] = {}
    for result in results:
        if result["what"].startswith("floor"):
            found.setdefault((result["units"], result["scans"]), []).append(result["seconds"])
    return found


def overview(results: Sequence[dict[str, Any]], units: int) -> list[str]:
    """All that is asked in one table, with what was measured of a month of so many units; then the machine's noise."""
    lines = [f"{units} units{'':34s} measured   asked at most"]
    for told, what, with_scans, figure, most in ASKED:
        of = (r for r in results if r["what"] == what and r["scans"] is with_scans and r["units"] in (0, units))
        if found := next(of, None):
            lines.append(f"{told:44s} {found[figure]:9.2f} {most:9.2f}{'' if found[figure] <= most else '   missed'}")
    peaks = {r["units"]: r["peak_mb"] for r in results if r["what"] == FIRST and r["scans"]}
    if {units, 2 * units} <= peaks.keys():
        growth = peaks[2 * units] / peaks[units]
        missed = "" if growth <= MOST_GROWTH else "   missed"
        lines.append(f"{'peak memory, to that of half as many':44s} {growth:9.2f} {MOST_GROWTH:9.2f}{missed}")
    for (size, scans), taken in floors(results).items():
        noise = max(taken) / min(taken) - 1
        told = f"floors of {size} units {'with' if scans else 'without'} scans"
        verdict = "" if noise <= MOST_NOISE else ": too much to be compared with another run"
        lines.append(f"{told:44s} {min(taken):.2f} to {max(taken):.2f} s, noise {noise:.0%}{verdict}")
    return lines


def compared(now: Sequence[dict[str, Any]], before: Sequence[dict[str, Any]]) -> list[str]:
    """What took how much of the time that it took in another run of the bench, a line each.

    Raises NotComparable where floors of the same month, of one run or of both, differ by more than a tenth.
    """
    taken_by = floors([*now, *before])
    was = {(r["units"], r["scans"], r["what"]): r for r in before}
    lines = []
    for result in now:
        units, scans, what = result["units"], result["scans"], result["what"]
        if (units, scans, what) not in was or what.startswith("floor"):
            continue
        for size, taken in (
            [(units, taken_by[units, scans])] if units else [(n, own) for (n, _), own in taken_by.items()]
        ):
            low, high = min(taken), max(taken)
            if high > (1 + MOST_NOISE) * low:
                told = f"floors of {size} units lie between {low:.2f} and {high:.2f} s"
                raise NotComparable(f"{told}: nothing is compared")
        old = was[units, scans, what]["seconds"]
        lines.append(f"{_of(result)} {what:28s} {result['seconds'] / old:9.2f}")
    return lines


def _of(result: dict[str, Any]) -> str:
    """The month that a result is of, in a table; blank where it is of none."""
    if not result["units"]:
        return " " * 19
    return f"{result['units']:7d} {'with scans' if result['scans'] else 'no scans':11s}"


def commit() -> str:
    """The commit that is measured, shortened; "" where there is none to be told."""
    asked = subprocess.run(
        ["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    )
    return asked.stdout.strip()


def plain_script(inbox: Path, units: int) -> dict[str, float]:
    """Seconds that tests/bench_plain.py takes for a month; of more than a thousand mails some are read for all."""
    every = -(-units // PLAIN_MAILS)
    words = [sys.executable, "-m", "tests.bench_plain", str(inbox), str(every)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-4000:])
    taken = json.loads(done.stdout.splitlines()[-1])
    return {name: taken[name] * units / taken["mails"] for name in ("seconds", "cpu")}


def measure(home: Home, units: int, *, scans: bool, later: bool = True) -> Iterator[dict[str, Any]]:
    """Floors and first night of a month, and where they are wanted the plain script, and what comes `later`."""
    label, root = {"units": units, "scans": scans}, str(home.root)
    before = floor_seconds(home.inbox)
    yield {**label, "what": "floor", "seconds": before}
    first = job(home, FIRST_NIGHT)
    after = floor_seconds(home.inbox)
    yield {**label, "what": "floor again", "seconds": after}
    yield {**label, "what": FIRST, **first, "ratio": first["seconds"] / ((before + after) / 2)}
    if not later:
        return
    plain = plain_script(home.inbox, units)
    yield {**label, "what": PLAIN, **plain, "ratio": first["seconds"] / plain["seconds"]}
    send_again(home, range(0, units, 100), AFTER_FIRST_NIGHT, "again")
    second = job(home, SECOND_NIGHT)
    yield {**label, "what": SUPPLEMENT, **second, "ratio": second["seconds"] / first["seconds"]}
    nothing = sixth("run", "--home", root, "--as-of", UNCHANGED_NIGHT, "--period", PERIOD)
    yield {**label, "what": NOTHING, **nothing}
    send_again(home, [0], AFTER_SECOND_NIGHT, "once-more")
    yield {**label, "what": ANSWER, **sixth("answer", "--home", root, "--as-of", AT_NOON)}
    yield {**label, "what": "floor, last", "seconds": floor_seconds(home.inbox)}


def measure_interim(home: Home, units: int) -> Iterator[dict[str, Any]]:
    """Two nights before the deadline, with scans; to the second one mail in a hundred is new."""
    label = {"units": units, "scans": True}
    first = job(home, EARLY_NIGHT)
    yield {**label, "what": "interim night", **first}
    send_again(home, range(0, units, 100), BETWEEN_EARLY_NIGHTS, "again")
    second = job(home, NEXT_EARLY_NIGHT)
    yield {**label, "what": INTERIM, **second, "ratio": second["seconds"] / first["seconds"]}


def measure_month(folder: Path, units: int) -> Iterator[dict[str, Any]]:
    """All that depends on a month, whose mails are made once: with scans, before the deadline, and without scans."""
    home, early = make_home(folder / "scans", units), make_home(folder / "interim", units)
    without = make_home(folder / "no-scans", units, feedback=False)
    make_mails(home, units, Month(PERIOD), scans=True, beside=without)
    link_mails(home, early)
    yield from measure(home, units, scans=True)
    shutil.rmtree(home.root)
    yield from measure_interim(early, units)
    shutil.rmtree(early.root)
    yield from measure(without, units, scans=False, later=False)
    shutil.rmtree(folder)


def measure_without_scans(folder: Path, units: int) -> Iterator[dict[str, Any]]:
    """A month without scans and all that comes after it."""
    home = make_home(folder, units, feedback=False)
    make_mails(home, units, Month(PERIOD), scans=False)
    yield from measure(home, units, scans=False)
    shutil.rmtree(folder)


def measure_first_night(folder: Path, units: int) -> Iterator[dict[str, Any]]:
    """The first night of a month with scans alone, for its memory."""
    home = make_home(folder, units)
    make_mails(home, units, Month(PERIOD), scans=True)
    yield {"units": units, "scans": True, "what": FIRST, **job(home, FIRST_NIGHT)}
    shutil.rmtree(folder)


def measure_commands(folder: Path) -> Iterator[dict[str, Any]]:
    """The sample in an empty home, both months one after the other; commands that people wait for, the least of three."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    label, home = {"units": 0, "scans": True}, str(folder / "home")
    parts = [sixth("init", "--sample", "--home", home)]
    for period, as_of in (("2026-09", "2026-10-06T00:30:00+08:00"), (PERIOD, FIRST_NIGHT)):
        parts.append(sixth("run", "--home", home, "--period", period, "--as-of", as_of))
    cold = {name: sum(part[name] for part in parts) for name in ("seconds", "cpu")}
    yield {**label, "what": SAMPLE, **cold}
    (code, name, kind), *_ = unit_codes(1)
    books = {
        folder / "附件2.xlsx": annex2(code, name, Month(PERIOD), load_catalogue(), random.Random(1)),
        folder / "附件3.xlsx": annex3(code, name, kind, Month(PERIOD), load_catalogue(), random.Random(1)),
    }
    for path, content in books.items():
        path.write_bytes(content)
    commands = {
        CHECK: ["check", *map(str, books)],
        STATUS: ["status", "--home", home],
        HELP: [],
    }
    for what, words in commands.items():
        taken = [sixth(*(words or ["--help"]), may_fail=True) for _ in range(3)]
        yield {**label, "what": what, **min(taken, key=lambda one: one["cpu"])}
    shutil.rmtree(folder, ignore_errors=True)


def measure_history(folder: Path, units: int, months: int) -> Iterator[dict[str, Any]]:
    """The same month on an empty warehouse and on one with months before it, the month before settled in both."""
    before = periods.preceding(PERIOD)
    label = {"units": units, "scans": False}
    alone = 0.0
    for length in (1, months):
        earlier = [before]
        while len(earlier) < length:
            earlier.append(periods.preceding(earlier[-1]))
        home = make_home(folder, units, feedback=False, first_period=earlier[-1])
        for period in reversed(earlier):
            make_mails(home, units, Month(period), scans=False)
        job(home, FIRST_NIGHT.replace("-11-", "-10-"), before)
        make_mails(home, units, Month(PERIOD), scans=False)
        done = job(home, FIRST_NIGHT)
        alone = alone or done["seconds"]
        yield {**label, "what": f"after {length} months", **done, "ratio": done["seconds"] / alone}
        shutil.rmtree(folder, ignore_errors=True)


def show(result: dict[str, Any]) -> None:
    """One result as lines of a table."""
    ratio = f"{result['ratio']:8.2f}" if "ratio" in result else " " * 8
    peak = f"{result['peak_mb']:9.0f}" if "peak_mb" in result else " " * 9
    cpu = f"{result['cpu']:8.2f}" if "cpu" in result else " " * 8
    print(
        f"{_of(result)} {result['what']:28s} {result['seconds']:9.2f} {cpu} {ratio} {peak}",
        flush=True,
    )
    for stage in result.get("stages", ()):
        print(
            f"{'':20s}   {stage['stage']:25s} {stage['seconds']:9.2f} {stage['cpu']:8.2f} {'':8s} "
            f"{stage['peak_mb']:9.0f}",
            flush=True,
        )


def main() -> None:
    """Measure a month of N units, with scans and without, and what does not depend on it; print what came out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--units", type=int, default=2000)
    parser.add_argument("--twice", action="store_true", help="also the first night of 2N units, for its memory")
    parser.add_argument("--without-scans", action="store_true", help="measure without scans alone")
    parser.add_argument("--without-commands", action="store_true", help="not the sample and the light commands")
    parser.add_argument("--history", type=int, help="only: a month after so many others, beside one after one")
    parser.add_argument("--against", type=Path, help="results of another commit, to compare with")
    parser.add_argument("--folder", type=Path, default=Path("bench"))
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--as-of", default=FIRST_NIGHT)
    parser.add_argument("--period", default=PERIOD)
    arguments = parser.parse_args()
    if arguments.child:
        child(arguments.child, arguments.as_of, arguments.period)
    folder = arguments.folder.resolve()
    print(f"{'units':>7s} {'':11s} {'what':28s} {'seconds':>9s} {'CPU s':>8s} {'ratio':>8s} {'peak MB':>9s}")
    results = []
    if arguments.history:
        parts = [measure_history(folder / "history", arguments.units, arguments.history)]
    else:
        measured_month = measure_without_scans if arguments.without_scans else measure_month
        parts = [measured_month(folder / f"{arguments.units}", arguments.units)]
        if arguments.twice:
            parts.append(measure_first_night(folder / "twice", 2 * arguments.units))
        if not arguments.without_commands:
            parts.append(measure_commands(folder / "commands"))
    for result in chain.from_iterable(parts):
        show(result)
        results.append(result)
    print("", *overview(results, arguments.units), sep="\n")
    folder.mkdir(exist_ok=True)
    for name in dict.fromkeys(("results", commit() or "results")):
        (folder / f"{name}.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    if arguments.against:
        try:
            print("\n".join(compared(results, json.loads(arguments.against.read_text(encoding="utf-8")))))
        except NotComparable as error:
            raise SystemExit(f"tests.bench: {error}") from error
    print(
        f"written to {arguments.folder / 'results.json'}; "
        "ratio: to the mean floor, of the first night to the plain script, of a later night to the first, of the longer "
        "history to the shorter"
    )


if __name__ == "__main__":
    main()
