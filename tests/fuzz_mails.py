"""Throws damaged mails at parse_message for as long as asked, and says what it did with them.

    python tests/fuzz_mails.py --minutes 20 [--seed 1] [--corpus FOLDER] [--keep FOLDER]

Every mutant is made from the seed and its number: of whole mails, of the containers in them, and of nothing but
fragments of syntax. One that raises, falls into parse_message's last net or takes over 20 seconds is counted, kept in
--keep, and makes the exit code 1. --corpus adds mails and winmail.dat files of your own. Not collected by pytest.
"""

from __future__ import annotations

import argparse
import logging
import random
import resource
import signal
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from assets.instance.limits import Limits
from assets.intake.mail.message import parse_message
from tests.mail.made_mails import HEAD, PDF, attached, mail, signed, tnef, tnef_file, with_headers, workbook, zipped
from tests.mail.test_message import SHAPES

LIMITS = Limits()
HANG_SECONDS = 20
SLOW_SECONDS = 5
FRAGMENTS = [
    *(b"\r\n", b"\n", b"\r", b"--", b"--=_b", b";", b'"', b"=", b"?", b"=?utf-8?b?", b"?=", b"(", b"<", b">", b"\\"),
    *(b"\x00", b"\xff", b"\x80", b"\xb8\xbd", b"A" * 3000, b"A" * 100 + b"\n", b"cid:", b"begin 644 x\n", b"M" * 61),
    *(b"Content-Type: ", b"multipart/mixed; boundary=", b"message/rfc822", b"charset=", b"gb2312", b"name="),
    *(b"Content-Transfer-Encoding: base64", b"quoted-printable", b"x-uuencode", b"filename*0*=", b"filename="),
    *(b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"%PDF-", b"\x30\x80", b"\x24\x80", b"\x78\x9f\x3e\x22"),
    *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"\x02\x05\x90\x06\x00", b"\x07\x37\x1f\x00"),
]


class Net(logging.Handler):
    """Counts what fell into the last net."""

    caught = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.caught += 1


def mutated(raw: bytes, others: list[bytes], chance: random.Random) -> bytes:
    changed = bytearray(raw)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(changed) + 1)
        if chance.random() < 0.5:  # headers are where the syntax is
            at = chance.randrange(min(2000, len(changed)) + 1)
        kind = chance.random()
        if kind < 0.25 and at < len(changed):
            changed[at] = chance.randrange(256)
        elif kind < 0.4:
            del changed[at : at + int(chance.expovariate(1 / 50)) + 1]
        elif kind < 0.7:
            changed[at:at] = chance.choice(FRAGMENTS) * chance.choice([1, 1, 1, 2, 50])
        else:
            other = chance.choice([bytes(changed), *others[:1], chance.choice(others)])
            start = chance.randrange(len(other) + 1)
            changed[at:at] = other[start : start + int(chance.expovariate(1 / 400))]
    return bytes(changed)


def mutant(mails: list[bytes], envelopes: list[bytes], chance: random.Random) -> bytes:
    kind = chance.random()
    if kind < 0.6:
        return mutated(chance.choice(mails), mails, chance)
    if kind < 0.7:
        archive = zipped({"a.xlsx": workbook(), "b.eml": mail(attached("c.pdf", PDF))})
        return mail(attached("a.zip", mutated(archive, mails, chance)))
    if kind < 0.8:
        return mail(attached("winmail.dat", mutated(chance.choice(envelopes), envelopes, chance)))
    if kind < 0.9:
        wrapped = signed(mail(attached("a.pdf", PDF)), in_pieces=chance.random() < 0.5)
        type_line = b"Content-Type: application/pkcs7-mime\r\n"
        return HEAD + with_headers(type_line, mutated(wrapped, mails, chance))
    return b"".join(chance.choice(FRAGMENTS) for _ in range(chance.randrange(300)))


def hang(*_: object) -> None:
    raise TimeoutError(f"over {HANG_SECONDS} s")


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--minutes", type=float, default=20)
    arguments.add_argument("--seed", type=int, default=1)
    arguments.add_argument("--corpus", type=Path)
    arguments.add_argument("--keep", type=Path)
    options = arguments.parse_args()
    mails, envelopes = list(SHAPES), [tnef(tnef_file(b"a.xlsx", workbook()))]
    for path in sorted(options.corpus.rglob("*")) if options.corpus else []:
        if path.is_file() and path.stat().st_size < 1 << 20:
            (envelopes if path.suffix == ".tnef" else mails).append(path.read_bytes())
    net = Net()
    logging.getLogger("assets.intake.mail.message").addHandler(net)
    logging.getLogger("assets.intake.mail.message").propagate = False
    signal.signal(signal.SIGALRM, hang)
    outcomes: Counter[str] = Counter()
    until = time.monotonic() + 60 * options.minutes
    number = 0
    while time.monotonic() < until:
        number += 1
        raw = mutant(mails, envelopes, random.Random(options.seed * 1_000_000_007 + number))
        signal.alarm(HANG_SECONDS)
        begun = time.process_time()
        failure = ""
        try:
            message = parse_message(raw, LIMITS)
            outcomes.update({fault.reason for fault in message.faults} or {"no fault"})
        except BaseException as error:
            failure = repr(error)
        finally:
            signal.alarm(0)
        if net.caught:
            failure, net.caught = failure or "caught by the last net", 0
        if time.process_time() - begun > SLOW_SECONDS:
            failure = failure or f"slow: {time.process_time() - begun:.1f} s"
        if failure:
            outcomes["FAILED"] += 1
            print(f"{number}: {failure}", flush=True)
            if options.keep:
                options.keep.mkdir(parents=True, exist_ok=True)
                (options.keep / f"{options.seed}-{number}.eml").write_bytes(raw)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{number} mails, {memory} MB at most")
    for outcome, count in outcomes.most_common():
        print(f"{count:9} {outcome}")
    return 1 if outcomes["FAILED"] else 0


if __name__ == "__main__":
    sys.exit(main())
