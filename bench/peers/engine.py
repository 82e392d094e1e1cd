"""Writes a generator as an ONNX model.

    engine.py PLAN WEIGHTS MODEL

PLAN is JSON: {"inputSize", "leakySlope", "layers"} as in a manifest. WEIGHTS is a file of float32
numbers, all kernels and biases in order. ONNX computes on planes, one a channel, where the engine
interleaves channels: the result is [batch, channels, height, width].
"""

import json
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper, save

plan_file, weights_file, model_file = sys.argv[1:]
with open(plan_file) as file:
    plan = json.load(file)
numbers = np.fromfile(weights_file, np.float32)
nodes, stored, taken, shape = [], [], 0, [plan["inputSize"]]


def take(*dims):
    global taken
    taken += int(np.prod(dims))
    return numbers[taken - int(np.prod(dims)) : taken].reshape(dims)


def add(operation, *values, **attributes):
    names = [f"weight_{len(stored) + i}" for i in range(len(values))]
    stored.extend(numpy_helper.from_array(v, n) for v, n in zip(values, names))
    source = nodes[-1].output[0] if nodes else "input"
    output = f"output_{len(nodes)}"
    nodes.append(helper.make_node(operation, [source, *names], [output], **attributes))


def activate(name):
    if name == "leakyRelu":
        add("LeakyRelu", alpha=plan["leakySlope"])
    elif name != "linear":
        add(name.capitalize())


for layer in plan["layers"]:
    kind = layer["type"]
    if kind == "dense":
        add("Gemm", take(shape[0], layer["units"]), take(layer["units"]))
        shape = [layer["units"]]
    elif kind == "reshape":
        shape = layer["shape"]
        add("Reshape", np.array([-1, *shape], np.int64))
        add("Transpose", perm=[0, 3, 1, 2])
    elif kind == "conv2d":
        size, filters = layer["kernelSize"], layer["filters"]
        kernel = take(size, size, shape[2], filters).transpose(3, 2, 0, 1).copy()
        add("Conv", kernel, take(filters), pads=[(size - 1) // 2] * 4)
        shape = [*shape[:2], filters]
    else:
        block = layer["blockSize"]
        add("DepthToSpace", blocksize=block, mode="DCR")
        shape = [shape[0] * block, shape[1] * block, shape[2] // block**2]
    activate(layer.get("activation", "linear"))
add("Identity")
height, width, channels = shape
batch_of = lambda name, *dims: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *dims])
inputs = [batch_of("input", plan["inputSize"])]
outputs = [batch_of(nodes[-1].output[0], channels, height, width)]
graph = helper.make_graph(nodes, "generator", inputs, outputs, stored)
operators = [helper.make_opsetid("", 13)]
save(helper.make_model(graph, opset_imports=operators, ir_version=7), model_file)
print(json.dumps({"operations": [node.op_type for node in nodes]}))
