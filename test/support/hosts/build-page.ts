/**
 * Builds the pages' files before any test, because the worker's bundle and its HTML contain them.
 */
export { buildPage as setup } from '../../../dev/build/page.ts';
