/** The package's entry: its public interface. */
export { ApiError, type Problem } from './api-error.ts';
export {
  fetchDigits,
  fetchNumber,
  type Digit,
  type Digits,
  type FetchOptions,
} from './fetch-digits.ts';
export {
  handFrom,
  type Hand,
  type HandCanvas,
  type HandOptions,
  type HandPicture,
  type ReadDigit,
} from './hand-from.ts';
export {
  buildImage,
  buildImageHtml,
  buildImageProps,
  type DigitImageOptions,
  type ImageAttributes,
  type ImageOptions,
  type ImageProps,
  type NumberImageOptions,
} from './image.ts';
export type {
  BaseOptions,
  DatasetFormat,
  DatasetOptions,
  DigitFormat,
  DigitOptions,
  LookOptions,
  MorphFormat,
  MorphOptions,
  NumberOptions,
  SamplingOptions,
} from './options.ts';
export type { RequestOptions } from './request.ts';
export { streamDigits, type StreamedDigit, type StreamOptions } from './stream-digits.ts';
export { datasetUrl, digitUrl, morphUrl, numberUrl } from './url.ts';
