"""Pictures of a window as PNG with a palette: a third of what Chromium writes, and as readable."""

from __future__ import annotations

import base64
import struct
import zlib
from pathlib import Path

import numpy as np
from playwright.sync_api import Page

COLOURS = 256
PALETTE = 3
HEAVIEST = 150_000
PIXELS = """async png => {
    const picture = await createImageBitmap(await (await fetch(png)).blob());
    const {width, height} = picture;
    const canvas = new OffscreenCanvas(width, height).getContext("2d");
    canvas.drawImage(picture, 0, 0);
    const bytes = new Blob([canvas.getImageData(0, 0, width, height).data]);
    const text = await new Promise(done => {
        const reader = new FileReader();
        reader.onload = () => done(reader.result);
        reader.readAsDataURL(bytes);
    });
    return [width, height, text.split(",")[1]];
}"""


def take_picture(page: Page, path: Path) -> None:
    """Keep what the window shows."""
    window = page.context.browser
    assert window is not None
    png = base64.b64encode(page.screenshot()).decode()
    blank = window.new_page()
    width, height, pixels = blank.evaluate(PIXELS, f"data:image/png;base64,{png}")
    blank.close()
    colours = np.frombuffer(base64.b64decode(pixels), np.uint8).reshape(-1, 4)[:, :3]
    path.write_bytes(_png(width, height, *_with_palette(colours)))
    assert path.stat().st_size <= HEAVIEST, path


def _with_palette(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The most frequent colours, and for each pixel the nearest of them."""
    found, of_pixel, count = np.unique(pixels, axis=0, return_inverse=True, return_counts=True)
    palette = found[np.argsort(-count)[:COLOURS]]
    apart = found[:, None, :].astype(int) - palette[None, :, :].astype(int)
    nearest = (apart**2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    return palette, nearest[of_pixel.reshape(-1)]


def _png(width: int, height: int, palette: np.ndarray, indexes: np.ndarray) -> bytes:
    rows = np.zeros((height, 1 + width), np.uint8)  # each row begins with its filter: none
    rows[:, 1:] = indexes.reshape(height, width)
    header = struct.pack(">IIBBBBB", width, height, 8, PALETTE, 0, 0, 0)
    chunks = (
        (b"IHDR", header),
        (b"PLTE", palette.tobytes()),
        (b"IDAT", zlib.compress(rows.tobytes(), 9)),
        (b"IEND", b""),
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, content) for name, content in chunks)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check
