/**
 * Before any test: the pages' files, which the worker's bundle and its HTML are made with.
 */
export { buildPage as setup } from '../../../dev/build/page.ts';
