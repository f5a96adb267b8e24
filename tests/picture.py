"""`make picture`: the pictures in the README, of the report and of the portal, taken of the sample's 2026-10."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from assets.instance.home import Home
from tests.jobs.expected import EXPECTED, latest
from tests.portal.made_portal import portal_of, served, session_of

TARGET = Path(__file__).parent.parent / "reports" / "report.png"
PORTAL = TARGET.with_name("portal.png")
WIDTH, HEIGHT = 1360, 1180


def main() -> None:
    """Run the sample month in a home of its own and photograph the first screen of its report."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        sixth = [sys.executable, "-m", "pipelines.cli"]
        subprocess.run([*sixth, "init", "--sample", "--home", str(home)], check=True)
        as_of = EXPECTED["2026-10/deadline"]["as_of"]
        subprocess.run([*sixth, "run", "--home", str(home), "--period", "2026-10", "--as-of", as_of], check=True)
        # A reader's machine has Chinese fonts; this one need not: ours stand in.
        fonts = Path(folder) / "fonts.conf"
        fonts.write_text(
            f"<fontconfig><dir>{TARGET.parent / 'forms' / 'fonts'}</dir><cachedir>{folder}/cache</cachedir></fontconfig>",
            encoding="utf-8",
        )
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path="/usr/bin/chromium",
                args=["--no-sandbox"],
                env={**os.environ, "FONTCONFIG_FILE": str(fonts)},
            )
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto((latest(home, "2026-10", "EX") / "report.html").as_uri())
            page.screenshot(path=TARGET)
            with portal_of(Home(home)) as portal, served(portal) as url:
                context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT})
                context.add_cookies([{"name": portal.cookie, "value": session_of(portal, "steward"), "url": url}])
                page = context.new_page()
                page.goto(f"{url}/worklist")
                page.screenshot(path=PORTAL)
            browser.close()
    print(TARGET, PORTAL)


if __name__ == "__main__":
    main()
