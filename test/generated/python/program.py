"""A program on the client by openapi-python-client: ../clients.test.ts checks and runs it."""

import io
import json
import sys
from datetime import datetime

import numpy
from digits_client import AuthenticatedClient
from digits_client.api.datasets import draw_dataset_npy
from digits_client.api.digits import draw_digits, draw_digits_json, draw_digits_npy
from digits_client.api.digits import draw_digits_png, draw_digits_svg, draw_digits_txt
from digits_client.api.hands import read_hand
from digits_client.api.jobs import get_job
from digits_client.api.morphs import draw_morph
from digits_client.api.service import get_health
from digits_client.models import DigitBatch, HandForm, Health, LoadedModel, PartChoice
from digits_client.models import Problem, WrittenHand
from digits_client.types import File

client = AuthenticatedClient(
    base_url=sys.argv[1],
    token="nobody's",
    headers={"Accept": "application/problem+json, */*"},
)


def read(file: File | Problem | None) -> bytes:
    assert isinstance(file, File), file
    return file.payload.read()


batch = draw_digits_json.sync(client=client, seed="Ada", n=2)
assert isinstance(batch, DigitBatch), batch
pixels: list[list[int] | str] = [digit.pixels for digit in batch.digits]

array = numpy.load(io.BytesIO(read(draw_digits_npy.sync(client=client, seed="Ada", n=2))))
labels = draw_dataset_npy.sync(
    client=client, seed="Ada", n=2, part=PartChoice.LABELS
)

health = get_health.sync(client=client)
assert isinstance(health, Health), health
assert isinstance(health.model, LoadedModel), health.model
loaded: datetime = health.model.loaded_at

seven = read(draw_digits_png.sync(client=client, seed="Ada", label="7", scale=4))
form = HandForm()
form["7"] = File(io.BytesIO(seven))
hands: list[str] = []
bodies: list[File | HandForm] = [File(io.BytesIO(seven)), form]
for body in bodies:
    written = read_hand.sync(client=client, body=body)
    assert isinstance(written, WrittenHand), written
    hands.append(written.hand)

problems = [
    draw_digits_json.sync(client=client, n=0),
    draw_digits_png.sync(client=client, n=0),
    get_job.sync("0" * 32, client=client),
]
codes: list[str] = []
for problem in problems:
    assert isinstance(problem, Problem), problem
    codes.append(problem.code)

print(
    json.dumps(
        {
            "seed": batch.seed,
            "pixels": pixels,
            "labels": [digit.label for digit in batch.digits],
            "png": read(draw_digits_png.sync(client=client, seed="Ada", n=2)).hex(),
            "npy": array.tolist(),
            "npyLabels": numpy.load(io.BytesIO(read(labels))).tolist(),
            "svg": read(draw_digits_svg.sync(client=client, seed="Ada")).decode(),
            "txt": draw_digits_txt.sync(client=client, seed="Ada"),
            "negotiated": read(draw_digits.sync(client=client, seed="Ada", n=2)).hex(),
            "morph": read(draw_morph.sync(client=client, seed="Ada")).hex()[:16],
            "hands": hands,
            "loadedAt": loaded.timestamp(),
            "codes": codes,
        }
    )
)
