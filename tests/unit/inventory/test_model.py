"""Addresses, jumps and prices as people write them."""

from __future__ import annotations

import pytest

from lt_inventory.model import Host, Jump, parse_jump, parse_price, parse_target


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("box", (None, "box", 22)),
        ("me@box", ("me", "box", 22)),
        ("me@box:2222", ("me", "box", 2222)),
        ("10.0.0.5:22022", (None, "10.0.0.5", 22022)),
        ("2001:db8::1", (None, "2001:db8::1", 22)),
        ("me@[2001:db8::1]:2222", ("me", "2001:db8::1", 2222)),
        ("[fe80::1%eth0]", (None, "fe80::1%eth0", 22)),
        ("user@domain@box", ("user@domain", "box", 22)),
    ],
)
def test_a_target_is_taken_apart(text: str, parts: tuple[str | None, str, int]) -> None:
    assert parse_target(text) == parts


@pytest.mark.parametrize(
    "text", ["", "@box", "box:", "box:0", "box:99999", "box:x", "-box", "a b", "[::1", "[::1]x", "me@"]
)
def test_what_is_no_target_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_target(text)


def test_a_bare_word_may_be_a_hosts_name() -> None:
    assert parse_jump("gate") == Jump(name="gate", address="gate")
    assert parse_jump("me@gate:2022") == Jump(user="me", address="gate", port=2022)
    assert parse_jump("me@gate:2022").text == "me@gate:2022"


@pytest.mark.parametrize(("text", "price"), [("1.9/h", 1.9), ("2", 2.0), (3, 3.0), ("0.5 /h", 0.5)])
def test_prices_per_hour(text: object, price: float) -> None:
    assert parse_price(text) == price


@pytest.mark.parametrize("text", ["", "cheap", "-1", True, "1/d", float("nan")])
def test_what_is_no_price(text: object) -> None:
    with pytest.raises(ValueError):
        parse_price(text)


def test_the_jobs_environment_has_proxies_and_mirror_and_the_hosts_own_word_wins() -> None:
    host = Host(
        "a", "a", proxies={"https": "http://p"}, hf_endpoint="https://m", variables={"HF_ENDPOINT": "https://n"}
    )
    assert host.environment() == {"https_proxy": "http://p", "HTTPS_PROXY": "http://p", "HF_ENDPOINT": "https://n"}


def test_a_target_for_messages() -> None:
    assert Host("a", "box", user="me", port=2222).target == "me@box:2222"
    assert Host("a", "::1", port=22).target == "[::1]"
