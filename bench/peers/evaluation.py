"""The figures of an evaluation by other libraries, on one thread.

    evaluation.py REAL SAMPLES DIMENSION K

REAL and SAMPLES are files of float32 numbers, row-major [count, DIMENSION]. Prints JSON: the
values, and the milliseconds of each. Precision, recall, density and coverage are prdc's. The Frechet
distance is computed as Heusel et al. 2017 do, with SciPy's square root of a matrix. The kernel
distance (Binkowski et al. 2018, third-degree kernel) is computed over all points, with NumPy.
"""

import contextlib
import io
import json
import platform
import sys
import time

import numpy as np
import prdc
import scipy
import sklearn
from scipy import linalg


def compute_neighbours(real, samples, k):
    with contextlib.redirect_stdout(io.StringIO()):  # It prints the counts.
        values = prdc.compute_prdc(real, samples, nearest_k=k)
    return {name: float(value) for name, value in values.items()}


def compute_frechet(real, samples):
    real, samples = real.astype(np.float64), samples.astype(np.float64)
    shift = real.mean(axis=0) - samples.mean(axis=0)
    a, b = np.cov(real, rowvar=False), np.cov(samples, rowvar=False)
    root = linalg.sqrtm(a @ b)
    return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(root.real))


def compute_kernel(real, samples):
    # The kernel depends on scale: both sides bring real features to a mean square of 1.
    scale = 1 / np.sqrt(np.mean(real.astype(np.float64) ** 2))
    x, y = samples * np.float32(scale), real * np.float32(scale)

    def add_up(a, b, skip_same):
        kernel = (a @ b.T / a.shape[1] + 1).astype(np.float64) ** 3
        return kernel.sum() - (np.trace(kernel) if skip_same else 0)

    m, n = len(x), len(y)
    return float(
        add_up(x, x, True) / (m * (m - 1))
        + add_up(y, y, True) / (n * (n - 1))
        - 2 * add_up(x, y, False) / (m * n)
    )


def main():
    real_file, samples_file, dimension, k = sys.argv[1:]
    real = np.fromfile(real_file, np.float32).reshape(-1, int(dimension))
    samples = np.fromfile(samples_file, np.float32).reshape(-1, int(dimension))
    values, times = {}, {}
    for name, compute in {
        "neighbours": lambda: compute_neighbours(real, samples, int(k)),
        "frechet": lambda: {"distance": compute_frechet(real, samples)},
        "kernel": lambda: {"distance": compute_kernel(real, samples)},
        "products": lambda: {"first": float((real @ samples.T)[0, 0])},
    }.items():
        began = time.perf_counter()
        values[name] = compute()
        times[name] = (time.perf_counter() - began) * 1000
    versions = {
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "prdc": "0.2",
    }
    print(json.dumps({"values": values, "ms": times, "versions": versions}))


main()
