"""SQLite's file is locked, full or not to be written: 503 meanwhile, and nothing is lost."""

import contextlib
import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import time

import pytest
from faults.cluster import HASHING, Cluster
from faults.load import Load, readable

pytestmark = pytest.mark.faults

LOCK_TIMEOUT = 500


@contextlib.contextmanager
def locked(cluster, file):
    """Another process writes, and does not come to an end."""
    del cluster
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


@contextlib.contextmanager
def too_large(cluster, file):
    """No file may grow: writing fails, as on a full disk, but with EFBIG."""
    limit = file.with_name(f"{file.name}-wal").stat().st_size
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in cluster.pids}
    for pid, (_soft, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, hard))
    yield
    for pid, limits in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


@contextlib.contextmanager
def full(cluster, file):
    """The disk has no room."""
    del cluster
    ballast = file.with_name("ballast")
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as growing:
        while True:
            growing.write(bytes(512))
    yield
    ballast.unlink()


@contextlib.contextmanager
def immutable(cluster, file):
    """Nobody may write the database's files, root neither."""
    del cluster
    files = [file, file.with_name(f"{file.name}-wal")]
    do("chattr", "+i", *files)
    try:
        yield
    finally:
        do("chattr", "-i", *files)


def do(command, *arguments):
    """Run a command of the system's; it is none of the virtual environment's."""
    subprocess.run([shutil.which(command) or command, *arguments], check=True, capture_output=True)


def may(*command):
    """Does the machine let us?"""
    try:
        do(*command)
    except (OSError, subprocess.CalledProcessError):
        return False
    return True


def may_protect():
    """Does it let us make files immutable, where tests have theirs?"""
    with tempfile.NamedTemporaryFile() as file:
        return may("chattr", "+i", file.name) and may("chattr", "-i", file.name)


@contextlib.contextmanager
def small_disk(directory):
    """A file system of four megabytes."""
    do("mount", "-t", "tmpfs", "-o", "size=4m", "none", directory)
    try:
        yield
    finally:
        do("umount", "-l", directory)


FAULTS = [locked, too_large]
# Only root may have a disk of any size, and files that nobody may write; in some containers not
# even root.
if os.geteuid() == 0 and may("unshare", "-m", "mount", "-t", "tmpfs", "none", "/mnt"):
    FAULTS.append(full)
if os.geteuid() == 0 and may_protect():
    FAULTS.append(immutable)


@pytest.fixture(params=FAULTS, ids=lambda fault: fault.__name__)
def fault(request):
    return request.param


def test_it_refuses_to_write_until_the_file_is_well_again(tmp_path, figures, fault):
    directory = tmp_path / "data"
    directory.mkdir()
    file = directory / "service.sqlite"
    url = f"sqlite:///{file}"
    with contextlib.ExitStack() as stack:
        if fault is full:
            stack.enter_context(small_disk(directory))
        cluster = stack.enter_context(Cluster(tmp_path, url, 2, lock_timeout=LOCK_TIMEOUT))
        token = cluster.log_in("admin@example.com", admin=True)
        with Load(cluster, token, figures) as load:
            load.wait_for(60)
            before = [cluster.holdings(number) for number in range(2)]
            for _time in range(3):
                figures["faults injected"] += 1
                with fault(cluster, file):
                    load.wait_for_refusals(20)
                    began = time.monotonic()
                    # Who only reads does not notice.
                    assert readable(cluster, 0, token)
                    assert time.monotonic() - began < LOCK_TIMEOUT / 1000 + 2
                load.wait_for(30)
        for number in range(2):
            assert cluster.holdings(number)["task"] <= before[number]["task"] + HASHING
        load.check(url)
        assert load.slowest < 10
        assert "Traceback" not in cluster.logs()
