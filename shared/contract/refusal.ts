import type { ApiError } from './errors.ts';

/** Thrown to answer a request with an error. Without dependencies: the client imports it. */
export class Refusal extends Error {
  override name = 'Refusal' as const;
  readonly error: ApiError;

  constructor(error: ApiError) {
    super(error.code);
    this.error = error;
  }
}

/** Throws a Refusal for an error. @returns  Any other value. */
export function orRefuse<T extends object>(value: T | ApiError): T {
  if ('code' in value) {
    throw new Refusal(value);
  }
  return value;
}

/** Refuses a parameter's value. */
export function refuseValue(parameter: string, received: string, expected: string): never {
  throw new Refusal({ code: 'invalid_parameter', parameter, received, expected });
}
