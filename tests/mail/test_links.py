"""Files that a mail only links to are found in its text, with their names (field trial 11)."""

from __future__ import annotations

import pytest

from assets.instance.limits import Limits
from assets.intake.mail.links import linked_files
from assets.intake.mail.message import parse_message

QQ = (
    '<div>请查收。</div><div id="attachmentsForQQ"><div>从QQ邮箱发来的超大附件</div>'
    '<a href="https://wx.mail.qq.com/ftn/download?func=3&amp;key=abc">附件2 旗县分公司.xlsx</a> (12.5M, 到期)</div>'
)
NETEASE = (
    '<span>从网易163邮箱发来的云附件</span><a href="https://fs.163.com/fs/display/?file=abc">'
    "扫描件.pdf (61.20M, 2026年11月20日 12:00 到期)</a>"
)
PLAIN = "从QQ邮箱发来的超大附件\n附件3.xlsx (12M, 2026年12月05日 到期)进入下载页面：http://mail.qq.com/cgi-bin/ftnExs_download?k=1\n"


@pytest.mark.parametrize(
    ("kind", "text", "names"),
    [
        ("text/html", QQ, ["附件2 旗县分公司.xlsx"]),
        ("text/html", NETEASE, ["扫描件.pdf"]),
        ("text/plain", PLAIN, ["附件3.xlsx"]),
        ("text/html", '<a href="https://pan.baidu.com/s/1abc">链接</a> 提取码 1234', [""]),
        ("text/plain", "链接: https://pan.baidu.com/s/1abc 提取码: 1234", [""]),
        ("text/html", '<p>云附件</p><a href="https://files.oa.example/x">附件2.xlsx</a>', ["附件2.xlsx"]),
        ("text/plain", "【金山文档】附件3.xlsx https://kdocs.cn/l/cab", ["附件3.xlsx"]),
        ("text/plain", "附件2太大，请见网盘 https://files.oa.example/s/1 附件2 青川.xlsx", ["附件2 青川.xlsx"]),
        (
            "text/html",
            '<div>扫描件.pdf (25M) <a href="https://x.qq.com/cgi-bin/ftnExs_download?k=1">下载</a>',
            ["扫描件.pdf"],
        ),
        (
            "text/html",
            '<div>附件2.xlsx <a href="https://pan.baidu.com/s/1">下载</a> 附件3.xlsx <a href="https://pan.baidu.com/s/2">下载</a></div>',
            ["附件2.xlsx", "附件3.xlsx"],
        ),
        ("text/html", '<a href="https://www.oa.example/">公司网站</a>', []),
        ("text/plain", "请作为普通附件发送，不要用云附件。", []),
        ("text/html", "", []),
    ],
)
def test_a_link_to_a_file_is_told_by_its_name(kind: str, text: str, names: list[str]) -> None:
    assert linked_files([(kind, text)]) == names


def test_a_file_linked_to_in_both_texts_is_one() -> None:
    assert linked_files([("text/plain", PLAIN), ("text/html", QQ.replace("附件2 旗县分公司", "附件3"))]) == [
        "附件3.xlsx"
    ]


def test_a_page_of_links_within_links_ends() -> None:
    assert linked_files([("text/html", "云附件" + '<a href="https://x.example/y"><p>a.xlsx' * 9_000)]) != []


def test_a_mail_says_of_each_such_file_that_it_did_not_come() -> None:
    raw = f"From: a@oa.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{QQ}".encode()
    (fault,) = parse_message(raw, Limits()).faults
    assert (fault.rule_id, fault.file, fault.reason) == ("ENV-04", "附件2 旗县分公司.xlsx", "linked")
