"""Checks a job of argv[1] digits that the reader of docs/jobs.md, which stands before, has read."""

import sys
import time

RANGES, RANGE = 8, 1000  # Compared with /dataset, which draws them again.

started = time.monotonic()
images, labels = read_job(os.environ["JOB_URL"])
read_seconds = time.monotonic() - started

job = json.loads(get(os.environ["JOB_URL"]))
counts = np.bincount(labels, minlength=10)
rng = np.random.default_rng(int(os.environ["CHECK_SEED"]))
differing = 0
for first in [0, job["n"] - RANGE, *rng.integers(0, job["n"] - RANGE, RANGES - 2)]:
    for part, whole in (("images", images), ("labels", labels)):
        query = f"seed={job['seed']}&n={RANGE}&start={first + job['start']}&part={part}"
        model = f"{job['model']['name']}@{job['model']['version']}"
        url = f"{os.environ['ORIGIN']}/dataset.npy?{query}&model={model}"
        drawn = np.load(io.BytesIO(get(url)))
        differing += int(np.count_nonzero(drawn != whole[first : first + RANGE]))
blank = int(np.count_nonzero(images.reshape(len(images), -1).max(axis=1) == 0))
# Finds a shard that stands for two: no digit is drawn twice.
sample = images[:: max(1, len(images) // 20_000)]
sums = np.unique(np.packbits(sample.reshape(-1, 784) > 127, axis=1), axis=0)
print(
    json.dumps(
        {
            "numpy": np.__version__,
            "images": list(images.shape),
            "labels": list(labels.shape),
            "dtype": str(images.dtype),
            "counts": counts.tolist(),
            "blank": blank,
            "distinct": len(sums),
            "sampled": len(sample),
            "compared": RANGES * RANGE,
            "differing": differing,
            "ink": float(images.mean(dtype=np.float64) / 255),
            "readSeconds": read_seconds,
        }
    )
)
n = int(sys.argv[1])
assert images.shape == (n, 28, 28) and images.dtype == np.uint8, "NumPy has not all images"
assert labels.shape == (n,), "NumPy has not all labels"
# Five standard deviations of a fair draw.
assert np.all(np.abs(counts - n / 10) < 5 * np.sqrt(n * 0.09)), "labels are not in balance"
assert blank == 0, "a digit is blank"
assert len(sums) > 0.99 * len(sample), "digits are the same"
assert differing == 0, "digits are not those of /dataset"
