/** An error that the user can cause and mend. The command line prints it without a stack. */
export class ExpectedError extends Error {}

/** A reason, with the fields that its message takes. */
export type FailureOf<Messages> = {
  [Reason in keyof Messages]: { readonly reason: Reason } & (Messages[Reason] extends (
    fields: infer Fields,
  ) => string
    ? Readonly<Fields>
    : never);
}[keyof Messages];
