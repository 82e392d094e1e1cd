"""Packs pictures as PNG with other programs.

    png.py FOLDER COUNT

FOLDER has 0.png, 1.png, … and 0.rows, 1.rows, …, the filtered rows that packers of rows alone get.
Prints JSON: for each packer {"bytes": [COUNT], "ms": [COUNT]}.
"""

import json
import sys
import time

import deflate
import oxipng
import zopfli.png

# Signature, IHDR, IEND and the frame of IDAT, which packers of rows alone do not write.
FRAME_BYTES = 57
folder, count = sys.argv[1], int(sys.argv[2])
results = {}
for name, kind, frame, repeats, pack in (
    ("libdeflate, level 12", "rows", FRAME_BYTES, 5, lambda data: deflate.zlib_compress(data, 12)),
    ("oxipng, level 6", "png", 0, 1, lambda data: oxipng.optimize_from_memory(data, level=6)),
    (
        "zopfli, 15 iterations",
        "png",
        0,
        1,
        lambda data: zopfli.png.optimize(data, num_iterations=15),
    ),
):
    results[name] = {"bytes": [], "ms": []}
    for i in range(count):
        with open(f"{folder}/{i}.{kind}", "rb") as file:
            data = file.read()
        times = []
        for _ in range(repeats):
            began = time.perf_counter()
            size = len(pack(data))
            times.append(time.perf_counter() - began)
        results[name]["bytes"].append(size + frame)
        results[name]["ms"].append(min(times) * 1000)
json.dump(results, sys.stdout)
