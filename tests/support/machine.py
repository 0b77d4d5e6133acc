"""A whole machine on one: its own address, processes, host name and boot id; its disk is a folder of ours.

Made of network, process, mount and name namespaces, which need root: `why_not` says what is missing. It can be cut off
its network, switched off, booted anew, and restarted as a container is (all processes gone, the same boot id).
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import random
import subprocess
import tempfile
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from lt_controller.demo.sshd import PrivateSshd
from lt_controller.home import Home
from lt_inventory.model import Host
from support.wait import until

# Process 1 of the machine: it gives the machine its name and boot id, then only collects orphans.
_INIT = """
mount --bind "$1" /proc/sys/kernel/random/boot_id && hostname "$2" && ip link set lo up && : > "$3" || exit 1
while :; do sleep 3600 & wait $!; done
"""
_UNSHARE = ("unshare", "--mount", "--pid", "--net", "--uts", "--ipc", "--fork", "--kill-child", "--mount-proc")
PORT = 2222


@functools.cache
def why_not() -> str:
    """Why no machine can be made here; empty if one can."""
    if os.getuid() != 0:
        return "namespaces need root"
    probe = "ip link set lo up && ip link add v0 type veth peer name v1 && mount -t tmpfs x /mnt"
    try:
        done = subprocess.run([*_UNSHARE, "sh", "-c", probe], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"no namespaces here: {error}"
    return "" if done.returncode == 0 else f"no namespaces here: {done.stderr.strip()[-200:]}"


@dataclass
class Machine:
    """One such machine. `disk` is where its home lies; `lease_dir` its own local disk."""

    folder: Path
    name: str = "box"
    disk: Path | None = None  # two machines that share a home are given the same one
    variables: dict[str, str] = field(default_factory=dict)  # of every session
    extra: tuple[str, ...] = ()  # lines of sshd_config

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._net, self._net_lock = _free_net()
        self._link = f"lt{uuid.uuid4().hex[:8]}"
        self._boot_id = self.folder / "boot_id"
        self._init: subprocess.Popen[bytes] | None = None
        self.disk = self.disk or self.folder / "home"
        self.sshd: PrivateSshd
        self.boot()

    @property
    def address(self) -> str:
        """Where it is reached."""
        return f"{self._net}.2"

    @property
    def root(self) -> Path:
        """The host's `root`, as a folder of this machine."""
        assert self.disk is not None
        return self.disk / ".lt-agent"

    @property
    def host(self) -> Host:
        """Its entry for the inventory."""
        return self.host_at(self.address, PORT)

    def host_at(self, address: str, port: int) -> Host:
        """The same, reached by another way (a relay)."""
        return Host(
            name=self.name,
            address=address,
            port=port,
            user=self.sshd.user,
            key=str(self.sshd.client_key),
            lease_dir=str(self.folder / "lease"),
        )

    def known_in(self, home: Home, address: str | None = None, port: int = PORT) -> None:
        """Has this LT_HOME know the machine's key."""
        kind, blob = (self.sshd.folder / "host_key.pub").read_text().split()[:2]
        with home.known_hosts.open("a") as file:
            file.write(f"[{address or self.address}]:{port} {kind} {blob}\n")
        home.known_hosts.chmod(0o600)

    # --- power ---

    def boot(self, *, keep_boot_id: bool = False) -> None:
        """Switches it on. With `keep_boot_id` it comes back as a restarted container does."""
        if not (keep_boot_id and self._boot_id.exists()):
            self._boot_id.write_text(f"{uuid.uuid4()}\n")
        up = self.folder / "up"
        up.unlink(missing_ok=True)
        words = (str(self._boot_id), self.name, str(up))
        with (self.folder / "init.log").open("ab") as log:
            self._init = subprocess.Popen(
                [*_UNSHARE, "--propagation", "slave", "/bin/sh", "-c", _INIT, "init", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(up.exists, 20, "the machine boots")
        one = str(self.first_process)
        _ip("link", "add", self._link, "type", "veth", "peer", "name", "eth0", "netns", one)
        _ip("addr", "add", f"{self._net}.1/30", "dev", self._link)
        _ip("link", "set", self._link, "up")
        for words_ in (("addr", "add", f"{self.address}/30", "dev", "eth0"), ("link", "set", "eth0", "up")):
            _run("nsenter", "-t", one, "-n", "ip", *words_)
        self.sshd = PrivateSshd(
            self.folder / "sshd",
            home=self.disk,
            variables=self.variables,
            extra=self.extra,
            address=self.address,
            within=("nsenter", "-t", one, "-a", "--"),
        )
        self.sshd.start(PORT)

    @property
    def first_process(self) -> int:
        """The pid that its process 1 has among ours."""
        assert self._init is not None
        pid = self._init.pid
        (child,) = until(lambda: psutil.Process(pid).children(), 10, "the machine's first process")
        return int(child.pid)

    def power_off(self) -> None:
        """All its processes are gone at once, and no packet tells of it."""
        assert self._init is not None
        subprocess.run(["ip", "link", "del", self._link], capture_output=True, check=False)
        psutil.Process(self.first_process).kill()
        self._init.wait(60)
        self.sshd.stop()

    def reboot(self) -> None:
        """Off and on: a new boot id."""
        self.power_off()
        self.boot()

    def restart_container(self) -> None:
        """Off and on: the boot id stays, since it is the kernel's."""
        self.power_off()
        self.boot(keep_boot_id=True)

    def unplug(self) -> None:
        """Takes its link down: packets vanish."""
        _ip("link", "set", self._link, "down")

    def plug(self) -> None:
        """Puts the link back."""
        _ip("link", "set", self._link, "up")

    def close(self) -> None:
        """Ends it for good."""
        if self._init is not None and self._init.poll() is None:
            self.power_off()
        os.close(self._net_lock)


def _free_net() -> tuple[str, int]:
    """The first three parts of a /24 that no link here uses, of those set apart for tests of networks; and its lock.

    The lock keeps two that choose at once from the same choice; it is held by the descriptor.
    """
    taken = subprocess.run(["ip", "-o", "-4", "addr"], capture_output=True, text=True, check=True).stdout
    folder = Path(tempfile.gettempdir(), f"lt-test-nets-{os.getuid()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    while True:
        net = f"198.{random.randint(18, 19)}.{random.randint(0, 255)}"
        lock = os.open(folder / net, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if f" {net}." not in taken:
                return net, lock
        os.close(lock)


def _ip(*words: str) -> None:
    _run("ip", *words)


def _run(*argv: str) -> None:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
