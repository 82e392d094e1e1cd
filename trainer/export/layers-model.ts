/** Encodes a generator as a LayersModel, which `tf.loadLayersModel(url)` reads without us. */
import * as tf from '@tensorflow/tfjs';
import { WEIGHTS_FILE } from '../../shared/model/artifact.ts';
import {
  LEAKY_SLOPE,
  type Activation,
  type GeneratorPlan,
  type LayerConfig,
} from '../../shared/model/generator.ts';
import type { WeightEncoding } from '../../shared/model/weight-encoding.ts';

/**
 * Encodes the topology as the JSON of model.json. WEIGHTS_FILE, in the plan's order and with this
 * encoding, completes the model.
 */
export async function encodeTopology(plan: GeneratorPlan, encoding: WeightEncoding) {
  const model = tf.sequential({
    name: 'generator',
    layers: [
      tf.layers.inputLayer({ name: 'latent_and_label', inputShape: [plan.inputSize] }),
      ...plan.config.layers.flatMap((layer, index) =>
        buildLayer(layer, `${layer.type}_${index}`, plan.shapes[index] ?? []),
      ),
    ],
  });
  try {
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const { modelTopology, weightSpecs = [], format, generatedBy } = saved as tf.io.ModelArtifacts;
    checkOrder(plan, weightSpecs);
    const weights = describeQuantization(weightSpecs, encoding);
    const weightsManifest = [{ paths: [WEIGHTS_FILE], weights }];
    return JSON.stringify({
      format,
      generatedBy,
      convertedBy: null,
      modelTopology,
      weightsManifest,
    });
  } finally {
    model.dispose();
  }
}

/** Describes the encoding as tfjs's own converter does: float32 needs nothing. */
function describeQuantization(
  specs: readonly tf.io.WeightsManifestEntry[],
  encoding: WeightEncoding,
): readonly object[] {
  if (encoding.dtype === 'float32') {
    return specs;
  }
  return specs.map((spec, index) => {
    const affine = encoding.dtype === 'uint8' ? encoding.quantization[index] : {};
    return {
      ...spec,
      quantization: { dtype: encoding.dtype, ...affine, original_dtype: 'float32' },
    };
  });
}

/** Maps a layer to layers of tfjs: leaky relu and depth-to-space become several. */
function buildLayer(layer: LayerConfig, name: string, input: readonly number[]): tf.layers.Layer[] {
  switch (layer.type) {
    case 'dense':
      return withActivation(layer.activation, name, (activation) =>
        tf.layers.dense({ name, units: layer.units, activation }),
      );
    case 'conv2d': {
      const { filters, kernelSize } = layer;
      return withActivation(layer.activation, name, (activation) =>
        tf.layers.conv2d({ name, filters, kernelSize, padding: 'same', activation }),
      );
    }
    case 'depthToSpace': {
      const [height = 0, width = 0, channels = 0] = input;
      const block = layer.blockSize;
      const depth = channels / (block * block);
      return [
        tf.layers.reshape({
          name: `${name}_blocks`,
          targetShape: [height, width, block, block, depth],
        }),
        tf.layers.permute({ name: `${name}_rows`, dims: [1, 3, 2, 4, 5] }),
        tf.layers.reshape({ name, targetShape: [height * block, width * block, depth] }),
      ];
    }
    case 'reshape':
      return [tf.layers.reshape({ name, targetShape: [...layer.shape] })];
  }
}

function withActivation(
  activation: Activation,
  name: string,
  build: (activation: Exclude<Activation, 'leakyRelu'>) => tf.layers.Layer,
): tf.layers.Layer[] {
  return activation === 'leakyRelu'
    ? [build('linear'), tf.layers.leakyReLU({ name: `${name}_leaky_relu`, alpha: LEAKY_SLOPE })]
    : [build(activation)];
}

/** WEIGHTS_FILE has the plan's order, so the topology must list the weights in the same order. */
function checkOrder(plan: GeneratorPlan, specs: readonly tf.io.WeightsManifestEntry[]): void {
  const [listed, planned] = [specs, plan.weights].map((weights) =>
    weights.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; '),
  );
  if (listed !== planned) {
    throw new Error(`the LayersModel lists the weights ${listed}, the plan ${planned}`);
  }
}
