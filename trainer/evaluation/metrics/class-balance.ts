/**
 * How far a set's classes are from being equally many.
 */

/**
 * Computes the Kullback-Leibler divergence of the classes' frequencies to the uniform distribution.
 *
 * @param labels  At least one, each below `classes`.
 * @returns       In nats: 0 when all are equally many, log(classes) when all are of one class.
 */
export function computeClassBalance(labels: Uint8Array, classes: number): number {
  const counts = new Float64Array(classes);
  labels.forEach((label) => (counts[label] = (counts[label] as number) + 1));
  return counts.reduce((sum, count) => {
    const frequency = count / labels.length;
    return sum + (frequency === 0 ? 0 : frequency * Math.log(frequency * classes));
  }, 0);
}
