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

/**
 * @param contentType  Of the request; only multipart/form-data makes a difference.
 * @param max          The most pictures.
 * @throws PictureError
 */
export async function openDigits(
  bytes: Uint8Array,
  contentType: string | undefined,
  max: number,
): Promise<WrittenPicture[]> {
  const parts = /^multipart\/form-data\b/i.test(contentType ?? '')
    ? await splitForm(bytes, contentType as string, max)
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

async function splitForm(bytes: Uint8Array, contentType: string, max: number) {
  const body = new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: { 'Content-Type': contentType },
  });
  let form: FormData;
  try {
    form = await body.formData();
  } catch (cause) {
    throw new PictureError('is malformed multipart/form-data', { cause });
  }
  const fields = [...form.entries()]; // Counted before they are copied: there may be thousands.
  if (fields.length < 1 || fields.length > max) {
    throw new PictureError(`holds ${fields.length} pictures, 1 to ${max} are allowed`);
  }
  return Promise.all(
    fields.map(async ([name, value]: [string, string | Blob]) => ({
      label: name === PICTURE_FIELD ? undefined : name,
      bytes: new Uint8Array(
        await (typeof value === 'string' ? new Blob([value]) : value).arrayBuffer(),
      ),
    })),
  );
}
