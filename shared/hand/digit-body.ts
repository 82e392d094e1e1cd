/**
 * Opens the body of `POST /hand`: a picture of one digit, or pictures of one person's digits as
 * multipart/form-data.
 */
import { openPicture, PictureError, type PictureFile } from './picture-file.ts';

/** A field of this name holds a picture without a label; every other name is the label. */
export const PICTURE_FIELD = 'picture';

export interface WrittenPicture {
  readonly file: PictureFile;
  /** The name or number of its class; undefined where the encoder guesses. */
  readonly label: string | undefined;
}

/** RFC 2046, section 5.1.1. A longer one would make the search for it slow. */
const BOUNDARY = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70})(?=[\s;]|$))/i;
const DISPOSITION = /^content-disposition:(.*)$/im;
/** A parameter's name, and its value in quotes or as a token (RFC 2183, section 2). */
const PARAMETER = /;\s*([^\s;=]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;]+))/g;

/**
 * @param contentType  The request's type; only multipart/form-data makes a difference.
 * @param max          The most pictures.
 * @throws PictureError
 */
export function openDigits(
  bytes: Uint8Array,
  contentType: string | undefined,
  max: number,
): WrittenPicture[] {
  const parts = /^multipart\/form-data\b/i.test(contentType ?? '')
    ? splitForm(bytes, contentType as string, max)
    : [{ bytes, label: undefined }];
  return parts.map(({ bytes: part, label }, i) => {
    try {
      return { label, file: openPicture(part) };
    } catch (cause) {
      throw parts.length > 1 && cause instanceof PictureError
        ? new PictureError(`holds picture ${i + 1}, which ${cause.message}`, { cause })
        : cause;
    }
  });
}

/**
 * Splits a form into its fields. `Response.formData` decodes fields without a file name as text,
 * and Node's refuses names without quotes. Other parsers refuse an empty line before the form.
 */
function splitForm(bytes: Uint8Array, contentType: string, max: number) {
  const [, quoted, token] = BOUNDARY.exec(contentType) ?? [];
  const boundary = quoted ?? token;
  if (boundary === undefined) {
    throw new PictureError('is a form, but its Content-Type has no boundary of 1 to 70 characters');
  }
  const delimiter = `\r\n--${boundary}`;
  // Latin-1 has a character for each byte, so places in text and bytes are the same.
  const text = `\r\n${new TextDecoder('latin1').decode(bytes)}`;
  const [preamble = '', ...parts] = text.split(delimiter);
  const count = parts.findIndex((part) => part.startsWith('--'));
  if (count < 0) {
    throw new PictureError('is malformed multipart/form-data: its last boundary is missing');
  }
  if (count < 1 || count > max) {
    throw new PictureError(`holds ${count} pictures, 1 to ${max} are allowed`);
  }
  let start = preamble.length - 2;
  return parts.slice(0, count).map((part, i) => {
    start += delimiter.length;
    const head = part.indexOf('\r\n\r\n');
    const name = findName(new TextDecoder().decode(bytes.subarray(start, start + head)));
    if (head < 0 || name === undefined) {
      throw new PictureError(`is malformed multipart/form-data: part ${i + 1} has no name`);
    }
    const content = bytes.subarray(start + head + 4, start + part.length);
    start += part.length;
    return { label: name === PICTURE_FIELD ? undefined : name, bytes: content };
  });
}

/** Finds a field's name in the head of its part. Browsers write its quotation marks as %22. */
function findName(head: string): string | undefined {
  const parameters = [...(DISPOSITION.exec(head)?.[1]?.matchAll(PARAMETER) ?? [])];
  const [, , quoted, token] = parameters.find(([, key]) => key?.toLowerCase() === 'name') ?? [];
  return (quoted ?? token)?.replaceAll('%22', '"');
}
