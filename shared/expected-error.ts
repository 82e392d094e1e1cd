/** An error that the user can cause and mend. The command line prints its message without a stack. */
export class ExpectedError extends Error {}
