/** Makes a Linux program smaller: https://refspecs.linuxfoundation.org/elf/elf.pdf, 64 bits. */

/** Places of fields in the file's header, and in a program header. */
const HEADER = { segments: 32, sections: 40, segmentSize: 54, segmentCount: 56, sectionCount: 60 };
const SEGMENT = { offset: 8, fileSize: 32 };

/**
 * Cuts off everything that only debuggers read: symbols and debug information lie behind the last
 * segment. A fifth of Node is that.
 */
export function dropSymbols(program: Buffer): Buffer {
  const first = Number(program.readBigUInt64LE(HEADER.segments));
  const size = program.readUInt16LE(HEADER.segmentSize);
  const ends = Array.from({ length: program.readUInt16LE(HEADER.segmentCount) }, (_, i) => {
    const at = first + i * size;
    const start = program.readBigUInt64LE(at + SEGMENT.offset);
    return Number(start + program.readBigUInt64LE(at + SEGMENT.fileSize));
  });
  const kept = Buffer.from(program.subarray(0, Math.max(...ends)));
  kept.writeBigUInt64LE(0n, HEADER.sections);
  kept.fill(0, HEADER.sectionCount, HEADER.sectionCount + 4);
  return kept;
}
