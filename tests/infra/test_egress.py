"""Where requests may go: every odd way to name this machine is refused, and a listener counts that nothing arrives."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any, Final

import pytest

from numberdesk.infra.egress import PUBLIC_ONLY, Egress, EgressError, parse_networks, parse_ports
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse, NotSentError
from numberdesk.infra.settings import SettingsError, load_settings
from testbed.egress import INSIDE, ODD_HOSTS, Listener, listening

ODD_URLS: Final = (
    "https://api.example.com@127.0.0.1", "https://key:secret@api.example.com", "https://@api.example.com",
    "https://127.0.0.1\\@api.example.com", "https://api.example.com\\.127.0.0.1", "https://api.example.com:80:443",
    "file:///etc/passwd", "gopher://api.example.com", "ftp://api.example.com", "dict://127.0.0.1:6379", "data:,x",
    "unix:/x", "//api.example.com", "api.example.com", "https:api.example.com", "https:/api.example.com", "https://",
    "https:///x", "", "https://api.example.com\r\nHost: x", "https://api.example.com/\r\nX: y",
    "https://api.exa\nmple.com", "https://api.e\tx.com", " https://api.example.com", "https://api.example.com ",
    "https://api.example.com/\x00", "https://[::1", "https://::1", "http://api.example.com", "HTTP://api.example.com",
    f"https://api.example.com/{'a' * 2048}", f"https://{'a.' * 130}com", f"https://{'a' * 64}.com",
)  # fmt: skip
REFUSED_PORTS: Final = (0, 1, 22, 25, 53, 81, 3306, 5432, 6379, 8000, 9000, 9200, 11211, 27017, 65535, 65536)
PUBLIC: Final = (
    "https://api.twilio.com", "HTTPS://API.TELNYX.COM/v2", "https://api.example.com:443",
    "https://api.example.com:8443/v1", "https://api.example.com:8080", "https://8.8.8.8", "https://172.32.0.1",
    "https://100.128.0.1", "https://[2606:4700::1111]", "https://[64:ff9b::808:808]", "https://[2002:808:808::1]",
    "https://[::ffff:8.8.8.8]", "https://xn--mnchen-3ya.example", "https://127.0.0.1.example.com",
    "https://localhost.example.com", "https://1e100.net",
)  # fmt: skip


@pytest.fixture
def listener() -> Iterator[Listener]:
    with listening() as listener:
        yield listener


class Names:
    """A resolver that gives other addresses each time, and remembers what it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self.asked: list[tuple[str, int]] = []
        self._answers = list(answers)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if not answer:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return answer


def send(url: str, egress: Egress, **given: Any) -> HttpResponse:
    """What one request is answered with."""

    async def main() -> HttpResponse:
        client = HttpClient(egress=egress)
        try:
            return await client.send(HttpRequest("GET", url, {"Authorization": "secret"}, **given))
        finally:
            await client.close()

    return asyncio.run(main())


def with_port(url: str, port: int) -> str:
    """An address with a port behind its host."""
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest}:{port}/"


@pytest.mark.parametrize("host", [*INSIDE, *ODD_HOSTS], ids=ascii)
def test_an_address_inside_is_refused_however_it_is_written_and_nothing_arrives(host: str, listener: Listener) -> None:
    for scheme in ("https", "http"):
        for url in (
            f"{scheme}://{host}",
            with_port(f"{scheme}://{host}", 443),
            with_port(f"{scheme}://{host}", listener.port),
        ):
            with pytest.raises(EgressError):
                PUBLIC_ONLY.check_url(url)
            for once in (False, True):
                with pytest.raises(NotSentError):
                    send(url, PUBLIC_ONLY, once=once)
    assert listener.arrived == []


@pytest.mark.parametrize("url", ODD_URLS, ids=lambda url: ascii(url)[:40])
def test_what_two_readers_may_read_differently_and_what_is_not_https_is_refused(url: str) -> None:
    with pytest.raises(EgressError, match=r"^must "):
        PUBLIC_ONLY.check_url(url)
    with pytest.raises(NotSentError):
        send(url, PUBLIC_ONLY)


@pytest.mark.parametrize("port", REFUSED_PORTS)
def test_a_port_that_is_not_one_of_the_web_is_refused(port: int) -> None:
    for host in ("api.example.com", "8.8.8.8"):
        with pytest.raises(EgressError):
            PUBLIC_ONLY.check_url(f"https://{host}:{port}")


@pytest.mark.parametrize("url", PUBLIC)
def test_public_addresses_and_names_are_allowed(url: str) -> None:
    PUBLIC_ONLY.check_url(url)


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "::1", "fe80::1%lo", "169.254.169.254", "10.0.0.1", "::ffff:127.0.0.1"]
)
@pytest.mark.parametrize("beside", [(), ("8.8.8.8",)])
def test_a_name_that_leads_inside_is_not_connected_to_also_when_it_leads_elsewhere_too(
    inside: str, beside: tuple[str, ...], listener: Listener
) -> None:
    names = Names([*beside, inside])
    egress = Egress(ports=frozenset({listener.port}), resolve=names)
    url = f"https://inside.example.com:{listener.port}/"
    egress.check_url(url)
    with pytest.raises(NotSentError, match="must not lead to"):
        send(url, egress)
    assert names.asked == [("inside.example.com", listener.port)]
    assert listener.arrived == []


def test_a_name_that_leads_elsewhere_after_it_was_checked_is_checked_again_before_the_connection(
    listener: Listener,
) -> None:
    names = Names(["8.8.8.8"], ["127.0.0.1"])
    egress = Egress(ports=frozenset({listener.port}), resolve=names)
    found = asyncio.run(egress.addresses("rebound.example.com", listener.port, secure=True))
    assert found == ["8.8.8.8"]
    with pytest.raises(NotSentError, match=r"must not lead to 127\.0\.0\.1, a loopback address"):
        send(f"https://rebound.example.com:{listener.port}/", egress)
    assert listener.arrived == []


@pytest.mark.parametrize("once", [False, True])
def test_what_is_connected_to_is_the_address_that_was_checked_and_the_name_is_not_looked_up_again(
    listener: Listener, *, once: bool
) -> None:
    """To the system the name is 127.0.0.1."""
    names = Names(["127.0.0.2"], ["127.0.0.1"])
    egress = Egress(parse_networks("127.0.0.0/8"), resolve=names)
    assert send(f"http://localhost:{listener.port}/", egress, once=once).status == 302
    assert names.asked == [("localhost", listener.port)]
    assert listener.arrived == ["127.0.0.2"]


def test_a_redirection_is_not_followed(listener: Listener) -> None:
    answer = send(f"http://127.0.0.2:{listener.port}/", Egress(parse_networks("127.0.0.0/8")))
    assert (answer.status, answer.headers["location"]) == (302, f"http://127.0.0.1:{listener.port}/")
    assert listener.arrived == ["127.0.0.2"]


def test_a_proxy_of_the_environment_is_not_used(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
    egress = Egress(parse_networks("127.0.0.0/8"), resolve=Names(["127.0.0.3"]))
    for url in ("http://proxied.example.com/", "https://proxied.example.com/"):
        with pytest.raises(NotSentError):
            send(url, egress)
    assert listener.arrived == []


@pytest.mark.parametrize("answers", [["127.0.0.9", "127.0.0.2"], ["127.0.0.2", "127.0.0.9"], ["::1", "127.0.0.2"]])
def test_of_several_addresses_one_that_answers_is_taken(answers: list[str], listener: Listener) -> None:
    egress = Egress(parse_networks("127.0.0.0/8,::1"), resolve=Names(answers))
    assert send(f"http://several.example.com:{listener.port}/", egress).status == 302
    assert listener.arrived == ["127.0.0.2"]


def test_a_name_that_there_is_not_and_addresses_that_nobody_answers_at_are_told_as_not_sent(listener: Listener) -> None:
    allowed = parse_networks("127.0.0.0/8")
    with pytest.raises(NotSentError, match=r"ConnectError: .*no such name"):
        send("http://nobody.example.com/", Egress(allowed, resolve=Names([])))
    with pytest.raises(NotSentError, match="ConnectError"):
        send(f"http://nobody.example.com:{listener.port}/", Egress(allowed, resolve=Names(["127.0.0.8", "127.0.0.9"])))


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://10.1.2.3:9000/v1", True), ("https://10.1.2.3", True), ("http://127.0.0.1:8000", True),
        ("http://localhost:9000", True), ("http://a.localhost", True), ("http://[fd12::1]:9000", True),
        ("http://[::ffff:10.1.2.3]", True), ("http://carrier-sim:9000", True), ("https://api.example.com:9000", True),
        ("http://10.2.0.1", False), ("http://127.0.0.2:8000", False), ("http://127.0.0.1:22", False),
        ("http://127.0.0.1:5432", False), ("http://10.1.2.3:6379", False), ("http://carrier-sim:5432", False),
        ("http://[fd00:ec2::254]", False), ("http://8.8.8.8", False), ("https://8.8.8.8:9000", False),
        ("http://169.254.169.254", False), ("http://0x0a010203", False),

    ],
)  # fmt: skip
def test_networks_that_an_operator_allows_are_reached_without_tls_and_at_all_ports_but_those_of_databases(
    url: str, *, allowed: bool
) -> None:
    egress = Egress(parse_networks("127.0.0.1, 10.1.0.0/16, fd00::/8"))
    with contextlib.nullcontext() if allowed else pytest.raises(EgressError):
        egress.check_url(url)


@pytest.mark.parametrize("address", ["8.8.8.8", "10.2.0.1"])
def test_without_tls_a_name_leads_only_to_networks_that_are_allowed(address: str) -> None:
    egress = Egress(parse_networks("10.1.0.0/16"), resolve=Names([address]))
    egress.check_url("http://carrier-sim:8080")
    with pytest.raises(NotSentError, match=r"must begin with https://|must not lead to"):
        send("http://carrier-sim:8080", egress)


def test_a_further_port_of_public_addresses_is_one_that_an_operator_names() -> None:
    egress = Egress(ports=parse_ports("9443, 9000"))
    for port in (9443, 9000, 443):
        egress.check_url(f"https://api.example.com:{port}")
        egress.check(ip_address("8.8.8.8"), port, secure=True)
    with pytest.raises(EgressError):
        egress.check_url("https://api.example.com:9444")
    with pytest.raises(EgressError):
        egress.check(ip_address("8.8.8.8"), 9000, secure=False)


@pytest.mark.parametrize(
    "text",
    [
        "0.0.0.0/0", "::/0", "8.8.8.0/24", "169.254.0.0/16", "169.254.169.254", "224.0.0.0/4", "fe80::/10",
        "10.1.2.3/8", "localhost", "x", "127.0.0.1;10.0.0.1",
    ],
)  # fmt: skip
def test_only_private_networks_can_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no network|is within none of"):
        parse_networks(f"10.1.0.0/16,{text}")
    with pytest.raises(SettingsError, match=r"egress_allow \(NUMBERDESK_EGRESS_ALLOW\)"):
        load_settings(egress_allow=text)


@pytest.mark.parametrize("text", ["5432", "6379", "0", "65536", "-1", "web", "1e3", "443-445"])
def test_a_port_of_databases_can_never_be_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no port|is a port of databases"):
        parse_ports(f"9000,{text}")
    with pytest.raises(SettingsError, match=r"egress_ports \(NUMBERDESK_EGRESS_PORTS\)"):
        load_settings(egress_ports=text)


def test_nothing_is_allowed_where_nothing_is_set() -> None:
    assert (parse_networks(""), parse_ports(" , ")) == (PUBLIC_ONLY.networks, PUBLIC_ONLY.ports) == ((), frozenset())
