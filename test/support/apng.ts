/**
 * Splits animated PNGs into one PNG per frame, which any decoder reads: each is the whole picture,
 * with the frame in its place. Node's zlib checks the checksums.
 */
import { crc32 } from 'node:zlib';
import { PNG } from 'pngjs';
import { buildChunk } from './pictures.ts';

export interface TakenApart {
  /** Number of plays; 0 means for ever. */
  readonly plays: number;
  readonly frames: readonly {
    readonly png: Buffer;
    readonly seconds: number;
    /** Disposal 0 leaves the frame; blend 0 replaces the pixels below. */
    readonly disposeAndBlend: readonly [number, number];
  }[];
}

/**
 * Splits an animated PNG.
 * @throws Error  When a checksum, the order of chunks or a frame number is wrong.
 */
export function takeApart(file: Buffer): TakenApart {
  const chunks = readChunks(file);
  const types = chunks.map(({ type }) => type);
  const control = chunks.find(({ type }) => type === 'acTL')?.content;
  if (
    control === undefined ||
    types.indexOf('acTL') > types.indexOf('IDAT') ||
    types.at(-1) !== 'IEND'
  ) {
    throw new Error(`no animation: ${types.join(' ')}`);
  }
  const head = chunks
    .slice(0, types.indexOf('IDAT'))
    .filter(({ type }) => type !== 'acTL' && type !== 'fcTL');
  const header = head[0]?.content as Buffer;
  const frames: { control: Buffer; data: Buffer[] }[] = [];
  let sequence = 0;
  for (const { type, content } of chunks) {
    if ((type === 'fcTL' || type === 'fdAT') && content.readUInt32BE(0) !== sequence++) {
      throw new Error(`${type} out of order`);
    }
    if (type === 'fcTL') {
      frames.push({ control: content, data: [] });
    } else if (type === 'IDAT' || type === 'fdAT') {
      frames.at(-1)?.data.push(type === 'IDAT' ? content : content.subarray(4));
    }
  }
  if (control.readUInt32BE(0) !== frames.length) {
    throw new Error(`${frames.length} frames, acTL says ${control.readUInt32BE(0)}`);
  }
  const shown = new PNG({ width: header.readUInt32BE(0), height: header.readUInt32BE(4) });
  return {
    plays: control.readUInt32BE(4),
    frames: frames.map(({ control: frame, data }) => {
      const parts = [
        file.subarray(0, 8),
        buildChunk('IHDR', Buffer.concat([frame.subarray(4, 12), header.subarray(8)])),
        ...head.slice(1).map(({ type, content }) => buildChunk(type, content)),
        buildChunk('IDAT', Buffer.concat(data)),
        buildChunk('IEND', Buffer.alloc(0)),
      ];
      const own = PNG.sync.read(Buffer.concat(parts));
      // It fails for a frame that is not inside of the picture.
      PNG.bitblt(
        own,
        shown,
        0,
        0,
        own.width,
        own.height,
        frame.readUInt32BE(12),
        frame.readUInt32BE(16),
      );
      return {
        png: PNG.sync.write(shown),
        seconds: frame.readUInt16BE(20) / frame.readUInt16BE(22),
        disposeAndBlend: [frame[24] as number, frame[25] as number],
      };
    }),
  };
}

interface Chunk {
  readonly type: string;
  readonly content: Buffer;
}

function readChunks(file: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at < file.length;) {
    const length = file.readUInt32BE(at);
    if (crc32(file.subarray(at + 4, at + 8 + length)) !== file.readUInt32BE(at + 8 + length)) {
      throw new Error(`a wrong checksum at ${at}`);
    }
    chunks.push({
      type: file.toString('latin1', at + 4, at + 8),
      content: file.subarray(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}
