/**
 * Compares the API's pixels with those that this browser drew.
 */

/**
 * Counts the pixels that differ.
 * @param path    Of `/digit.json`, for the same samples.
 * @param pixels  Drawn here.
 * @returns       A sentence for the page.
 */
export async function compareWithApi(path: string, pixels: Uint8Array): Promise<string> {
  const answer = await fetch(path);
  if (!answer.ok) {
    return `The API answers ${answer.status}.`;
  }
  const { digits } = (await answer.json()) as { digits: { pixels: number[] }[] };
  const theirs = digits.flatMap((digit) => digit.pixels);
  const equal = theirs.filter((value, i) => value === pixels[i]).length;
  const all = Math.max(theirs.length, pixels.length);
  return equal === all
    ? `All ${all.toLocaleString('en')} pixels are the same.`
    : `${(all - equal).toLocaleString('en')} of ${all.toLocaleString('en')} pixels differ.`;
}
