"""The way to a host: its jump hosts in order, found in the inventory, ending with the host itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from lt_agent.protocol.errors import LtError
from lt_controller.home import Home
from lt_inventory.hosts_file import HostsFile
from lt_inventory.model import Host, parse_jump


def route_to(host: Host, inventory: Mapping[str, Host]) -> list[Host]:
    """Every hop on the way to `host`, outermost first, `host` last.

    A jump that names a host of the inventory is that host, with its own key, port and jumps; any other is an
    address, logged in to with the key of the host it leads to. Raises LtError `bad_jump` for a loop or nonsense.
    """
    hops: list[Host] = []
    _collect(host, inventory, hops, ())
    return hops


def inventory_of(home: Home) -> dict[str, Host]:
    """The hosts of this LT_HOME. Raises LtError `hosts_file_invalid`."""
    return HostsFile(home.hosts_file).load()


def route(host: Host, home: Home) -> list[Host]:
    """As `route_to`, reading the inventory only where the host has jumps."""
    return route_to(host, inventory_of(home) if host.jump else {})


def _collect(host: Host, inventory: Mapping[str, Host], hops: list[Host], above: tuple[str, ...]) -> None:
    if host.name in above:
        raise LtError("bad_jump", host=above[0], jump=host.name, why="loop")
    for number, text in enumerate(host.jump, start=1):
        try:
            jump = parse_jump(text)
        except ValueError:
            raise LtError("bad_jump", host=host.name, jump=text, why="form") from None
        named = inventory.get(jump.name)
        if named is not None and named.kind == "ssh":
            _collect(named, inventory, hops, (*above, host.name))
            continue
        hops.append(
            Host(
                name=f"{host.name}+{number}",  # `+` is in no host's name, so this alias is ours alone
                address=jump.address,
                user=jump.user or host.user,
                port=jump.port,
                key=host.key,
            )
        )
    hops.append(replace(host, jump=()))
