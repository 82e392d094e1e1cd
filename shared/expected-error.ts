/**
 * The base of every failure that a user can cause and mend: the command line prints its message alone, without a stack.
 */
export class ExpectedError extends Error {}
