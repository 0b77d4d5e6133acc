"""The system's keyring (Keychain, Secret Service, KWallet, Windows) through the `keyring` package; never a plain file.

`keyring` falls back to backends that keep text readable, or keep nothing. Those are refused here, so a server without
a keyring service gets a clear error and no file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lt_agent.protocol.errors import LtError

if TYPE_CHECKING:
    from keyring.backend import KeyringBackend

SERVICE = "labtrain"
_REFUSED = ("keyring.backends.fail", "keyring.backends.null", "keyrings.alt.")


def check() -> None:
    """Raises LtError `no_keyring{why}` where nothing can be kept safely."""
    _backend()


def put(name: str, secret: str) -> None:
    """Keeps `secret` under `name`. Raises LtError `no_keyring`, `keyring_failed`."""
    from keyring.errors import KeyringError

    backend = _backend()
    try:
        backend.set_password(SERVICE, name, secret)
    except (KeyringError, OSError, RuntimeError) as error:
        raise LtError("keyring_failed", why=type(error).__name__) from None


def get(name: str) -> str | None:
    """What is kept under `name`; None also where the keyring is locked or gone by now."""
    try:
        found = _backend().get_password(SERVICE, name)
    except LtError:
        return None
    except Exception:  # backends raise what their services raise: to a login it is all the same
        return None
    return found if isinstance(found, str) else None


def drop(name: str) -> None:
    """Deletes what is kept under `name`, if anything is. Raises LtError `no_keyring`, `keyring_failed`."""
    from keyring.errors import KeyringError, PasswordDeleteError

    backend = _backend()
    try:
        backend.delete_password(SERVICE, name)
    except PasswordDeleteError:
        return  # it was not there
    except (KeyringError, OSError, RuntimeError) as error:
        raise LtError("keyring_failed", why=type(error).__name__) from None


def _backend() -> KeyringBackend:
    """The first backend that is a keyring. Raises LtError `no_keyring`."""
    try:
        import keyring
        from keyring.backends.chainer import ChainerBackend
    except ImportError:
        raise LtError("no_keyring", why="not_there") from None
    try:
        chosen = keyring.get_keyring()
        several = list(chosen.backends) if isinstance(chosen, ChainerBackend) else [chosen]
    except Exception as error:  # a keyringrc.cfg that names what is not there
        raise LtError("no_keyring", why=type(error).__name__) from None
    plain = False
    for backend in several:
        module = type(backend).__module__
        if not module.startswith(_REFUSED):
            return backend
        plain = plain or module.startswith("keyrings.alt.")
    raise LtError("no_keyring", why="plain_text" if plain else "no_backend")
