"""`[notify]` in config.toml: what it may say, and how a slip is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from lt_agent.protocol.errors import LtError
from lt_controller.notify.config import USUAL, Channel, Settings, load
from lt_controller.wording import say

GOOD = """\
# told to the group
[notify]
language = "zh"
lease_warning = "2d"

[notify.desk]
to = "desktop"
on = ["failed", "lost"]

[notify.group]
to = "feishu"
url_secret = "LAB_HOOK"
sign_secret = "LAB_SIGN"
on = "end"
host = "a100*"
recipe = ["sft*", "dpo"]

[notify.own]
to = "command"
command = ["/usr/local/bin/tell", "--now"]

[notify.dash]
to = "webhook"
url = "https://dash.example/lt"
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return path


def problems(tmp_path: Path, text: str) -> list[tuple[int, str, str, str]]:
    with pytest.raises(LtError) as caught:
        load(write(tmp_path, text))
    assert caught.value.code == "notify_invalid"
    return [(one["line"], one["key"], one["message"], one["hint"]) for one in caught.value.params["problems"]]


def test_every_way_and_filter_is_read(tmp_path: Path) -> None:
    settings = load(write(tmp_path, GOOD))
    assert (settings.language, settings.lease_warning, settings.unreachable_after) == ("zh", 172800.0, 1800.0)
    desk, group, own, dash = settings.channels
    assert desk == Channel("desk", "desktop", ("failed", "lost"))
    assert group.on == ("succeeded", "failed", "stopped", "lost") and group.secrets == ("LAB_HOOK", "LAB_SIGN")
    assert own.command == ("/usr/local/bin/tell", "--now") and own.on == USUAL
    assert dash.url == "https://dash.example/lt" and settings.secrets == ("LAB_HOOK", "LAB_SIGN")
    assert load(tmp_path / "none.toml") == Settings()
    assert load(write(tmp_path, '[tui]\nlanguage = "en"\n')) == Settings()


def test_filters_keep_out_what_does_not_fit() -> None:
    channel = Channel("a", "desktop", ("failed", "lease"), host=("a100*",), recipe=("sft*",))
    assert channel.wants("failed", "a100-2", "sft-lora", "j")
    assert not channel.wants("succeeded", "a100-2", "sft-lora", "j")
    assert not channel.wants("failed", "rtx", "sft-lora", "j") and not channel.wants("failed", "a100", "dpo", "j")
    assert not channel.wants("lease", "a100", "", ""), "it asked for some recipes alone"


@pytest.mark.parametrize(
    ("text", "line", "key", "told"),
    [
        ('[notify.a]\nto = "slak"\n', 2, "notify.a.to", "did you mean slack?"),
        ("[notify.a]\non = 'end'\n", 1, "notify.a.to", "is missing"),
        ('[notify.a]\nto = "desktop"\nhots = "x"\n', 3, "notify.a.hots", "did you mean host?"),
        ('[notify.a]\nto = "desktop"\non = ["fail"]\n', 3, "notify.a.on", "did you mean failed?"),
        ('[notify.a]\nto = "desktop"\non = []\n', 3, "notify.a.on", "at least one"),
        ('[notify.a]\nto = "command"\ncommand = "rm -rf"\n', 3, "notify.a.command", "list of words"),
        ('[notify.a]\nto = "slack"\n', 1, "notify.a.url_secret", "is missing"),
        ('[notify.a]\nto = "slack"\nurl = "https://hooks.slack.com/s/T"\n', 3, "notify.a.url", "lt secret set"),
        ('[notify.a]\nto = "webhook"\nurl = "https://x.example/?token=1"\n', 3, "notify.a.url", "holds a token"),
        ('[notify.a]\nto = "webhook"\nurl = "file:///etc/passwd"\n', 3, "notify.a.url", "must be an address"),
        ('[notify.a]\nto = "webhook"\nurl = "https://["\n', 3, "notify.a.url", "must be an address"),
        ('[notify]\nlanguage = "fr"\n', 2, "notify.language", "must be en or zh"),
        ('[notify]\nlease_warning = "soon"\n', 2, "notify.lease_warning", "length of time"),
        ('[notify]\nlaguage = "zh"\n', 2, "notify.laguage", "did you mean language?"),
        ('notify = "me"\n', 1, "notify", "must be a table"),
        ('[notify."a b"]\nto = "desktop"\n', 1, "notify.a b", "a name has"),
    ],
)
def test_a_slip_is_told_with_its_line(tmp_path: Path, text: str, line: int, key: str, told: str) -> None:
    found = problems(tmp_path, text)
    assert [(one[0], one[1]) for one in found] == [(line, key)]
    assert told in f"{found[0][2]} ({found[0][3]})"


def test_a_secret_in_the_place_of_its_name_is_not_repeated(tmp_path: Path) -> None:
    token = "https://open.feishu.cn/open-apis/bot/v2/hook/0815-geheim"
    path = write(tmp_path, f'[notify.a]\nto = "feishu"\nurl_secret = "{token}"\n')
    with pytest.raises(LtError) as caught:
        load(path)
    for lang in ("en", "zh"):
        assert "geheim" not in str(say(caught.value, lang)) and str(path) in str(say(caught.value, lang))


def test_all_slips_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    found = problems(tmp_path, '[notify.a]\nto = "x"\n\n[notify.b]\nto = "desktop"\nz = 1\n')
    assert [one[0] for one in found] == [2, 6]
    with pytest.raises(LtError, match="config_invalid"):
        load(write(tmp_path, "[notify\n"))
