"""Where requests of tests go: to servers on this machine, as an operator may allow; and where none may arrive."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Final

from numberdesk.infra.egress import Egress, parse_networks

ALLOWED: Final = "127.0.0.1,::1"
"""The setting (NUMBERDESK_EGRESS_ALLOW) that lets a service ask mocks of carriers."""

LOOPBACK: Final = Egress(parse_networks(ALLOWED))

INSIDE: Final = (
    "127.0.0.1", "127.255.255.254", "[::1]",
    "0.0.0.0",  # noqa: S104  an address to refuse
    "0.1.2.3", "[::]", "169.254.169.254", "169.254.0.1", "10.0.0.1", "172.16.0.1", "172.31.255.254", "192.168.1.1",
    "[fc00::1]", "[fdff:ffff::1]", "100.64.0.1", "100.127.255.254", "192.0.0.1", "192.0.2.1", "198.18.0.1",
    "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "[fe80::1]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[3fff::1]", "[100::1]", "[5f00::1]",
    "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:a9fe:a9fe]", "[::127.0.0.1]", "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a00:1]", "[64:ff9b:1::808:808]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2002:c0a8:101::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]", "168.63.129.16", "100.100.100.200", "[fd00:ec2::254]", "192.0.0.192",
    "[::ffff:168.63.129.16]",
)  # fmt: skip
"""Addresses that are not public, and those where clouds tell secrets."""

ODD_HOSTS: Final = (
    "2130706433", "0x7f000001", "0x7f.0.0.1", "0X7F.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1",
    "127.0.0.01", "0127.0.0.1", "127.0.0.1.", "127.0.0.256", "1.2.3.4.5", "a.0x1", "localhost", "LOCALHOST",
    "localhost.", "a.localhost", "a.localhost.", "[::1%25lo]", "[::1%lo]", "[fe80::1%25eth0]",
    "[2606:4700::1%25eth0]", "[::ffff:127.1]", "[127.0.0.1]", "127\u30020\u30020\u30021", "127\uff0e0\uff0e0\uff0e1",
    "\uff11\uff12\uff17.0.0.1", "\u24db\u24de\u24d2alhost", "loc\u00adalhost", "%31%32%37.0.0.1",
    "127.0.0.1%00.example.com", "api..example.com", "-.example.com", ".", "_a.0",
)  # fmt: skip
"""What some reader takes for this machine, or two readers differently."""


class Listener:
    """Counts who connects, at one port of two addresses of this machine; answers with a redirection to the first."""

    def __init__(self) -> None:
        self.arrived: list[str] = []
        self.port = 0
        self._sockets: list[socket.socket] = []
        for host in ("127.0.0.1", "127.0.0.2"):
            listening = socket.create_server((host, self.port))
            self.port = listening.getsockname()[1]
            self._sockets.append(listening)
            threading.Thread(target=self._take, args=(host, listening), daemon=True).start()

    def _take(self, host: str, listening: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                self.arrived.append(host)
                with connection:
                    connection.recv(65_536)
                    where = f"http://127.0.0.1:{self.port}/"
                    connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode())

    def close(self) -> None:
        """Take no more."""
        for listening in self._sockets:
            listening.shutdown(socket.SHUT_RDWR)
            listening.close()


@contextlib.contextmanager
def listening() -> Iterator[Listener]:
    """A listener, closed at the end."""
    made = Listener()
    try:
        yield made
    finally:
        made.close()
