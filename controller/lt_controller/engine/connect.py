"""From a host's entry in the inventory to a bridge that has said hello."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lt_agent.protocol.errors import LtError
from lt_inventory.facts import devices
from lt_inventory.model import LOCAL, Host

from .. import __version__
from ..home import Home
from ..store import hosts
from ..store.writer import Writer
from ..transport import bulk_for, transport_for
from ..transport.agent import open_bridge, push_agent, python_of
from ..transport.answers import Answers
from ..transport.base import Bulk, Duplex, Transport
from ..transport.bundle import AgentBundle
from ..transport.probe import probe
from .intake import Intake
from .link import BridgeLink
from .turns import turn

CONNECT_TIMEOUT = 20.0  # seconds
HELLO_TIMEOUT = 60.0  # a host under load answers late


@dataclass(frozen=True)
class Connected:
    """A host that answers."""

    transport: Transport
    link: BridgeLink
    bulk: Bulk
    facts: dict[str, Any]
    hello: dict[str, Any]
    agent: str  # the bundle's digest
    clock: float  # what to add to the host's times, in seconds

    def hang_up(self) -> None:
        """Ends the link and the connection, and with them every wait for the host; nothing there ends by it."""
        self.link.close()
        self.transport.close()

    def close(self) -> None:
        """As `hang_up`, and ends what was kept open for the next transfer: no transfer is under way any more."""
        try:
            self.hang_up()
        finally:
            self.bulk.close()


def connect(
    host: Host,
    home: Home,
    owner: str,
    writer: Writer,
    intake: Intake,
    on_end: Callable[[], None],
    answers: Answers | None = None,
) -> Connected:
    """Logs in, brings the agent there if it lacks it, starts a bridge and says hello. Raises LtError.

    `answers` is asked where the login needs more than a key.
    """
    transport = transport_for(host, home, answers)
    with turn():
        return _connect(transport, host, home, owner, writer, intake, on_end)


def _connect(
    transport: Transport,
    host: Host,
    home: Home,
    owner: str,
    writer: Writer,
    intake: Intake,
    on_end: Callable[[], None],
) -> Connected:
    transport.connect(CONNECT_TIMEOUT)
    try:
        facts, digest, duplex = _bridge(transport, host, home, writer)
        link = BridgeLink(host.name, duplex, intake.push, on_end)
        found = devices(facts)
        sent = time.time()
        hello = link.request(
            "hello",
            timeout=HELLO_TIMEOUT,
            owner=owner,
            version=__version__,
            slots=host.slots,
            gpus_wanted=list(found),
            gpu_memory=found,
            lease_left=host.until.timestamp() - sent if host.until else None,
            lease_lead=host.lead,
            deflate=host.kind != LOCAL,  # paramiko's part in a log is larger than zlib's
        )
        clock = (sent + time.time()) / 2 - float(hello["time"])
        if hello.get("boot_id") != facts.get("boot_id"):
            facts = look_again(transport, host, writer, facts)
        return Connected(transport, link, bulk_for(host, home, facts, transport), facts, hello, digest, clock)
    except BaseException:
        transport.close()
        raise


def look_again(transport: Transport, host: Host, writer: Writer, known: dict[str, Any]) -> dict[str, Any]:
    """Fresh facts of a host that was rebooted; those known where sshd's one session is the bridge's already."""
    try:
        return look(transport, host, writer)
    except LtError as error:
        if error.code != "too_many_sessions":
            raise
        return known


def look(transport: Transport, host: Host, writer: Writer) -> dict[str, Any]:
    """Probes the host over a connection that stands, and stores the facts."""
    facts = probe(transport, host)
    writer.run("hosts", hosts.add_facts, host.name, facts)
    return facts


def _bridge(transport: Transport, host: Host, home: Home, writer: Writer) -> tuple[dict[str, Any], str, Duplex]:
    """Starts the bridge; in one round trip where the agent is there and the host is known."""
    facts = writer.read(hosts.latest_facts, host.name)
    if facts is not None and facts.get("python"):
        bundle = AgentBundle.build(facts, home)
        try:
            return facts, bundle.digest, open_bridge(transport, facts, bundle, facts["root"], host.lease_dir)
        except LtError as error:
            if error.code != "agent_missing":
                raise
    facts = look(transport, host, writer)
    python_of(facts, host.name)  # told by the name that the person gave the host, not by the machine's own
    bundle = AgentBundle.build(facts, home)
    push_agent(transport, bulk_for(host, home, facts, transport), facts, bundle)
    return facts, bundle.digest, open_bridge(transport, facts, bundle, facts["root"], host.lease_dir)
