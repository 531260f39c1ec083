"""Who we are, where the host may not know it either."""

from __future__ import annotations

import getpass
import os

import pytest

from nemotui.adapters.user import user_name


def test_a_user_without_a_name_goes_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert user_name() == str(os.getuid())
    monkeypatch.setattr(getpass, "getuser", lambda: "a\x1b[31mda")
    assert user_name() == "ada"
