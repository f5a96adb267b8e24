"""Files that a mail does not carry but links to: the large attachments of QQ, NetEase and other mailers.

Belongs here: finding such links in a mail's text. Does not: opening them, which a run never does, and whether anything
is missing for want of them (assets/month/submissions.py).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice

import lxml.etree
import lxml.html

WORDS = re.compile(
    r"超大附件|云附件|大附件|文件中转站|中转站附件|网盘|云盘|云文档|在线文档|在线表格|提取码|访问密码|(?:下载|分享|共享)(?:链接|地址)"
)
# Where mailers keep such files: QQ and Exmail, NetEase, 139, Sina, Aliyun; shared drives; documents that are a page.
PLACES = re.compile(
    r"https?://[^\s\"'<>]*(?:/ftn|ftnExs|fs\.(?:163|126|yeah)\.(?:com|net)|u\.163\.com|dashi\.163\.com"
    r"|(?:mail|appmail)\.10086\.cn|fs\.sina|mail\.aliyun\.com/[^\s\"'<>]*attach|pan\.baidu\.com|cloud\.189\.cn"
    r"|wenshushu|lanzou|weiyun\.com|aliyundrive|alipan\.com|docs\.qq\.com|kdocs\.cn|yuque\.com|feishu\.cn|alidocs"
    r"|jianguoyun|ctfile|cowtransfer|(?:yun|caiyun)\.139\.com|pan\.quark|pan\.xunlei|1drv\.ms|onedrive|sharepoint\.com"
    r"|large-?attach|bigattach)[^\s\"'<>]*",
    re.IGNORECASE,
)
LINK = re.compile(r"https?://")
NAME = re.compile(
    r"([^\s/\\<>|\"][^/\\<>|\"\n]{0,120}?\.(?:xlsx?|xlsm|et|csv|pdf|jpe?g|png|tiff?|zip|rar|7z|docx?))(?![\w.])", re.I
)
# What stands before a name on its line: 超大附件：, [金山文档].
BEFORE_NAME = re.compile(r"^.*[:：,，;；】\]]\s*(?=\S)|^.*(?:附件|下载|文件)[:：\s]+(?=\S)")
MOST = 20
MOST_BESIDE = 500  # characters around a link in which the file's name is looked for
MOST_ANCHORS = 500  # of a page: a hostile one has tens of thousands, one in the other


def linked_files(texts: Iterable[tuple[str, str]]) -> list[str]:
    """The names of files that a mail only links to, each once, "" for one whose name is not told; none where it does
    not. `texts` are the mail's own bodies: (content type, text).
    """
    names: dict[str, None] = {}
    for kind, text in texts:
        found = _in_page(text) if kind == "text/html" else _in_text(text)
        names |= dict.fromkeys(found)
    told = [name for name in names if name]
    return (told or list(names))[:MOST]


def _in_page(text: str) -> Iterator[str]:
    try:
        parser = lxml.html.HTMLParser(encoding="utf-8")
        page = lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (lxml.etree.LxmlError, ValueError):
        return
    shown = page.text_content()
    told = WORDS.search(shown) is not None
    for anchor in islice(page.iter("a"), MOST_ANCHORS):
        target, says = anchor.get("href") or "", anchor.text_content()
        if PLACES.match(target) or (told and LINK.match(target) and NAME.search(says)):
            if own := next((name for words in (says, anchor.get("title") or "") for name in _named(words)), ""):
                yield own
            else:  # all beside it: which of them is this one's is not told, and another link may have the next
                parent = anchor.getparent()
                beside = parent.text_content()[:MOST_BESIDE] if parent is not None else ""
                yield from list(_named(beside)) or [""]


def _in_text(text: str) -> Iterator[str]:
    if PLACES.search(text) or (WORDS.search(text) and LINK.search(text)):
        yield from list(_named(re.sub(r"https?://\S+", "\n", text))) or [""]


def _named(text: str) -> Iterator[str]:
    """The names of files in a text, without the words before them on their line."""
    for found in NAME.finditer(text):
        yield BEFORE_NAME.sub("", found[1]).strip()
