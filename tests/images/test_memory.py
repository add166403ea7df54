"""The memory that images are decoded in: one budget for all threads, and what doesn't fit."""

import io
import os
import threading
import time

import numpy as np
import pytest
from PIL import Image

from cxr_duck.images.formats import memory
from cxr_duck.images.formats.examine import examine_image
from cxr_duck.images.formats.memory import TooLargeError, memory_limit, room_for
from cxr_duck.images.pixels.pixels import opened, read_pixels


@pytest.mark.parametrize(
    ("told", "limit"),
    [("300MB", 300_000_000), ("1.5 GiB", 3 * 2**29), ("2gb", 2 * 10**9), ("7TB", 7 * 10**12)],
)
def test_the_limit_is_the_one_that_is_set(
    monkeypatch: pytest.MonkeyPatch, told: str, limit: int
) -> None:
    """$CXR_MEMORY_LIMIT is read as DuckDB reads it."""
    monkeypatch.setenv("CXR_MEMORY_LIMIT", told)
    assert memory_limit() == limit


def test_the_limit_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise it is 1 GB, more where there are many workers, and half of the memory at most."""
    monkeypatch.delenv("CXR_MEMORY_LIMIT", raising=False)
    monkeypatch.setattr(os, "sysconf", lambda name: {"SC_PAGE_SIZE": 2**12}.get(name, 2**23))
    monkeypatch.setenv("CXR_THREADS", "2")
    assert memory_limit() == 10**9
    monkeypatch.setenv("CXR_THREADS", "64")
    assert memory_limit() == 64 * 64 * 10**6
    monkeypatch.setenv("CXR_THREADS", "999")
    assert memory_limit() == 2**34


def test_all_together_never_hold_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many threads want how much, what they hold at a time is within the limit."""
    monkeypatch.setenv("CXR_MEMORY_LIMIT", "100MB")
    lock, held, most = threading.Lock(), 0, 0

    def work(size: int) -> None:
        nonlocal held, most
        for _ in range(5):
            with room_for(size), room_for(10**8):  # more within it is not waited for
                with lock:
                    held += size
                    most = max(most, held)
                time.sleep(0.001)
                with lock:
                    held -= size

    sizes = [10**8, 6 * 10**7, 5 * 10**7, 3 * 10**7, 10**7, 10**7]
    threads = [threading.Thread(target=work, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    assert held == 0
    assert most <= 10**8
    assert memory._room._held == 0


def test_what_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that takes more than the limit is refused with both figures, and is no damage."""
    noise = np.random.default_rng(1).integers(0, 255, (600, 700, 3), np.uint8)
    for form in ("PNG", "JPEG"):
        stream = io.BytesIO()
        Image.fromarray(noise).save(stream, form)
        monkeypatch.setenv("CXR_MEMORY_LIMIT", "1MB")
        said = r"it takes 0\.0\d GB of memory .* together may take 0\.00 GB: set \$CXR_MEMORY_LIMIT"
        with pytest.raises(TooLargeError, match=said):
            read_pixels(io.BytesIO(stream.getvalue()))
        if form == "JPEG":
            verdict = examine_image(io.BytesIO(stream.getvalue()), "film.jpg")
            assert (verdict.verdict, verdict.reason) == ("untested", "too large")
        monkeypatch.setenv("CXR_MEMORY_LIMIT", "100MB")
        with opened(io.BytesIO(stream.getvalue())) as film:
            assert film.pixels.shape == (600, 700)
    assert memory._room._held == 0


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_that_cannot_hold_its_pixels(progressive: bool) -> None:
    """A small JPEG that claims a large size is truncated, before any memory is taken for it."""
    stream = io.BytesIO()
    Image.fromarray(np.zeros((16, 16), np.uint8)).save(stream, "JPEG", progressive=progressive)
    data = bytearray(stream.getvalue())
    frame = data.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    data[frame + 5 : frame + 9] = (13_000).to_bytes(2, "big") * 2
    for quick in (False, True):
        verdict = examine_image(io.BytesIO(bytes(data)), "film.jpg", quick=quick)
        assert (verdict.verdict, verdict.reason) == ("damaged", "truncated")
        assert f"its {len(data):,} bytes can't hold 13,000 x 13,000 pixels" in str(verdict.detail)
    with pytest.raises(OSError, match="can't hold"):
        read_pixels(io.BytesIO(bytes(data)))


def test_the_flattest_jpeg_is_sound() -> None:
    """A large film of one gray, whose blocks have the fewest codes there are, is not refused."""
    for options in ({}, {"progressive": True}, {"optimize": True, "progressive": True}):
        stream = io.BytesIO()
        Image.fromarray(np.full((3000, 2500), 7, np.uint8)).save(stream, "JPEG", **options)
        assert examine_image(io.BytesIO(stream.getvalue()), "film.jpg").reason == "constant"
