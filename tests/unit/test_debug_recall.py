# SPDX-License-Identifier: GPL-2.0-or-later
"""The commands that users have typed before: found again, kept in a file, and never in anybody's way."""

from pathlib import Path

import pytest

from emulator.debug.recall import MOST, Recall, file_of_user


def test_lines_are_found_by_how_they_begin_and_by_what_is_in_them() -> None:
    recall = Recall()
    for line in ("break leaf", "continue", "until leaf", "continue", "continue", ""):
        recall.add(line)
    assert recall.lines == ["break leaf", "continue", "until leaf", "continue"]
    assert recall.before(4, "") == 3 and recall.before(3, "c") == 1 and recall.before(1, "c") is None
    assert recall.before(4, "leaf") is None and recall.before(4, "leaf", anywhere=True) == 2
    assert recall.behind(0, "c") == 1 and recall.behind(1, "c") == 3 and recall.behind(3, "") is None
    assert recall.before(99, "") == 3


def test_they_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "some" / "where" / "history"
    first, second = Recall(file), Recall(file)  # two at once
    first.add("break a")
    second.add("break b")
    assert Recall(file).lines == ["break a", "break b"]
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700


def test_old_ones_go(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.write_text("".join(f"p {number}\n" for number in range(MOST + 5)))
    assert Recall(file).lines == [f"p {number}" for number in range(5, MOST + 5)]
    assert file.read_text().count("\n") == MOST


def test_a_file_that_is_of_no_use_is_no_reason_to_stop(tmp_path: Path) -> None:
    garbage, folder = tmp_path / "garbage", tmp_path / "folder"
    garbage.write_bytes(b"p 1\n\xff\xfe\0\n\n  \np 2")
    folder.mkdir()
    assert [line for line in Recall(garbage).lines if line.startswith("p")] == ["p 1", "p 2"]
    for file in (folder, garbage / "below", Path("/proc/nothing/history"), Path("\0")):
        recall = Recall(file)
        recall.add("continue")
        assert recall.lines == ["continue"]


def test_where_they_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REPLUG_HISTORY", raising=False)
    monkeypatch.setenv("HOME", "/home/somebody")
    for state in ("", "relative"):  # such are to be ignored
        monkeypatch.setenv("XDG_STATE_HOME", state)
        assert file_of_user() == Path("/home/somebody/.local/state/replug/debug_history")
    monkeypatch.setenv("XDG_STATE_HOME", "/state")
    assert file_of_user() == Path("/state/replug/debug_history")
    monkeypatch.setenv("REPLUG_HISTORY", "/else/where")
    assert file_of_user() == Path("/else/where")
    monkeypatch.setenv("REPLUG_HISTORY", "")
    assert file_of_user() is None
