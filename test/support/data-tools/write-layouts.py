"""Writes one set of pictures in the layouts of NumPy, Kaggle, Hugging Face and MNIST's kin."""

import csv
import gzip
import json
import pathlib
import pickle
import struct
import sys
import tarfile
import zipfile

import numpy
import pyarrow
import pyarrow.ipc
import pyarrow.parquet

root = pathlib.Path(sys.argv[1])
# 12 pictures of 8 x 8, six of them for tests; the pictures of a class differ in one place.
train = (numpy.arange(12 * 64).reshape(12, 8, 8) * 7 % 251 + 2).astype(numpy.uint8)
labels = (numpy.arange(12) % 3).astype(numpy.uint8)
test, test_labels = train[:6] // 2 + 1, labels[:6]
rgb = numpy.stack([train, train[:, ::-1], train.transpose(0, 2, 1)], axis=3)


def place(name):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


# NumPy: bytes with keras' names, floats, channels first, one-hot labels, files of one array each.
numpy.savez_compressed(
    place("keras.npz"), x_train=train, y_train=labels, x_test=test, y_test=test_labels
)
numpy.savez(place("floats.npz"), images=train / 255, labels=labels.astype(numpy.int64))
numpy.savez(
    place("signed.npz"),
    images=(rgb.transpose(0, 3, 1, 2) / 127.5 - 1).astype(numpy.float16),
    labels=numpy.eye(3)[labels],
)
numpy.savez(
    place("medmnist.npz"),
    train_images=rgb,
    train_labels=labels.reshape(-1, 1),
    val_images=rgb[:2],
    val_labels=labels[:2].reshape(-1, 1),
)
for part, images, targets in (("train", train, labels), ("test", test, test_labels)):
    numpy.savez_compressed(place(f"kmnist/kmnist-{part}-imgs.npz"), images)
    numpy.savez_compressed(place(f"kmnist/kmnist-{part}-labels.npz"), targets)
for label, name in enumerate(("cat", "dog", "eel")):
    numpy.save(place(f"quickdraw/{name}.npy"), train[labels == label].reshape(-1, 64))
numpy.savez(
    place("more.npz"), imgs=train, labels=labels, latents=train[:, 0, :6], names=numpy.array(["a"])
)
words = ["cat", "dog", "eel"]
numpy.savez(place("words.npz"), images=numpy.asfortranarray(train), labels=numpy.array(words)[labels])
numpy.savez(place("bytes.npz"), x=train, y=numpy.array(words, dtype="S")[labels])
numpy.savez(place("named.npz"), images=train, labels=labels, class_names=words)
numpy.savez(place("objects.npz"), x=train, y=numpy.array(words, dtype=object)[labels])
numpy.savez(place("npzs/train.npz"), x=train, y=labels)
numpy.savez(place("npzs/test.npz"), x=test, y=test_labels)
numpy.savez(place("ids.npz"), images=train, id=numpy.arange(12), label=labels)
numpy.savez(place("files.npz"), images=train, labels=labels, filenames=[f"{i}.png" for i in range(12)])
numpy.save(place("dictionary/set.npy"), {"images": list(train), "labels": numpy.array(words)[labels]})
pixels = train.reshape(12, 64) / 255
place("pickled/mnist.pkl.gz").write_bytes(
    gzip.compress(pickle.dumps(((pixels, labels), (pixels[:6], labels[:6])), 2))
)
for part, images, targets in (("train", train, labels), ("test", test, test_labels)):
    numpy.save(place(f"parted/{part}/images.npy"), images)
    numpy.save(place(f"parted/{part}/labels.npy"), targets)
for i, picture in enumerate(train):
    numpy.save(place(f"single/{words[i % 3]}/{i:02}.npy"), picture)
for name, content in (("classes.txt", "cat\ndog\neel\n"), ("class_names.json", '{"cat": 0, "dog": 1, "eel": 2}')):
    numpy.save(place(f"{name}.d/images.npy"), train)
    numpy.savetxt(place(f"{name}.d/labels.txt"), labels)
    place(f"{name}.d/{name}").write_text(content)
numpy.savez(
    place("numbered/mnist_all.npz"),
    **{f"train{y}": train[labels == y] for y in range(3)},
    **{f"test{y}": test[test_labels == y] for y in range(3)},
)
bad = train / 255
bad[5, 3, 3] = numpy.nan
numpy.savez(place("nan.npz"), images=bad)
# Names of parts and labels in all forms.
for names in ("Xtr ytr Xte yte", "Xtrain ytrain Xtest ytest", "trainX trainY testX testY", "X_tr Y_tr X_te Y_te", "trainimages trainlabels testimages testlabels", "imgs_trn lbls_trn imgs_tst lbls_tst"):
    arrays = dict(zip(names.split(), (train, labels, test, test_labels)))
    numpy.savez(place(f"names/{names.split()[0]}.d/a.npz"), **arrays)
for name, array in arrays.items():
    numpy.savetxt(place(f"names/tables/{name}.csv"), array.reshape(len(array), -1), "%d", ",")


class Bunch(dict):
    pass


bunch = Bunch(data=train.reshape(12, 64), target=labels, images=train, DESCR="text")
place("bunch/digits.pkl").write_bytes(pickle.dumps(bunch))
place("pairs/a.pkl").write_bytes(pickle.dumps(list(zip(train, labels.tolist()))))
place("rows/a.pkl").write_bytes(pickle.dumps([{"image": x, "label": words[y]} for x, y in zip(train, labels)]))
numpy.savez(place("four.npz"), train, numpy.eye(3)[labels], test, numpy.eye(3)[test_labels])
place("four/a.pkl").write_bytes(pickle.dumps([train, test, labels, test_labels]))
for protocol in (2, 5):
    place(f"scalars-{protocol}/a.pkl").write_bytes(pickle.dumps(list(zip(train, numpy.array(words)[labels])), protocol))
place("scalars/a.pkl").write_bytes(pickle.dumps({"data": train, "labels": list(labels.astype(">i8"))}))
place("old/a.pkl").write_bytes(pickle.dumps({"data": train, "labels": labels}, 0))
frame = b"\x80\x02cpandas.core.frame\nDataFrame\n)\x81."
place("frame/a.pkl").write_bytes(frame)

# Kaggle: a header and a label first, no label in test.csv, no header at all, pixels in one cell.
names = [f"pixel{i}" for i in range(64)]


def write_csv(name, header, rows):
    with place(name).open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([header] if header else [])
        writer.writerows(rows)


flat, flat_test = train.reshape(12, 64).tolist(), test.reshape(6, 64).tolist()
labelled = [[label, *row] for label, row in zip(labels.tolist(), flat)]
write_csv("kaggle/train.csv", ["label", *names], labelled)
write_csv("kaggle/test.csv", names, flat_test)
write_csv("kaggle/sample_submission.csv", ["ImageId", "Label"], [[1, 0], [2, 0]])
write_csv("plain.csv", None, labelled)
write_csv("words.csv", None, [[*row[1:], words[row[0]]] for row in labelled])
write_csv(
    "fer.csv",
    ["emotion", "pixels", "Usage"],
    [[words[y], " ".join(map(str, x)), "Training"] for y, x in zip(labels.tolist(), flat)]
    + [["cat", " ".join(map(str, x)), "PublicTest"] for x in flat_test],
)
write_csv("missing.csv", ["label", *names[:17], *names[18:]], [row[:18] + row[19:] for row in labelled])
write_csv("short.csv", ["label", *names], [*labelled * 5, labelled[0][:40]])

# Pandas and NumPy: the numbers of the rows, columns that are counted, a picture for a header.
counted = [[i, *row] for i, row in enumerate(labelled)]
write_csv("indexed.csv", None, [[i, *row] for i, row in enumerate(flat)])
write_csv("shuffled.csv", None, [[59_000 - 7 * i, *row] for i, row in enumerate(labelled)])
write_csv("indexed-labels.csv", None, counted)
write_csv("counted.csv", range(64), flat)
write_csv("counted-last.csv", ["", *range(65)], [[i, *x, y] for i, (x, y) in enumerate(zip(flat, labels))])
write_csv("mangled.csv", [1, 0, *[f"0.{i}" for i in range(1, 64)]], [[i % 3, *[0] * 63, 200] for i in range(9)])
numpy.savetxt(place("savetxt.txt"), labelled)
write_csv("flags.csv", [*names, "class_0", "class_1", "class_2"], [[*x, *numpy.eye(3, dtype=int)[y]] for x, y in zip(flat, labels)])
place("wide.csv").write_text(place("plain.csv").read_text(), "utf-16")
european = [";".join([str(y), *[f"{v / 255:.4f}".replace(".", ",") for v in x]]) for x, y in zip(flat, labels)]
place("european.csv").write_text("\n".join(european))
write_csv("emnist-letters-train.csv", None, [[y, *x.T.flatten()] for x, y in zip(train, labels)])
for label, name in enumerate(words):
    write_csv(f"tables/{name}.csv", names, [x for x, y in zip(flat, labels) if y == label])
write_csv("words-indexed.csv", None, [[i, words[y], *x] for i, (x, y) in enumerate(zip(flat, labels))])
# Lists of numbers in a cell, in forms of Python, NumPy and JSON; colours in lists of three.
lists = [[words[y], x] for x, y in zip(flat, labels)]
write_csv("lists.csv", ["label", "image"], [[y, str(x)] for y, x in lists])
write_csv("numpy.csv", ["image", "label"], [[str(x), words[y]] for x, y in zip(train, labels)])
write_csv("planes.csv", ["label", "image"], [[words[y], str(x.transpose(2, 0, 1).tolist())] for x, y in zip(rgb, labels)])
write_csv("two.csv", ["emotion", "pixels"], [[y, " ".join(map(str, x))] for y, x in lists])
write_csv("odd-lists.csv", ["label", "image"], [[y, str(x)] for y, x in [*lists * 5, ["cat", [1, 2]]]])
rows = [{"label": y, "image": x} for y, x in lists]
place("records/a.json").write_text(json.dumps(rows))
place("lines/train.jsonl").write_text("\n".join(map(json.dumps, rows)))
place("lines/test.jsonl").write_text("\n".join(map(json.dumps, rows[:6])))
place("columns/a.json").write_text(json.dumps({"images": train.tolist(), "labels": [y for y, _ in lists]}))
for name, text in (("one-hot", numpy.eye(3)[labels]), ("pandas", labels.reshape(-1, 1))):
    write_csv(f"{name}/X_train.csv", names, flat)
    write_csv(f"{name}/y_train.csv", range(text.shape[1]), text)
write_csv("one-hot-bare/X_train.csv", None, flat)
write_csv("one-hot-bare/y_train.csv", None, numpy.eye(3, dtype=int)[labels])

# Hugging Face: PNG files in a column of structs, with the classes' names in the metadata.
pngs = [path.read_bytes() for path in sorted((root / "pngs").iterdir())]
kinds = ["zebra", "ant", "moth", "unused"]


def write_parquet(name, labels, features, compression="snappy"):
    images = [{"bytes": png, "path": None} for png in pngs]
    table = pyarrow.table({"image": images, "label": pyarrow.array(labels, pyarrow.int64())})
    info = json.dumps({"info": {"features": features}})
    table = table.replace_schema_metadata({"huggingface": info})
    if name.endswith(".arrow"):
        with pyarrow.ipc.new_stream(place(name), table.schema) as stream:
            stream.write_table(table, max_chunksize=5)
    else:
        pyarrow.parquet.write_table(
            table, place(name), row_group_size=5, compression=compression
        )


features = {"image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": kinds}}
write_parquet("hf/data/train-00000-of-00001.parquet", labels.tolist(), features)
write_parquet("configs/small/train.parquet", labels.tolist(), features)
write_parquet("configs/large/train.parquet", labels.tolist(), features)
write_parquet("hf/data/test-00000-of-00001.parquet", labels.tolist(), features)
write_parquet("beyond/train.parquet", [*labels.tolist()[:11], 4], features)
for compression in ("none", "gzip", "brotli", "zstd", "lz4"):
    write_parquet(f"{compression}/train.parquet", labels.tolist(), features, compression)
write_parquet("saved/train/data-00000-of-00001.arrow", labels.tolist(), features)
write_parquet("saved/test/data-00000-of-00001.arrow", labels.tolist(), features)
write_parquet("saved/train/cache-5f1c2d3e4a5b6c7d.arrow", labels.tolist(), features)
place("saved/train/state.json").write_text("{}")
parts = {
    "image": [{"bytes": png, "path": None} for png in [*pngs, pngs[0]]],
    "is_valid": [False] * 12 + [True],
    "kind": [words[y] for y in [*labels, 0]],
}
pyarrow.parquet.write_table(pyarrow.table(parts), place("parts.parquet"))
place("hf/README.md").write_text("A card.")


described = pyarrow.table({"image": [x for _, x in lists], "label": labels.astype("i8")})
pyarrow.parquet.write_table(
    described.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})}),
    place("described.parquet"),
)

# Labels in lists: one, the place of a 1, or several, and objects.
for name, column in (
    ("listed", [[int(y)] for y in labels]),
    ("one-hot-lists", numpy.eye(3, dtype=bool)[labels].tolist()),
    ("several", [words[:2]] * 12),
    ("objects", [{"name": words[y]} for y in labels]),
):
    images = [{"bytes": png, "path": None} for png in pngs]
    pyarrow.parquet.write_table(pyarrow.table({"image": images, "label": column}), place(f"{name}.parquet"))
    place(f"{name}.jsonl").write_text("\n".join(json.dumps({"image": x, "label": y}) for (_, x), y in zip(lists, column)))


pixels = {"label": [y for y, _ in lists], "image": pyarrow.array(train.tolist(), pyarrow.list_(pyarrow.list_(pyarrow.uint8())))}
pyarrow.parquet.write_table(pyarrow.table(pixels), place("pixels/train-00000-of-00001.parquet"), row_group_size=5)
with pyarrow.ipc.new_stream(place("pixels-arrow/a.arrow"), pyarrow.table(pixels).schema) as stream:
    stream.write_table(pyarrow.table(pixels))
wide = {"label": labels, **{f"pixel{k}": train.reshape(12, 64)[:, k] for k in range(64)}}
pyarrow.parquet.write_table(pyarrow.table(wide), place("wide/train.parquet"))


# MNIST's kin.
def write_idx(name, array, kind=8):
    header = struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape)
    path = place(name)
    with gzip.open(path, "wb") if name.endswith(".gz") else path.open("wb") as file:
        file.write(header + array.tobytes())


for part, images, targets in (("train", train, labels), ("t10k", test, test_labels)):
    for ending in ("", ".gz"):
        write_idx(f"torchvision/MNIST/raw/{part}-images-idx3-ubyte{ending}", images)
        write_idx(f"torchvision/MNIST/raw/{part}-labels-idx1-ubyte{ending}", targets)
for name, array in (("train-images-idx3-ubyte", train), ("train-labels-idx1-ubyte", labels)):
    write_idx(f"folders/{name}/{name}", array)
writers = numpy.full((12, 8), 7, ">i4")
writers[:, 0] = labels
for path, kind in (("qmnist/qmnist-train-labels-idx2-int.gz", 12), ("qmnist-renamed/labels", 12)):
    write_idx(path, writers, kind)
write_idx("qmnist/qmnist-train-images-idx3-ubyte.gz", train)
write_idx("qmnist-renamed/images", train)
write_idx("renamed/my-images.idx3.gz", train)
write_idx("renamed/my-labels.gz", labels)
for part, images, targets in (("train", train, labels), ("test", test, test_labels)):
    for kind in ("letters", "digits"):
        stem = f"emnist/emnist-{kind}-{part}"
        write_idx(f"{stem}-images-idx3-ubyte.gz", images.transpose(0, 2, 1).copy())
        write_idx(f"{stem}-labels-idx1-ubyte.gz", targets + 1)
place("emnist/emnist-letters-mapping.txt").write_text("1 65 97\n2 66 98\n3 67 99\n")

with zipfile.ZipFile(place("emnist.zip"), "w") as archive:
    for path in sorted((root / "emnist").iterdir()):
        archive.write(path, f"gzip/{path.name}")

# CIFAR: each picture is in the corner of one of 32 x 32, its rows in the red pixels.
wide = numpy.zeros((12, 3, 32, 32), numpy.uint8)
wide[:, 0, :8, :8] = train
wide = wide.reshape(12, 3072)


def to_python2(value):
    """Pickles as Python 2 does, whose texts are bytes."""
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return b"T" + struct.pack("<I", len(value)) + value
    if isinstance(value, int):
        return b"K" + bytes([value])
    if isinstance(value, list):
        return b"](" + b"".join(map(to_python2, value)) + b"e"
    if isinstance(value, dict):
        return b"}(" + b"".join(to_python2(x) for pair in value.items() for x in pair) + b"u"
    kind = b"cnumpy\ndtype\n" + to_python2("u1") + b"K\x00K\x01\x87R(K\x03U\x01|NNNK\x00K\x00K\x00tb"
    shape = b"".join(b"M" + struct.pack("<H", size) for size in value.shape) + b"\x86"
    return (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        + b"(K\x01" + shape + kind + b"\x89" + to_python2(value.tobytes()) + b"tb"
    )


def write_cifar(folder, dump):
    parts = {"data_batch_1": slice(0, 6), "data_batch_2": slice(6, 12), "test_batch": slice(0, 3)}
    for name, part in parts.items():
        batch = {"data": wide[part], "labels": labels[part].tolist(), "filenames": ["a.png"]}
        place(f"{folder}/{name}").write_bytes(dump(batch))
    place(f"{folder}/batches.meta").write_bytes(dump({"label_names": words}))


write_cifar("cifar-python-2", lambda value: b"\x80\x02" + to_python2(value) + b".")
for protocol in (2, 3, 4, 5):
    write_cifar(f"cifar-protocol-{protocol}", lambda value: pickle.dumps(value, protocol))
place("evil.pkl").write_bytes(b"\x80\x02cos\nsystem\n(U\x0ftouch /tmp/eviltR.")
write_cifar("cifar-eval", lambda value: b"cos\nsystem\n(Utouch /tmp/evil\ntR.")
for count, folder, names in ((1, "cifar-10-binary", "batches.meta.txt"), (2, "cifar-100-binary", "fine_label_names.txt")):
    name = "data_batch_1.bin" if count == 1 else "train.bin"
    rows = [bytes([label] if count == 1 else [9, label]) + row.tobytes() for label, row in zip(labels.tolist(), wide)]
    place(f"{folder}/{name}").write_bytes(b"".join(rows))
    place(f"{folder}/{names}").write_text("\n".join(words) + "\n\n")
place("cifar-cut/data_batch_1.bin").write_bytes(bytes(5000))
place("cifar-cut/batches.meta.txt").write_text("cat")

# Archives in archives, and tar files, whose three formats keep long paths in different places.
for part in ("training", "test"):
    with zipfile.ZipFile(place(f"zips/{part}.zip"), "w") as archive:
        for path in sorted((root / "splits" / part).rglob("*.png")):
            archive.write(path, f"{path.relative_to(root / 'splits')}")
with zipfile.ZipFile(place("nested.zip"), "w") as archive:
    for path in sorted((root / "zips").iterdir()):
        archive.write(path, path.name)
    archive.writestr("sample_submission.csv", "id,label")
for format, name in enumerate(("ustar", "gnu", "pax")):
    with tarfile.open(place(f"{name}.tar.gz"), "w:gz", format=format) as archive:
        for path in sorted((root / "splits/training").rglob("*.png")):
            inner = path.relative_to(root / "splits/training")
            archive.add(path, f"./{'long/' * 20}{inner.parent}/{'long' * 20}{inner.name}")
with tarfile.open(place("wrapped.tar"), "w") as archive:
    archive.add(root / "pngs", "package")
packed = place("gnu.tar.gz").read_bytes()
for name, content in (("train.tar.zst", gzip.decompress(packed)), ("csv-zst/a.csv.zst", place("plain.csv").read_bytes())):
    with pyarrow.output_stream(place(name), compression="zstd") as stream:
        stream.write(content)
write_csv("nothing.csv", ["label", "image"], [["cat", "[1, 2]"]])
place("cut.tar.gz").write_bytes(packed[: len(packed) // 2])
for name in ("bz2", "xz"):
    place(f"tar-{name}/a.tar.{name}").write_bytes(b"")
    place(f"csv-{name}/a.csv.{name}").write_bytes(b"")
place("sheet/a.xlsx").write_bytes(b"PK")
place("hdf/set.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
place("hdf5.mat").write_bytes(b"MATLAB 7.3 MAT-file".ljust(512))

# Archives that must not be opened: one that would inflate to 4 GB, one with a way out of it.
with zipfile.ZipFile(place("bomb.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
    archive.writestr("a.png", bytes(1000))
bomb = bytearray(place("bomb.zip").read_bytes())
start = bomb.index(b"PK\x01\x02")
bomb[start + 24 : start + 28] = struct.pack("<I", 2**32 - 16)
place("bomb.zip").write_bytes(bomb)
with zipfile.ZipFile(place("out.zip"), "w") as archive:
    archive.writestr("../../a.png", pngs[0])

# Archives of folders that the test wrote.
for name in ("splits", "stylegan"):
    with zipfile.ZipFile(place(f"{name}.zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted((root / name).rglob("*")):
            if path.is_file():
                archive.write(path, f"{path.relative_to(root if name == 'splits' else root / name)}")
        archive.writestr("__MACOSX/._x.png", "junk")
