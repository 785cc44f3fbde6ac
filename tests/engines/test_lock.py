"""The lock under which KeOps compiles: private, harmless, and not for ever."""

import os
import stat
import tempfile
import threading

import pytest

from skdrift.engines import _lock
from skdrift.engines._lock import lock_of_keops, one_at_a_time

fcntl = pytest.importorskip("fcntl")


@pytest.fixture(params=["KEOPS_CACHE_FOLDER", "HOME"])
def path(request, tmp_path, monkeypatch):
    """Where the lock is, in a folder that does not exist yet."""
    monkeypatch.delenv("KEOPS_CACHE_FOLDER", raising=False)
    monkeypatch.setenv(request.param, str(tmp_path / "folder"))
    return lock_of_keops()


@pytest.fixture
def prepared(path):
    os.makedirs(os.path.dirname(path))
    return path


def test_it_is_private_and_not_in_the_shared_folder(path):
    with one_at_a_time():
        mode = os.stat(path).st_mode
        assert stat.S_IMODE(mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
        with open(path) as file, pytest.raises(BlockingIOError):
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with open(path) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_by_default_it_is_in_the_folder_of_the_user(monkeypatch):
    monkeypatch.delenv("KEOPS_CACHE_FOLDER", raising=False)
    assert lock_of_keops().startswith(os.path.expanduser("~"))
    monkeypatch.setenv("HOME", "/somewhere")
    assert not lock_of_keops().startswith(tempfile.gettempdir())


@pytest.mark.parametrize("kind", ["link", "dangling link", "folder", "pipe"])
def test_what_is_no_file_of_the_user_is_refused_and_left_alone(
    kind, prepared, tmp_path
):
    victim = tmp_path / "victim"
    if kind != "dangling link":
        victim.write_text("precious")
    if "link" in kind:
        os.symlink(victim, prepared)
    elif kind == "folder":
        os.mkdir(prepared)
    else:
        os.mkfifo(prepared)
    with pytest.raises(RuntimeError, match=r"file of your own.*Delete it"):
        with one_at_a_time():
            pass
    if kind == "dangling link":
        assert not victim.exists()
    else:
        assert victim.read_text() == "precious"


def test_a_file_of_another_user_is_refused(prepared, monkeypatch):
    with open(prepared, "w"):
        pass
    monkeypatch.setattr(_lock, "lock_of_keops", lambda: prepared)
    monkeypatch.setattr(os, "getuid", lambda: os.stat(prepared).st_uid + 1)
    with pytest.raises(RuntimeError, match="another user's"):
        with one_at_a_time():
            pass


def test_nothing_is_truncated(prepared):
    with open(prepared, "w") as file:
        file.write("precious")
    with one_at_a_time():
        pass
    assert open(prepared).read() == "precious"


def test_it_does_not_wait_for_ever(prepared, monkeypatch):
    monkeypatch.setattr(_lock, "_PATIENCE", 0.2)
    with open(prepared, "w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        with pytest.raises(RuntimeError, match=r"Another process has held the lock"):
            with one_at_a_time():
                pass
    with one_at_a_time():  # released
        pass


def test_it_waits_for_its_turn(path):
    order, entered, leave = [], threading.Event(), threading.Event()

    def first():
        with one_at_a_time():
            entered.set()
            leave.wait(10)
            order.append("first")

    def second():
        with one_at_a_time():
            order.append("second")

    threads = [threading.Thread(target=f) for f in (first, second)]
    threads[0].start()
    entered.wait(10)
    threads[1].start()
    threads[1].join(0.3)
    assert order == []
    leave.set()
    for thread in threads:
        thread.join(10)
    assert order == ["first", "second"]


def test_without_a_place_for_it_there_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KEOPS_CACHE_FOLDER", str(tmp_path / "file" / "cache"))
    with one_at_a_time():
        pass
