"""An encrypted connection that is cut: before the request nothing was sent, after it nobody knows."""

from __future__ import annotations

import asyncio
import datetime as dt
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse, NoAnswerError, NotSentError
from testbed.egress import LOOPBACK

HEAD: Final = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"

Behaviour = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Certified:
    """A certificate of 127.0.0.1 that nobody but `trust` believes."""

    def __init__(self, folder: Path) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "carrier")])
        today = dt.datetime.now(dt.UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(1)
            .not_valid_before(today - dt.timedelta(days=1))
            .not_valid_after(today + dt.timedelta(days=1))
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
            )
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        file = folder / "certificate.pem"
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        file.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
        self.serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.serving.load_cert_chain(file)
        self.trust = ssl.create_default_context(cafile=file)


@pytest.fixture
def certified(tmp_path: Path) -> Certified:
    return Certified(tmp_path)


def ask(certified: Certified, behaviour: Behaviour, *, once: bool, believed: bool = True) -> tuple[HttpResponse, int]:
    """What one request is answered with, and how many requests arrived."""
    arrived = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal arrived
        await reader.readuntil(b"\r\n\r\n")
        arrived += 1
        await behaviour(reader, writer)

    async def main() -> HttpResponse:
        client = HttpClient(egress=LOOPBACK, trust=certified.trust if believed else None)
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified.serving)
        try:
            port = server.sockets[0].getsockname()[1]
            return await client.send(HttpRequest("POST", f"https://127.0.0.1:{port}/", {}, b"", 5.0, once))
        finally:
            await client.close()
            server.close()

    return asyncio.run(main()), arrived


def cut_after(data: bytes) -> Behaviour:
    """Says so much, and then the connection is gone without a goodbye."""

    async def cut(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await asyncio.sleep(0.05)
        writer.transport.abort()

    return cut


@pytest.mark.parametrize("once", [True, False], ids=["order", "read"])
@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 2", HEAD, HEAD + b"four"], ids=["nothing", "a bit", "head", "half"])
def test_a_connection_that_is_cut_after_the_request_is_no_answer(
    certified: Certified, data: bytes, *, once: bool
) -> None:
    with pytest.raises(NoAnswerError):
        ask(certified, cut_after(data), once=once)


def test_a_certificate_that_is_believed_lets_the_answer_through(certified: Certified) -> None:
    answer, arrived = ask(certified, cut_after(HEAD + b"all of it"), once=True)
    assert (answer.status, answer.body, arrived) == (200, b"all of it", 1)


@pytest.mark.parametrize("once", [True, False], ids=["order", "read"])
def test_to_whoever_shows_a_certificate_that_nobody_believes_nothing_is_sent(
    certified: Certified, *, once: bool
) -> None:
    with pytest.raises(NotSentError):
        ask(certified, cut_after(HEAD + b"all of it"), once=once, believed=False)
