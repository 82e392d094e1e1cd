/** An error that the user can cause and mend. The command line prints it without a stack. */
export class ExpectedError extends Error {}
