/**
 * What the one who starts the server can mend: printed without a stack. The text says what was expected, what came and what
 * to do.
 */
export class SettingError extends Error {
  override name = 'SettingError' as const;
}
