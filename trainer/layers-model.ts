/**
 * A generator in the standard tfjs LayersModel format: what `tf.loadLayersModel(url)` reads, anywhere, without this project.
 */
import * as tf from '@tensorflow/tfjs';
import { WEIGHTS_FILE } from '../shared/artifact.ts';
import { sizeOf, type GeneratorPlan, type LayerConfig } from '../shared/generator.ts';

/** The two files of a model: the topology as JSON text, and the weights in the plan's order. */
export interface LayersModelFiles {
  readonly topology: string;
  readonly weights: Uint8Array;
}

/**
 * Encodes a generator.
 *
 * @param plan     Of the generator.
 * @param weights  [parameters], in the plan's order.
 */
export async function encodeLayersModel(plan: GeneratorPlan, weights: Float32Array): Promise<LayersModelFiles> {
  const model = tf.sequential({
    name: 'generator',
    layers: plan.config.layers.map((layer, i) => buildLayer(layer, `${layer.type}_${i}`, i === 0 ? plan.inputSize : undefined)),
  });
  try {
    tf.tidy(() => {
      let next = 0;
      model.setWeights(
        plan.weights.map(({ shape }) => tf.tensor(weights.subarray(next, (next += sizeOf(shape))), [...shape])),
      );
    });
    let saved: tf.io.ModelArtifacts | undefined;
    await model.save(
      tf.io.withSaveHandler(async (artifacts) => {
        saved = artifacts;
        return { modelArtifactsInfo: { dateSaved: new Date(0), modelTopologyType: 'JSON' } };
      }),
    );
    const { modelTopology, weightSpecs = [], format, generatedBy } = saved as tf.io.ModelArtifacts;
    checkOrder(plan, weightSpecs);
    const manifest = { format, generatedBy, convertedBy: null, modelTopology, weightsManifest: [{ paths: [WEIGHTS_FILE], weights: weightSpecs }] };
    return {
      topology: JSON.stringify(manifest),
      weights: new Uint8Array(weights.buffer, weights.byteOffset, weights.byteLength).slice(),
    };
  } finally {
    model.dispose();
  }
}

function buildLayer(layer: LayerConfig, name: string, inputSize: number | undefined): tf.layers.Layer {
  const input = inputSize === undefined ? {} : { inputShape: [inputSize] };
  switch (layer.type) {
    case 'dense':
      return tf.layers.dense({ name, units: layer.units, activation: layer.activation, ...input });
    case 'reshape':
      return tf.layers.reshape({ name, targetShape: [...layer.shape], ...input });
  }
}

/** The weights file is written in the plan's order: the topology must list it so. */
function checkOrder(plan: GeneratorPlan, specs: readonly tf.io.WeightsManifestEntry[]): void {
  const listed = specs.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; ');
  const planned = plan.weights.map(({ name, shape }) => `${name} [${shape.join(', ')}]`).join('; ');
  if (listed !== planned) {
    throw new Error(`the LayersModel lists the weights ${listed}, the plan ${planned}`);
  }
}
