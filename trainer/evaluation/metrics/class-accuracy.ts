/**
 * Whether what was asked for came: requested labels against a classifier's.
 */

/** Agreement in 0..1. */
export interface ClassAccuracy {
  readonly accuracy: number;
  /** The class with the least agreement, of those that were requested; the lower one of equals. */
  readonly worst: { readonly label: number; readonly accuracy: number };
}

/**
 * Computes the part of predictions that equal their label.
 *
 * @param labels       At least one, each below `classes`.
 * @param predictions  As many.
 */
export function computeClassAccuracy(
  labels: Uint8Array,
  predictions: Uint8Array,
  classes: number,
): ClassAccuracy {
  const requested = new Float64Array(classes);
  const right = new Float64Array(classes);
  labels.forEach((label, i) => {
    requested[label] = (requested[label] as number) + 1;
    right[label] = (right[label] as number) + (predictions[i] === label ? 1 : 0);
  });
  let worst = { label: -1, accuracy: Infinity };
  for (let label = 0; label < classes; label++) {
    const accuracy = (right[label] as number) / (requested[label] as number);
    if (accuracy < worst.accuracy) {
      worst = { label, accuracy };
    }
  }
  return { accuracy: right.reduce((sum, count) => sum + count, 0) / labels.length, worst };
}
