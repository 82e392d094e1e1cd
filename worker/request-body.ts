/** Reads the bodies of requests, and drops unread ones. */
import { Refusal } from '../shared/contract/refusal.ts';
import { fixLength } from './http/range.ts';

/** Unread bodies are dropped up to this length: that of a large photograph. */
const MAX_DROPPED_BYTES = 32 * 1024 * 1024;

const LENGTH = 'Content-Length';

/** Reads a body. @throws Refusal  When it is too long or breaks off. */
export async function readBody(
  { body, headers }: Request,
  maxBytes: number,
): Promise<Uint8Array<ArrayBuffer>> {
  const tooLarge = () => new Refusal({ code: 'body_too_large', maxBytes });
  if (Number(headers.get(LENGTH)) > maxBytes) {
    throw tooLarge();
  }
  const pieces: Uint8Array[] = [];
  const reader = body?.getReader();
  let length = 0;
  try {
    for (let piece = await reader?.read(); piece?.done === false; piece = await reader?.read()) {
      const bytes = piece.value as Uint8Array;
      pieces.push(bytes);
      length += bytes.length;
      if (length > maxBytes) {
        reader?.releaseLock(); // For `dropBody`.
        throw tooLarge();
      }
    }
  } catch (cause) {
    throw cause instanceof Refusal
      ? cause
      : new Refusal({ code: 'unreadable_picture', reason: 'breaks off before its end' });
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at); // A million pieces are too many arguments for `concatBytes`.
    at += piece.length;
  }
  return bytes;
}

/**
 * Sends an answer at once, and ends it when the unread body of its request has arrived. Many
 * clients send a whole body before they read. Both hosts would close the connection before that,
 * and such a client would see a broken connection in place of the answer.
 */
export async function dropBody({ body, headers }: Request, answer: Response): Promise<Response> {
  const isTooLong = Number(headers.get(LENGTH)) > MAX_DROPPED_BYTES;
  if (body === null || body.locked || answer.body === null || isTooLong) {
    return answer;
  }
  // Not locked before the answer is read: `wrangler dev` reads what is left when the app returns.
  let reader: ReadableStreamDefaultReader | undefined;
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const stream = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(bytes),
      async pull(controller) {
        reader = body.locked ? undefined : body.getReader();
        let dropped = 0;
        while (dropped <= MAX_DROPPED_BYTES) {
          const piece = await reader?.read().catch(() => undefined);
          if (piece?.done !== false) {
            break;
          }
          dropped += (piece.value as Uint8Array).length;
        }
        controller.close();
      },
      cancel: (reason) => reader?.cancel(reason),
    },
    { highWaterMark: 0 },
  );
  return new Response(fixLength(stream, bytes.length), answer);
}
