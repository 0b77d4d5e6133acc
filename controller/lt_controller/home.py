"""Every path on the laptop comes from here: `LT_HOME` (default: the platform's user data folder)."""

from __future__ import annotations

import os
from pathlib import Path

from lt_agent.protocol.errors import LtError


class Home:
    """The layout under `LT_HOME`, mode 0700."""

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = Path(path).expanduser().resolve() if path is not None else default_home()

    def make(self) -> Home:
        """Creates the folder and makes it private. Raises LtError `home_unusable`, also where it is another user's."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            stat = self.path.stat()
            if stat.st_uid != os.getuid():
                raise LtError("home_unusable", path=str(self.path), why="it belongs to another user")
            if stat.st_mode & 0o077:
                self.path.chmod(0o700)
            for folder in (self.cache, self.runs):
                folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise LtError("home_unusable", path=str(self.path), why=error.strerror or str(error)) from None
        return self

    @property
    def hosts_file(self) -> Path:
        return self.path / "hosts.toml"

    @property
    def config_file(self) -> Path:
        return self.path / "config.toml"

    @property
    def database(self) -> Path:
        return self.path / "lt.db"

    @property
    def known_hosts(self) -> Path:
        return self.path / "known_hosts"

    @property
    def ssh_config(self) -> Path:
        """Generated from the inventory for OpenSSH and rsync; never edited by hand."""
        return self.path / "ssh_config"

    @property
    def ssh_config_person(self) -> Path:
        """As `ssh_config`, for `lt ssh` and `lt forward`, where OpenSSH may ask."""
        return self.path / "ssh_config_person"

    @property
    def controller_lock(self) -> Path:
        """Flocked by the one controller of this home, for its whole life."""
        return self.path / "controller.lock"

    @property
    def controller_log(self) -> Path:
        return self.path / "controller.log"

    @property
    def controller_sock(self) -> Path:
        """The controller's socket. Such a path may have about 100 bytes, so a deep home gets a short one."""
        path = self.path / "controller.sock"
        if len(os.fsencode(path)) < 100:
            return path
        import hashlib
        import tempfile

        digest = hashlib.sha256(os.fsencode(self.path)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"lt-{os.getuid()}-{digest}" / "controller.sock"

    @property
    def owner_file(self) -> Path:
        """The random id of this home: a job has one owner."""
        return self.path / "owner"

    @property
    def logs(self) -> Path:
        """Tracebacks of lt's own faults."""
        return self.path / "logs"

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def run(self, job_name: str) -> Path:
        """`runs/<job name>/`: what came home."""
        return self.runs / job_name

    @property
    def cache(self) -> Path:
        """What can be made again: frozen code, manifests, agent bundles, wheels, hashes."""
        return self.path / "cache"

    @property
    def code_cache(self) -> Path:
        return self.cache / "code"

    @property
    def manifests(self) -> Path:
        """`cache/manifests/<digest>.json`: data snapshots as they were at submit."""
        return self.cache / "manifests"

    @property
    def agents(self) -> Path:
        return self.cache / "agents"

    @property
    def wheels(self) -> Path:
        return self.cache / "wheels"

    def owner(self) -> str:
        """The id of this home, made on first use."""
        from lt_agent.protocol.files import write_bytes
        from lt_agent.protocol.ulid import is_ulid, new_ulid

        try:
            text = self.owner_file.read_text().strip()
            if is_ulid(text):
                return text
        except FileNotFoundError:
            pass
        self.make()
        owner = new_ulid()
        fresh = self.owner_file.with_name(f"owner.{owner}")
        write_bytes(fresh, owner.encode() + b"\n")
        try:
            os.link(fresh, self.owner_file)  # the first of two at once wins
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        return self.owner_file.read_text().strip()


def default_home() -> Path:
    """`$LT_HOME`, else `labtrain` in the platform's user data folder."""
    named = os.environ.get("LT_HOME")
    if named:
        return Path(named).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("labtrain", appauthor=False)
