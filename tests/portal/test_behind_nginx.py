"""The portal behind nginx with TLS, by the file that docs/security.md has: cookies, headers, addresses, limits."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from assets.instance.home import Home
from assets.ledger import audit
from assets.ledger.opening import open_reader
from tests.mail.dovecot import free_port
from tests.outside import program
from tests.portal.made_portal import CSRF, PASSWORD, home_of, portal_of
from tests.portal.provider import CLIENT, SECRET, provider

pytestmark = pytest.mark.outside

DOCS = Path(__file__).parents[2] / "docs" / "security.md"
NAME = "sixth.example"


def site_of_the_page() -> str:
    """The file of the page, as whoever follows it writes it."""
    told = DOCS.read_text(encoding="utf-8").split("cat > /etc/nginx/sites-available/sixth <<'EOF'\n")[1]
    return told.split("    EOF\n")[0]


class Site:
    """What a browser sees that knows sixth.example by this machine's address."""

    def __init__(self, port: int, plain: int, home: Home, certificate: Path) -> None:
        self.port, self.plain, self.home = port, plain, home
        self.session = requests.Session()
        self.certificate = str(certificate)

    def ask(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Host": f"{NAME}:{self.port}", **options.pop("headers", {})}
        url = f"https://localhost:{self.port}{path}"
        way: dict[str, Any] = {"allow_redirects": False, "timeout": 30, "verify": self.certificate}
        return self.session.request(method, url, headers=headers, **way, **options)

    def log_in(self, **options: Any) -> requests.Response:
        sent = {"name": "unit", "password": PASSWORD, "next": "/own"}
        return self.ask("POST", "/login", data=sent, **options)

    def last(self) -> Any:
        with open_reader(self.home.warehouse) as ledger:
            return audit.latest(ledger, 1)[0]


def wait_for(port: int) -> None:
    for _ in range(600):
        with closing(socket.socket()) as there:
            if there.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError(f"nothing answers on {port}")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    nginx, openssl = program("nginx", install="nginx"), program("openssl", install="openssl")
    root = tmp_path_factory.mktemp("nginx")
    home = home_of(root / "home")
    certificate, key = root / "sixth.pem", root / "sixth.key"
    subprocess.run(
        [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj", f"/CN={NAME}", "-addext",
         f"subjectAltName=DNS:{NAME},DNS:localhost", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    behind, plain, secure = free_port(), free_port(), free_port()
    written = site_of_the_page()
    for told, here in (
        ("listen 80;", f"listen 127.0.0.1:{plain};"),
        ("listen 443 ssl;", f"listen 127.0.0.1:{secure} ssl;"),
        ("/etc/ssl/sixth.pem", str(certificate)),
        ("/etc/ssl/private/sixth.key", str(key)),
        ("127.0.0.1:8600", f"127.0.0.1:{behind}"),
    ):
        assert written.count(told) == 1, told
        written = written.replace(told, here)
    folders = "".join(
        f"{kind}_temp_path {root}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (root / "nginx.conf").write_text(
        f"{'user root; ' if os.getuid() == 0 else ''}pid {root}/pid; error_log {root}/error.log; events {{}}\nhttp {{ access_log off; {folders}\n{written}}}\n",
        encoding="utf-8",
    )
    with provider() as house:
        settings = f"portal: {{issuer: '{house.issuer}', client_id: {CLIENT}, client_secret_env: SIXTH_TEST_OIDC}}\n"
        (home.register / "settings.yaml").write_text(settings, encoding="utf-8")
        with portal_of(home):
            pass  # its people
        serve = ["serve", "--home", str(home.root), "--port", str(behind), "--workers", "1", "--behind-tls"]
        running = [
            subprocess.Popen(
                [sys.executable, "-m", "pipelines.cli", *serve, "--trust-proxy", "127.0.0.1"],
                env={**os.environ, "SIXTH_TEST_OIDC": SECRET},
                stdout=subprocess.DEVNULL,
            ),
            subprocess.Popen(
                [nginx, "-c", str(root / "nginx.conf"), "-g", "daemon off;", "-e", str(root / "error.log")]
            ),
        ]
        try:
            wait_for(behind)
            wait_for(secure)
            yield Site(secure, plain, home, certificate)
        finally:
            for started in running:
                started.terminate()
                started.wait()


def test_cookies_and_headers_are_those_of_https(site: Site) -> None:
    answer = site.log_in()
    assert (answer.status_code, answer.headers["location"]) == (303, "/own")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-sixth=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= set(cookie.split("; "))
    page = site.ask("GET", "/account", headers={"Cookie": cookie.partition(";")[0]})
    assert page.status_code == 200
    assert page.headers["strict-transport-security"] == "max-age=31536000"
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["server"] == "nginx"


def test_who_comes_by_http_is_sent_to_https(site: Site) -> None:
    url = f"http://127.0.0.1:{site.plain}/worklist?rule=GEN-01"
    answer = requests.get(url, headers={"Host": NAME}, allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (301, f"https://{NAME}/worklist?rule=GEN-01")


def test_the_address_is_the_browsers_and_none_that_it_makes_up(site: Site) -> None:
    site.session.cookies.clear()
    site.log_in(headers={"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "http"})
    assert (site.last().act, site.last().address) == ("log in", "127.0.0.1")


def test_an_upload_may_be_as_large_as_the_portal_takes_and_no_larger(site: Site) -> None:
    cookie = {"Cookie": site.log_in().headers["set-cookie"].partition(";")[0]}
    told = CSRF.search(site.ask("GET", "/account", headers=cookie).text)
    data = {"csrf": told[1] if told else "", "unit": "EX-15-01-003"}

    def upload(mib: float) -> int:
        files = {"files": ("a.txt", b"x" * int(mib * 1024 * 1024))}
        return site.ask("POST", "/own/check", data=data, files=files, headers=cookie).status_code

    assert upload(30) == 422  # .txt is no kind that is taken: it went through
    assert upload(32.5) == 413  # the portal's own limit
    assert upload(40) == 413  # nginx's


def test_single_sign_on_comes_back_by_https(site: Site) -> None:
    site.session.cookies.clear()
    begun = site.ask("GET", "/login/oidc?next=/account")
    asked = parse_qs(urlsplit(begun.headers["location"]).query)
    assert asked["redirect_uri"] == [f"https://{NAME}:{site.port}/login/oidc/back"]
    back = requests.get(begun.headers["location"], allow_redirects=False, timeout=30).headers["location"]
    cookie = begun.headers["set-cookie"]
    assert cookie.startswith("__Host-sixth-oidc=")
    assert "Secure" in cookie
    there = urlsplit(back)
    answer = site.ask("GET", f"{there.path}?{there.query}", headers={"Cookie": cookie.partition(";")[0]})
    assert (answer.status_code, answer.headers["location"]) == (303, "/account")
    assert site.last().what == "single sign-on"
