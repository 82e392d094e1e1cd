"""Opens sets with data tools and prints what each found: a SHA-256 of the pixels, and the labels.

Shares no code with the service. Usage: open-sets.py ORIGIN QUERY CASE...
"""

import hashlib
import io
import json
import struct
import subprocess
import sys
import tempfile
import traceback
import urllib.request
import zlib

origin, query, *cases = sys.argv[1:]


def url(extension, more=""):
    return f"{origin}/dataset.{extension}?{query}{more}"


def fetch(address):
    with urllib.request.urlopen(address) as answer:
        return answer.read()


def unfold_png(png):
    """Reads a grey PNG without row filters by its specification."""
    width, height = struct.unpack(">II", png[16:24])
    at, data = 8, b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        content = png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + content) == struct.unpack(">I", png[at + 8 + length : at + 12 + length])[0]
        data += content if kind == b"IDAT" else b""
        at += length + 12
    rows = zlib.decompress(data)
    assert len(rows) == height * (width + 1)
    return b"".join(rows[y * (width + 1) + 1 : (y + 1) * (width + 1)] for y in range(height))


def split_columns(table):
    """Splits a two-dimensional array: the label, then the pixels."""
    return table[:, 1:].astype("uint8").tobytes(), table[:, 0].tolist()


def open_numpy_npz():
    import numpy as np

    # Reads the end first, as a ZIP needs it.
    arrays = np.load(io.BytesIO(fetch(url("npz"))))
    assert arrays["images"].dtype == np.uint8 and arrays["images"].ndim == 3
    return arrays["images"].tobytes(), arrays["labels"].tolist()


def open_numpy_npy():
    import numpy as np

    images = np.load(io.BytesIO(fetch(url("npy"))))
    labels = np.load(io.BytesIO(fetch(url("npy", "&part=labels"))))
    return images.tobytes(), labels.tolist()


def open_pandas_csv():
    import pandas as pd

    return split_columns(pd.read_csv(url("csv")).to_numpy())


def open_pandas_ndjson():
    import pandas as pd

    frame = pd.read_json(url("ndjson"), lines=True)
    return b"".join(bytes(row) for row in frame["pixels"]), frame["label"].tolist()


def open_pandas_parquet():
    import pandas as pd

    frame = pd.read_parquet(url("parquet"))
    assert [each["path"] for each in frame["image"]] == [None] * len(frame)
    return b"".join(unfold_png(each["bytes"]) for each in frame["image"]), frame["label"].tolist()


def open_pyarrow_parquet():
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(fetch(url("parquet"))))
    features = json.loads(table.schema.metadata[b"huggingface"])["info"]["features"]
    assert features["image"] == {"_type": "Image"}
    assert features["label"]["_type"] == "ClassLabel" and len(features["label"]["names"]) == 10
    return (
        b"".join(unfold_png(each["bytes"]) for each in table["image"].to_pylist()),
        table["label"].to_pylist(),
    )


def open_polars_csv():
    import polars as pl

    return split_columns(pl.read_csv(url("csv")).to_numpy())


def open_polars_ndjson():
    import polars as pl

    frame = pl.read_ndjson(url("ndjson"))
    return b"".join(bytes(row) for row in frame["pixels"].to_list()), frame["label"].to_list()


def open_polars_parquet():
    import polars as pl

    frame = pl.scan_parquet(url("parquet")).collect()
    return (
        b"".join(unfold_png(each["bytes"]) for each in frame["image"].to_list()),
        frame["label"].to_list(),
    )


def connect_duckdb():
    """Connects, with the extension for HTTP from its package, since downloads need a network."""
    import pathlib

    import duckdb
    import duckdb_extension_httpfs

    folder = pathlib.Path(duckdb_extension_httpfs.__file__).parent
    connection = duckdb.connect()
    connection.execute(f"LOAD '{next(folder.rglob('httpfs.duckdb_extension'))}'")
    return connection


def open_duckdb_csv():
    import numpy as np

    columns = connect_duckdb().sql(f"FROM read_csv('{url('csv')}')").fetchnumpy()
    return split_columns(np.stack(list(columns.values()), 1))


def open_duckdb_ndjson():
    rows = connect_duckdb().sql(f"SELECT pixels, label FROM read_ndjson('{url('ndjson')}')").fetchall()
    return b"".join(bytes(pixels) for pixels, _ in rows), [label for _, label in rows]


def open_duckdb_parquet():
    rows = connect_duckdb().sql(f"SELECT image.bytes, label FROM '{url('parquet')}'").fetchall()
    return b"".join(unfold_png(png) for png, _ in rows), [label for _, label in rows]


def open_datasets_parquet():
    import numpy as np
    from datasets import ClassLabel, Image, load_dataset

    with tempfile.TemporaryDirectory() as cache:
        rows = load_dataset("parquet", data_files=url("parquet"), split="train", cache_dir=cache)
        assert isinstance(rows.features["image"], Image)
        assert isinstance(rows.features["label"], ClassLabel)
        assert rows.features["label"].names == [str(digit) for digit in range(10)]
        images = b"".join(np.asarray(row["image"]).tobytes() for row in rows)
        return images, [row["label"] for row in rows]


def write_mnist(folder, suffix):
    """Downloads a set under the names that loaders of MNIST expect."""
    for part, name in ("images", "train-images-idx3-ubyte"), ("labels", "train-labels-idx1-ubyte"):
        extension = "idx.gz" if suffix else "idx"
        with open(f"{folder}/{name}{suffix}", "wb") as file:
            file.write(fetch(url(extension, f"&part={part}")))


def open_torchvision_mnist():
    import os

    from torchvision.datasets import MNIST

    with tempfile.TemporaryDirectory() as root:
        folder = f"{root}/MNIST/raw"
        os.makedirs(folder)
        write_mnist(folder, "")
        for name in "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte":
            os.symlink(f"{folder}/{name.replace('t10k', 'train')}", f"{folder}/{name}")
        digits = MNIST(root, train=True, download=False)
        return digits.data.numpy().tobytes(), digits.targets.tolist()


def open_torch_npz():
    import numpy as np
    import torch
    from torch.utils.data import DataLoader, TensorDataset

    arrays = np.load(io.BytesIO(fetch(url("npz"))))
    images, labels = torch.from_numpy(arrays["images"]), torch.from_numpy(arrays["labels"])
    batches = list(DataLoader(TensorDataset(images, labels), batch_size=64))
    return (
        torch.cat([batch for batch, _ in batches]).numpy().tobytes(),
        torch.cat([batch for _, batch in batches]).tolist(),
    )


def open_keras_npz():
    import keras
    import numpy as np

    with tempfile.TemporaryDirectory() as cache:
        path = keras.utils.get_file("digits.npz", url("npz"), cache_dir=cache)
        with np.load(path) as arrays:
            return arrays["images"].tobytes(), arrays["labels"].tolist()


def open_tensorflow_npz():
    import numpy as np
    import tensorflow as tf

    arrays = np.load(io.BytesIO(fetch(url("npz"))))
    pairs = tf.data.Dataset.from_tensor_slices((arrays["images"], arrays["labels"])).batch(64)
    batches = list(pairs.as_numpy_iterator())
    images = np.concatenate([batch for batch, _ in batches])
    return images.tobytes(), np.concatenate([batch for _, batch in batches]).tolist()


def open_gzip_idx():
    with tempfile.TemporaryDirectory() as folder:
        write_mnist(folder, ".gz")
        images = subprocess.check_output(["gzip", "-dc", f"{folder}/train-images-idx3-ubyte.gz"])
        labels = subprocess.check_output(["gzip", "-dc", f"{folder}/train-labels-idx1-ubyte.gz"])
        return images[16:], list(labels[8:])


def describe(case):
    """Describes what a tool found, or how it failed."""
    try:
        pixels, labels = globals()[f"open_{case}"]()
        return {
            "pixels": hashlib.sha256(pixels).hexdigest(),
            "labels": [int(label) for label in labels],
        }
    except Exception:
        return {"failure": traceback.format_exc()}


print(json.dumps({case: describe(case) for case in cases}))
