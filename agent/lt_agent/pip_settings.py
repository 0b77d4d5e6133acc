"""What pip is told on this host, said to uv, which reads none of it by itself.

Rented boxes carry a `pip.conf` with the mirror that is near them, and labs one with their own index: a build that
ignored it would be slow there, or fail.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import Dict, List, Mapping, Optional, Sequence

# pip's option -> uv's variable
_TO_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "timeout": "UV_HTTP_TIMEOUT",
}
_OLD_NAMES = {"UV_DEFAULT_INDEX": "UV_INDEX_URL", "UV_INDEX": "UV_EXTRA_INDEX_URL"}
_VARIABLES = {"PIP_DEFAULT_TIMEOUT": "timeout", **{"PIP_" + name.upper().replace("-", "_"): name for name in _TO_UV}}
_COMMAS = frozenset({"UV_FIND_LINKS"})  # pip divides several by blanks or lines; uv takes most so, these by commas


def uv_variables(environment: Mapping[str, str], files: Optional[Sequence[Path]] = None) -> Dict[str, str]:
    """`environment` with pip's settings said to uv as well, where uv has none of its own.

    pip's variables win over its files, as they do for pip; `files` are those, the most general first (default: where
    pip looks). Where the host has a `uv.toml`, pip's files say nothing.
    """
    result = dict(environment)
    settings = _from_files(_pip_files(environment) if files is None else files)
    settings.update({_VARIABLES[key]: value for key, value in environment.items() if key in _VARIABLES and value})
    for option, value in settings.items():
        uv = _TO_UV[option]
        if uv in environment or _OLD_NAMES.get(uv, uv) in environment:
            continue
        words = value.split()
        if words:
            result[uv] = (",".join if uv in _COMMAS else " ".join)(words)
    if "UV_INDEX" in result and "UV_INDEX" not in environment:
        # To pip all indexes are equal; uv would take a package from the first that knows its name and look no further.
        result.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    return result


def _from_files(files: Sequence[Path]) -> Dict[str, str]:
    found: Dict[str, str] = {}
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
        except (OSError, configparser.Error):
            continue
        for section in ("global", "install"):
            if parser.has_section(section):
                found.update({name: value for name, value in parser.items(section) if name in _TO_UV})
    return found


def _pip_files(environment: Mapping[str, str]) -> List[Path]:
    home = Path(environment.get("HOME") or os.path.expanduser("~"))
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    if any(path.exists() for path in (config / "uv" / "uv.toml", Path("/etc/uv/uv.toml"))):
        return []
    named = environment.get("PIP_CONFIG_FILE")
    if named == os.devnull:  # pip's way to say: none at all
        return []
    usual = [Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), home / ".pip" / "pip.conf"]
    return [*usual, config / "pip" / "pip.conf", *([Path(named)] if named else [])]
