"""Packs pictures as PNG with other programs, for bench/suites/png.ts.

    python png_peers.py PICTURES

PICTURES is a JSON file, a list of {"file", "pixels", "width", "height", "filter"}: a PNG, its grey
pixels, and the row filter (0 to 4) that packers of rows alone get. Prints JSON: for each packer a
list of {"bytes", "ms"} in the same order.
"""

import json
import sys
import time

import deflate
import oxipng
import zopfli.png

# Signature, IHDR, IEND and the frame of IDAT, which packers of rows alone do not write.
FRAME_BYTES = 57


def filter_rows(pixels: bytes, width: int, height: int, kind: int) -> bytes:
    if kind == 0:
        return b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    rows = []
    above = bytes(width)
    for y in range(height):
        row = pixels[y * width : (y + 1) * width]
        out = bytearray([4])
        for x in range(width):
            a = row[x - 1] if x else 0
            c = above[x - 1] if x else 0
            b = above[x]
            p = a + b - c
            pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
            out.append((row[x] - (a if pa <= pb and pa <= pc else b if pb <= pc else c)) & 255)
        rows.append(bytes(out))
        above = row
    return b"".join(rows)


def measure(pack, value, frame: int, repeats: int) -> dict:
    best = float("inf")
    for _ in range(repeats):
        began = time.perf_counter()
        size = len(pack(value))
        best = min(best, time.perf_counter() - began)
    return {"bytes": size + frame, "ms": best * 1000}


with open(sys.argv[1]) as file:
    pictures = json.load(file)
LIBDEFLATE, OXIPNG, ZOPFLI = "libdeflate, level 12", "oxipng, level 6", "zopfli, 15 iterations"
results: dict[str, list] = {LIBDEFLATE: [], OXIPNG: [], ZOPFLI: []}
for picture in pictures:
    with open(picture["file"], "rb") as file:
        png = file.read()
    with open(picture["pixels"], "rb") as file:
        pixels = file.read()
    rows = filter_rows(pixels, picture["width"], picture["height"], picture["filter"])
    for name, pack, value, frame, repeats in (
        (LIBDEFLATE, lambda data: deflate.zlib_compress(data, 12), rows, FRAME_BYTES, 5),
        (OXIPNG, lambda data: oxipng.optimize_from_memory(data, level=6), png, 0, 1),
        (ZOPFLI, lambda data: zopfli.png.optimize(data, num_iterations=15), png, 0, 1),
    ):
        results[name].append(measure(pack, value, frame, repeats))
json.dump(results, sys.stdout)
