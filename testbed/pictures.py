"""Pictures of the console, taken of a demo by the browser that is installed: `python -m testbed.pictures FOLDER`.

It takes the few that the documents show; with `--all` every screen, wide and narrow, light and dark, as small files,
and a page that lists them.
"""

from __future__ import annotations

import argparse
import base64
import itertools
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import httpx
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_QUALITY: Final = 40
_WIDTHS: Final = (1400, 400)
_SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
_FIND: Final = "/console/find?country=US&contains=555&sort=memorable"
_SHOWN: Final = {
    "find": ("customer", _FIND),
    "overview": ("customer", "/console/"),
    "account": ("operator", "/console/accounts/{account}"),
    "rehearsal": ("operator", "/console/rehearsal/{rehearsal}"),
}
"""The pictures of the documents: who looks at what."""

_CUSTOMER: Final = (
    "/console/", _FIND, "/console/buy?number=%2B14155550101&price=1.15&setup_price=0&per_minute_price_inbound=0.0085",
    "/console/numbers", "/console/numbers/+13612738809", "/console/numbers/+13612738809/diagnose",
    "/console/connections", "/console/connections/new", "/console/connections/new?preset=livekit",
    "/console/connections/new?kind=sip", "/console/connections/new?kind=webhook", "/console/connections/{connection}",
    "/console/calls", "/console/money", "/console/statements", "/console/statements/{month}", "/console/spending",
    "/console/orders", "/console/papers", "/console/call-rates", "/console/orders/{order}", "/console/orders/{pending}",
    "/console/orders/{failed}", "/console/webhooks", "/console/webhooks/{webhook}", "/console/keys", "/console/people",
    "/console/events",
    "/console/actions", "/console/me", "/console/nothing",
)  # fmt: skip
_OPERATOR: Final = (
    "/console/", "/console/health", "/console/rehearsal", "/console/rehearsal/{rehearsal}",
    "/console/accounts", "/console/accounts/{account}",
    "/console/accounts/{account}/statements", "/console/accounts/{account}/rent", "/console/all-numbers",
    "/console/all-numbers/+13612738809",
    "/console/all-numbers/+13612738809/take-back?reason=reported", "/console/interventions", "/console/inventory",
    "/console/all-papers", "/console/prices", "/console/rate-decks", "/console/all-events",
    "/console/margin", "/console/sales",
    "/console/pulls", "/console/feeds", "/console/sources",
    "/console/carriers", "/console/carriers/twilio-demo", "/console/carriers/twilio-demo/adopt",
    "/console/carrier-kinds", "/console/carrier-kinds/twilio", "/console/carriers/twilio-demo/settings",
    "/console/accounts/{account}/rate-decks", "/console/rate-decks/retail", "/console/findings", "/console/all-orders",
    "/console/all-orders/{pending}", "/console/releases", "/console/rents", "/console/rents/{rental}",
    "/console/parked-calls", "/console/webhooks", "/console/keys", "/console/accounts/{account}/people",
    "/console/all-actions", "/console/me",
)  # fmt: skip


PAGES: Final = {"customer": _CUSTOMER, "operator": _OPERATOR}
"""Every screen, by who looks at it, with something on it; in braces what `fill` gives back."""

_GO_WRONG: Final = ("+15005550100", "+15005550106")
"""Numbers of the simulated carriers that are never answered for, and refused (docs/carrier-sim.md)."""


class Demo(NamedTuple):
    """A demo that is being served: its address, its customer's key, and its two links."""

    url: str
    key: str
    links: tuple[str, str]


def chromium() -> str | None:
    """The browser that is installed; None where there is none."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


class Picture(NamedTuple):
    """Who looks at which page, and how; without a height all of it is shown."""

    name: str
    person: str
    path: str
    scheme: Literal["light", "dark"]
    width: int
    height: int | None


class Camera:
    """Takes pictures of a demo, and notes what is amiss with its pages."""

    def __init__(self, browser: Browser, served: Demo, ids: dict[str, str], folder: Path) -> None:
        self.amiss: list[str] = []
        self._browser, self._served, self._ids, self._folder = browser, served, ids, folder
        who = zip(("customer", "operator"), served.links, strict=True)
        self._states = {name: signed_in(browser, link).storage_state() for name, link in who}
        operator = browser.new_context(storage_state=self._states["operator"])
        self._ids["rehearsal"] = rehearse(operator, served.url, parked=True)
        bring_in_deck(operator, served.url)

    def shoot(self, picture: Picture) -> None:
        """Take one."""
        context = self._browser.new_context(
            storage_state=self._states[picture.person],
            color_scheme=picture.scheme,
            viewport={"width": picture.width, "height": picture.height or 760},
        )
        page = context.new_page()
        page.on("console", lambda message: self.amiss.append(f"{picture.path}: {message.text}"))
        page.goto(self._served.url + picture.path.format(**self._ids))
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            self.amiss.append(f"{picture.path}: wider than {picture.width}")
        if picture.height is None:
            self._shoot_whole(context, page, picture.name)
        else:
            page.screenshot(path=self._folder / f"{picture.name}.png")
        context.close()

    def _shoot_whole(self, context: BrowserContext, page: Page, name: str) -> None:
        """All of a page, a fifth as large as Playwright would write it: there are hundreds."""
        options = {"format": "webp", "quality": _QUALITY, "captureBeyondViewport": True}
        taken = context.new_cdp_session(page).send("Page.captureScreenshot", options)
        (self._folder / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def demo() -> Iterator[Demo]:
    """A demo with simulated carriers, in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "numberdesk", "serve", "--demo", "--carriers", "--port", "0"]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as run:
            try:
                yield _read(run)
            finally:
                run.terminate()


def _read(run: subprocess.Popen[str]) -> Demo:
    said = ""
    assert run.stdout is not None
    for line in run.stdout:
        said += line
        if "Magic numbers" in line:
            break
    url, key = re.findall(r"demo on (\S+),", said)[0], re.findall(r"Its key: (\S+)", said)[0]
    customer, operator = re.findall(r"http\S+/console/link\?token=\S+", said)
    return Demo(url, key, (customer, operator))


def rehearse(operator: BrowserContext, url: str, *, parked: bool = False) -> str:
    """The id of an order whose carrier hangs, so that it is parked; that takes some twenty seconds."""
    page = operator.new_page()
    page.goto(f"{url}/console/rehearsal")
    page.get_by_role("button", name="Buy a number: Hang").click()
    page.wait_for_url("**/console/rehearsal/*")
    if parked:
        page.get_by_text("Parked for a person").wait_for(timeout=60_000)
    order_id = page.url.rpartition("/")[2]
    page.close()
    return order_id


def bring_in_deck(operator: BrowserContext, url: str) -> None:
    """A rate deck, by upload."""
    page = operator.new_page()
    page.goto(f"{url}/console/rate-decks")
    page.get_by_text("Bring in a deck").click()
    page.get_by_label("Name").first.fill("retail")
    lines = b"prefix,per_minute_price,connect_fee,increments\n1,0.01,,\n1809,0.20,0.15,30/6\n44,0.03,,1/1\n"
    page.set_input_files("input[type=file]", {"name": "retail.csv", "mimeType": "text/csv", "buffer": lines})
    page.get_by_role("button", name="Send the file").click()
    page.wait_for_url("**/console/rate-decks/retail?*")
    page.close()


def fill(served: Demo) -> dict[str, str]:
    """Let something happen in a demo; ids of what came of it, by what they are."""
    with httpx.Client(base_url=f"{served.url}/api/v1", headers={"X-Api-Key": served.key}, timeout=30) as http:
        offers = http.get("/phone-numbers/available-numbers/US/", params={"page_size": 8, "area_code": "512"})
        own = {"price": 1.15, "per_minute_price_inbound": 0.0085, "per_minute_price_outbound": 0.0945}
        bought = [_buy(http, {"phone_number": "+13612738809", **own})]
        bought += [_buy(http, offer) for offer in offers.json()["data"]]
        labels = {"friendly_name": "Front desk", "tags": ["support", "texas"], "agent_id": "agent-7"}
        http.patch("/phone-numbers/+13612738809/", json=labels)
        hook = {"url": "http://127.0.0.1:8080/hooks", "description": "billing"}
        webhook = http.post("/webhooks/", json=hook).json()["data"]
        for name, role in (("ann", "owner"), ("ben", "buyer"), ("cleo", "viewer")):
            http.post("/people/", json={"email": f"{name}@example.com", "role": role})
        connection = _connect(http, [one["phone_number"] for one in bought[:3] if one])
        http.post("/usage/calls/", json=_calls(bought[0]["purchased_at"]))
        magic = http.get("/phone-numbers/available-numbers/US/", params={"starts_with": "500555", "page_size": 50})
        for offer in magic.json()["data"]:
            if offer["phone_number"] in _GO_WRONG:
                _buy(http, offer)
        me = http.get("/api-keys/").json()["data"][0]
        orders = http.get("/orders/", params={"page_size": 100}).json()["data"]
        month = http.get("/statements/").json()["data"][0]["month"]
    by_state = {order["status"]: order["id"] for order in orders}
    return {
        "account": me["account_id"],
        "order": bought[0]["order_id"],
        "rental": bought[0]["id"],
        "webhook": webhook["id"],
        "connection": connection,
        "month": month,
        "pending": by_state["pending"],
        "failed": by_state["failed"],
    }


def _buy(http: httpx.Client, offer: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = http.post("/phone-numbers/buy/", json=offer).json().get("data") or {}
    return found


def _connect(http: httpx.Client, numbers: list[str]) -> str:
    """The id of a connection that some numbers were given."""
    wanted = {"name": "Front desk", "preset": "livekit", "preset_values": {"subdomain": "acme-4f2k"}}
    made: str = http.post("/connections/", json=wanted).json()["data"]["id"]
    for number in numbers:
        http.post(f"/phone-numbers/{number}/connection/", json={"connection_id": made})
    return made


def _calls(since: str) -> list[dict[str, Any]]:
    """A few calls from when the number was bought."""
    began = datetime.fromisoformat(since) + timedelta(seconds=1)
    found = []
    for place, seconds in enumerate((91, 14, 47)):
        times = {name: (began + timedelta(seconds=after)).isoformat() for name, after in
                 (("started_at", 0), ("answered_at", 0), ("ended_at", seconds))}  # fmt: skip
        own, other = "+13612738809" if place else "+13615550199", f"+1361555010{place}"
        found.append({"call_id": f"call-{place}", "direction": "inbound", "phone_number": own, "other": other, **times})
    return found


def signed_in(browser: Browser, link: str, **options: Any) -> BrowserContext:
    """A context of a browser in which a link was used."""
    context = browser.new_context(**options)
    page = context.new_page()
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/console/")
    page.close()
    return context


def take(folder: Path, *, everything: bool, of: str = "") -> list[str]:
    """Take the pictures; what was amiss: errors in the browser's console, and pages wider than the window.

    `of` is a word in the names of those that are taken, where not all are.
    """
    program = chromium()
    if program is None:
        raise SystemExit("there is no chromium here: apt-get install chromium")
    folder.mkdir(parents=True, exist_ok=True)
    with demo() as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        camera = Camera(browser, served, fill(served), folder)
        for picture in _every_picture() if everything else _shown_pictures():
            if of in picture.name:
                camera.shoot(picture)
        browser.close()
        if everything:
            (folder / "README.md").write_text(_list())
        return camera.amiss


def _shown_pictures() -> list[Picture]:
    return [Picture(name, person, path, "light", 1400, 860) for name, (person, path) in _SHOWN.items()]


def _every_picture() -> list[Picture]:
    return [
        Picture(f"{name}-{width}-{scheme}", person, path, scheme, width, None)
        for name, person, path in _screens()
        for scheme, width in itertools.product(_SCHEMES, _WIDTHS)
    ]


def _screens() -> Iterator[tuple[str, str, str]]:
    """Every screen: its name, who looks at it, and its path."""
    for person, path in ((person, path) for person, paths in PAGES.items() for path in paths):
        plain = path.removeprefix("/console").replace("+", "one")
        yield f"{person}-{re.sub(r'[^a-z]+', '-', plain).strip('-')[:40] or 'first'}", person, path


def _list() -> str:
    """A page with a line for each screen, which leads to its pictures."""
    heads = [f"{width}, {scheme}" for scheme, width in itertools.product(_SCHEMES, _WIDTHS)]
    lines = [
        "# Screens of the console",
        "",
        "Taken of a demo by `python -m testbed.pictures docs/console/screens --all`, 1400 and 400 pixels wide.",
        "",
        f"| Whose | Screen | {' | '.join(heads)} |",
        f"|---|---|{'---|' * len(heads)}",
    ]
    for name, person, path in _screens():
        views = [f"[{scheme}]({name}-{width}-{scheme}.webp)" for scheme, width in itertools.product(_SCHEMES, _WIDTHS)]
        lines.append(f"| {person} | `{path}` | {' | '.join(views)} |")
    return "\n".join([*lines, ""])


def main() -> None:
    """Take pictures into the folder that is named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="every screen, wide and narrow, light and dark")
    parser.add_argument("--of", default="", metavar="WORD", help="only those with this in their names, as `carrier`")
    asked = parser.parse_args()
    for line in take(asked.folder, everything=asked.all, of=asked.of):
        sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    main()
