"""
The training step of both presets in Keras, compiled by tf.function: a side of the training
benchmark, beside bench/training-side.ts.

    keras_step.py FILE THREADS

FILE is what training-side.ts wrote: safetensors of flat float32 arrays, with the run's settings as
JSON in its metadata. Nothing of the trainer's code is used. The step is written as a Keras user would
write it, with layers, CosineDecay, optimizers.Adam and GradientTape. Batches are gathered and latents
drawn inside the compiled step. Fails unless the same steps end with the same weights. Then each line
with a number of steps on stdin is answered with the milliseconds of one.
"""
import importlib.metadata
import json
import os
import struct
import sys
import time

FILE, THREADS = sys.argv[1], int(sys.argv[2])

# No log, not even of errors: TensorFlow 2.15's graph optimizer complains that it cannot fuse a
# leaky relu that is differentiated twice. As a maximum it can be fused, and the step takes 1.2
# times as long.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
# Answers go to the real stdout, and what libraries print goes to stderr.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

tf.config.threading.set_intra_op_parallelism_threads(THREADS)
tf.config.threading.set_inter_op_parallelism_threads(THREADS)

Conv2D = tf.keras.layers.Conv2D
LEAKY_SLOPE = 0.2
STRIDE = 2
# The average's half-life is at most this part of the images seen so far.
EMA_RAMP = 0.1


class Adam(tf.keras.optimizers.Adam):
    """
    Keras's Adam, with epsilon where Kingma and Ba's algorithm 1 adds it: to the corrected root. Keras
    adds it to the uncorrected root (their section 2, "epsilon hat"), which changes the first steps.
    """

    @property
    def epsilon(self):
        update = tf.cast(self.iterations + 1, tf.float32)
        return self._epsilon * tf.sqrt(1.0 - tf.pow(tf.constant(self.beta_2, tf.float32), update))

    @epsilon.setter
    def epsilon(self, value):
        self._epsilon = value


def build_adam(adam, config):
    """Adam with the run's schedule: half a cosine down to `finalFactor` of the learning rate."""
    rate = adam["learningRate"]
    if config["finalFactor"] != 1:
        steps, alpha = config["steps"] - 1, config["finalFactor"]
        rate = tf.keras.optimizers.schedules.CosineDecay(rate, steps, alpha=alpha)
    return Adam(rate, beta_1=adam["beta1"], beta_2=adam["beta2"], epsilon=adam["epsilon"])


def leaky_relu(x):
    return tf.nn.leaky_relu(x, LEAKY_SLOPE)


ACTIVATIONS = {
    "linear": None,
    "relu": "relu",
    "leakyRelu": leaky_relu,
    "sigmoid": "sigmoid",
    "tanh": "tanh",
}


class Network:
    """A Keras model, and its variables in the order of the trainer's flat vector."""

    def __init__(self, model, layers, flat):
        self.model = model
        self.variables = [variable for layer in layers for variable in layer.weights]
        assign_flat(self.variables, flat)

    def __call__(self, inputs):
        return self.model(inputs, training=True)


def assign_flat(variables, flat):
    """Cuts [parameters] into the variables' shapes."""
    sizes = [int(np.prod(variable.shape)) for variable in variables]
    assert sum(sizes) == flat.size, f"{flat.size} weights came, this network has {sum(sizes)}"
    for variable, part in zip(variables, np.split(flat, np.cumsum(sizes)[:-1])):
        variable.assign(part.reshape(variable.shape))


def read_flat(variables):
    """[parameters]"""
    return np.concatenate([variable.numpy().ravel() for variable in variables])


def build_generator(config, flat):
    """[batch, latentSize + classes] to [batch, height, width, channels]"""
    layers = []
    x = inputs = tf.keras.Input([config["latentSize"] + config["classes"]])
    for layer in config["layers"]:
        if layer["type"] == "dense":
            activation = ACTIVATIONS[layer["activation"]]
            layers.append(tf.keras.layers.Dense(layer["units"], activation=activation))
            x = layers[-1](x)
        elif layer["type"] == "conv2d":
            activation = ACTIVATIONS[layer["activation"]]
            filters, size = layer["filters"], layer["kernelSize"]
            layers.append(Conv2D(filters, size, padding="same", activation=activation))
            x = layers[-1](x)
        elif layer["type"] == "depthToSpace":
            block = layer["blockSize"]
            x = tf.keras.layers.Lambda(lambda y, block=block: tf.nn.depth_to_space(y, block))(x)
        else:
            x = tf.keras.layers.Reshape(layer["shape"])(x)
    return Network(tf.keras.Model(inputs, x), layers, flat)


def build_discriminator(config, shape, classes, flat):
    """Images [batch, height, width, channels], one-hot labels [batch, classes]: logits [batch, 1]"""
    layers = []
    x = images = tf.keras.Input(shape)
    labels = tf.keras.Input([classes])
    if config["type"] == "dense":
        x = tf.keras.layers.Flatten()(x)
        for units in config["units"]:
            layers.append(tf.keras.layers.Dense(units, activation="relu"))
            x = layers[-1](x)
        layers.append(tf.keras.layers.Dense(1))
        return Network(tf.keras.Model([images, labels], layers[-1](x)), layers, flat)
    for filters, size in zip(config["filters"], config["kernelSizes"]):
        layers.append(Conv2D(filters, size, STRIDE, padding="same", activation=leaky_relu))
        x = layers[-1](x)
    layers.append(tf.keras.layers.Dense(config["units"], activation=leaky_relu))
    features = layers[-1](tf.keras.layers.Flatten()(x))  # [batch, units]
    layers.append(tf.keras.layers.Dense(1))
    logits = layers[-1](features)  # [batch, 1]
    if classes > 0:
        layers.append(tf.keras.layers.Dense(classes, use_bias=False))
        projected = tf.keras.layers.Multiply()([layers[-1](features), labels])  # [batch, classes]
        total = tf.keras.layers.Lambda(lambda y: tf.reduce_sum(y, 1, keepdims=True))(projected)
        logits = tf.keras.layers.Add()([logits, total])
    return Network(tf.keras.Model([images, labels], logits), layers, flat)


def compute_relativistic_loss(winner, loser):
    """[batch, 1] each to a scalar."""
    return tf.reduce_mean(tf.nn.softplus(loser - winner))


class Gan:
    """Both networks in training, and the compiled steps."""

    def __init__(self, config, tensors):
        self.config = config
        self.batch_size, self.classes = config["batchSize"], config["generator"]["classes"]
        self.shape = config["image"]
        self.images = tf.constant(tensors["images"].reshape([-1, *self.shape]).astype(np.uint8))
        self.labels = tf.constant(tensors["labels"].astype(np.int32))
        self.generator = build_generator(config["generator"], tensors["generator"])
        self.discriminator = build_discriminator(
            config["discriminator"], self.shape, self.classes, tensors["discriminator"]
        )
        self.generator_adam = build_adam(config["generatorAdam"], config)
        self.discriminator_adam = build_adam(config["discriminatorAdam"], config)
        self.generator_adam.build(self.generator.variables)
        self.discriminator_adam.build(self.discriminator.variables)
        self.averages = []
        if config["emaHalfLifeImages"] > 0:
            self.averages = [
                tf.Variable(variable.value(), trainable=False)
                for variable in self.generator.variables
            ]
        if config["objective"]["type"] == "relativistic":
            self.gamma = tf.keras.optimizers.schedules.CosineDecay(
                float(config["objective"]["gamma"]),
                config["steps"] - 1,
                alpha=config["finalFactor"],
            )

    @tf.function
    def train_step(self, indices):
        """
        One step with draws of its own. Returns the losses before the update.
        indices: int32 [batch], places in the data.
        """
        latent_size = self.config["generator"]["latentSize"]
        latents = tf.random.uniform([2, self.batch_size, latent_size], -1.0, 1.0)
        return self.update(indices, latents[0], latents[1])

    @tf.function
    def given_step(self, indices, discriminator_latents, generator_latents):
        """The same with draws that are given."""
        return self.update(indices, discriminator_latents, generator_latents)

    def update(self, indices, discriminator_latents, generator_latents):
        low, high = self.config["pixelRange"]
        real = tf.cast(tf.gather(self.images, indices), tf.float32) * ((high - low) / 255) + low
        labels = tf.one_hot(tf.gather(self.labels, indices), self.classes)  # [batch, classes]
        losses = [
            self.update_discriminator(real, labels, discriminator_latents),
            self.update_generator(real, labels, generator_latents),
        ]
        self.update_average()
        return losses

    def generate(self, latents, labels):
        images = self.generator(tf.concat([latents, labels], 1))
        if self.config.get("clampsPixels"):
            # The value is clamped, the whole gradient passes.
            low, high = self.config["pixelRange"]
            images += tf.stop_gradient(tf.clip_by_value(images, low, high) - images)
        return images

    def update_discriminator(self, real, labels, latents):
        fake = self.generate(latents, labels)
        variables = self.discriminator.variables
        with tf.GradientTape() as tape:
            if self.config["objective"]["type"] == "non-saturating":
                real_logits = self.discriminator([real, labels])
                fake_logits = self.discriminator([fake, labels])
                losses = tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits)
                loss = total = tf.reduce_mean(losses)
            else:
                images, both_labels = tf.concat([real, fake], 0), tf.concat([labels, labels], 0)
                with tf.GradientTape() as inner:
                    inner.watch(images)
                    logits = self.discriminator([images, both_labels])  # [2 * batch, 1]
                # The gradient of the sum is each row's own gradient: rows do not mix.
                slopes = inner.gradient(logits, images)  # [2 * batch, height, width, channels]
                norms = tf.reduce_sum(tf.square(slopes), [1, 2, 3])  # [2 * batch]
                r1, r2 = [tf.reduce_mean(part) for part in tf.split(norms, 2)]
                loss = compute_relativistic_loss(*tf.split(logits, 2))
                step = tf.cast(self.discriminator_adam.iterations, tf.float32)
                total = loss + (r1 + r2) * self.gamma(step) / 2
        self.discriminator_adam.apply_gradients(zip(tape.gradient(total, variables), variables))
        return loss

    def update_generator(self, real, labels, latents):
        variables = self.generator.variables
        relativistic = self.config["objective"]["type"] == "relativistic"
        real_logits = self.discriminator([real, labels]) if relativistic else None
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            fake_logits = self.discriminator([self.generate(latents, labels), labels])
            if relativistic:
                loss = compute_relativistic_loss(fake_logits, real_logits)
            else:
                loss = tf.reduce_mean(tf.nn.softplus(-fake_logits))
        self.generator_adam.apply_gradients(zip(tape.gradient(loss, variables), variables))
        return loss

    def update_average(self):
        if not self.averages:
            return
        # Adam has counted the current step already.
        seen = tf.cast(self.generator_adam.iterations, tf.float32) * self.batch_size
        half_life = tf.minimum(float(self.config["emaHalfLifeImages"]), EMA_RAMP * seen)
        decay = tf.pow(0.5, self.batch_size / half_life)
        for average, variable in zip(self.averages, self.generator.variables):
            average.assign(average * decay + variable * (1 - decay))


def read_safetensors(path):
    """Float32 arrays by name, and the metadata."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
        body = file.read()
    metadata = header.pop("__metadata__", {})
    arrays = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        assert entry["dtype"] == "F32", f"{name} is {entry['dtype']}, expected F32"
        arrays[name] = np.frombuffer(body[start:end], "<f4")
    return arrays, metadata


# Allowed differences, relative. Losses of the first step differ by the order of float32 sums.
# Moments, as norms, show the gradients. Adam's first steps are as long for a gradient of 1e-9 as
# for one of 1, so rounding turns some of them round. That shows in later losses and in the weights
# (as norms, relative to the way that they went), hardly in moments.
FIRST_LOSSES, LATER_LOSSES, MOMENTS, WEIGHTS = 1e-4, 3e-3, 1e-4, 3e-2


def compute_outcome(gan, tensors):
    """Does the steps whose draws are given."""
    names = ("indices", "discriminatorLatents", "generatorLatents")
    steps = gan.config["checkSteps"]
    draws = {name: np.split(tensors[name], steps) for name in names}
    latent_size = gan.config["generator"]["latentSize"]
    losses, outcome = [], {}
    for step in range(steps):
        parts = {name: arrays[step] for name, arrays in draws.items()}
        latents = [
            tf.constant(parts[name].reshape([gan.batch_size, latent_size]))
            for name in ("discriminatorLatents", "generatorLatents")
        ]
        indices = tf.constant(parts["indices"].astype(np.int32))
        losses += [float(loss) for loss in gan.given_step(indices, *latents)]
        if step == 0:
            for name, adam in (
                ("generator", gan.generator_adam),
                ("discriminator", gan.discriminator_adam),
            ):
                outcome[f"{name}.firstMoment"] = read_flat(adam._momentums)
                outcome[f"{name}.secondMoment"] = read_flat(adam._velocities)
    outcome["losses"] = np.array(losses, np.float32)
    outcome["generator.weights"] = read_flat(gan.generator.variables)
    outcome["discriminator.weights"] = read_flat(gan.discriminator.variables)
    if gan.averages:
        outcome["average"] = read_flat(gan.averages)
    return outcome


def check(outcome, tensors):
    """Exits when an outcome differs from the trainer's in FILE: then nothing can be compared."""
    expected = {name for name in tensors if "." in name or name in ("losses", "average")}
    assert expected == set(outcome), f"the trainer has {expected}, Keras {set(outcome)}"
    failures = []
    for name, other in outcome.items():
        own = tensors[name]
        if name == "losses":
            parts = np.abs(own - other) / np.maximum(np.abs(own), 1e-3)
            found = [(parts[:2].max(), FIRST_LOSSES), (parts[2:].max(), LATER_LOSSES)]
        elif name.endswith("Moment"):
            found = [(np.linalg.norm(own - other) / np.linalg.norm(own), MOMENTS)]
        else:
            start = tensors["discriminator" if name.startswith("discriminator") else "generator"]
            found = [(np.linalg.norm(own - other) / np.linalg.norm(own - start), WEIGHTS)]
        failures += [
            f"{name} differs by {difference:.1e}, at most {most}"
            for difference, most in found
            if not difference <= most
        ]
    if failures:
        sys.exit("the sides do not do the same step, so nothing is timed: " + "; ".join(failures))


def measure_limit(gan):
    """Multiply-accumulates of a step, by TensorFlow's profiler, and those a millisecond at best."""
    options = tf.compat.v1.profiler.ProfileOptionBuilder.float_operation()
    options["account_type_regexes"] = ["MatMul", "Conv2D.*"]
    options["output"] = "none"
    indices = tf.TensorSpec([gan.batch_size], tf.int32)
    graph = gan.train_step.get_concrete_function(indices).graph
    operations = tf.compat.v1.profiler.profile(graph, options=options).total_float_ops
    size, rates = 2048, []
    for _ in range(8):
        a, b = tf.random.uniform([size, size]), tf.random.uniform([size, size])
        before = time.perf_counter()
        tf.matmul(a, b).numpy()
        rates.append(size**3 / (time.perf_counter() - before) / 1000)
    return {"macs": operations / 2, "macsPerMs": max(rates)}


def train(gan, steps):
    """Mean milliseconds of steps, reading a loss of each."""
    random = np.random.default_rng(1)
    count, order = int(gan.labels.shape[0]), np.empty(0, np.int32)
    before = time.perf_counter()
    for _ in range(steps):
        if order.size < gan.batch_size:
            order = random.permutation(count).astype(np.int32)
        indices, order = order[: gan.batch_size], order[gan.batch_size :]
        losses = gan.train_step(tf.constant(indices))
        float(losses[1])
    return (time.perf_counter() - before) * 1000 / steps


def main():
    tensors, metadata = read_safetensors(FILE)
    gan = Gan(json.loads(metadata["config"]), tensors)
    check(compute_outcome(gan, tensors), tensors)
    versions = {
        "python": sys.version.split()[0],
        "tensorflow": tf.__version__,
        "keras": importlib.metadata.version("keras"),
        "compiled": "tf.function",
    }
    say({"versions": versions, **measure_limit(gan)})
    for line in sys.stdin:
        say(train(gan, int(line)))


def say(answer):
    ANSWERS.write(json.dumps(answer) + "\n")
    ANSWERS.flush()


main()
