import { describe, expect, it } from 'vitest';
import { encodeNpy } from '../../../shared/array-headers.ts';
import { decodeSafetensors, encodeSafetensors } from '../../../trainer/run/checkpoint.ts';

describe('npy', () => {
  it.each([[[10]], [[2, 5]], [[1, 2, 5]]])('has NumPy’s header for shape %j', (shape) => {
    const bytes = Buffer.from(
      encodeNpy(
        shape,
        Uint8Array.from({ length: 10 }, (_, i) => i),
      ),
    );
    expect(bytes.subarray(0, 8)).toEqual(Buffer.from('\x93NUMPY\x01\x00', 'latin1'));
    const end = 10 + bytes.readUInt16LE(8);
    expect(end % 64).toBe(0);
    const tuple = shape.length === 1 ? '(10,)' : `(${shape.join(', ')})`;
    expect(bytes.subarray(10, end).toString('latin1').trimEnd()).toBe(
      `{'descr': '|u1', 'fortran_order': False, 'shape': ${tuple}, }`,
    );
    expect(bytes[end - 1]).toBe(0x0a);
    expect([...bytes.subarray(end)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });
});

describe('safetensors', () => {
  const file = {
    tensors: { b: Float32Array.of(1, -2.5), a: new Float32Array(0), 'x/y': Float32Array.of(NaN) },
    metadata: { step: '3' },
  };

  it('restores arrays and text', () => {
    expect(decodeSafetensors(encodeSafetensors(file))).toEqual(file);
  });

  it('has the layout of the format', () => {
    const bytes = Buffer.from(encodeSafetensors(file));
    const length = Number(bytes.readBigUInt64LE(0));
    const header = JSON.parse(bytes.subarray(8, 8 + length).toString()) as Record<string, unknown>;
    expect(header['b']).toEqual({ dtype: 'F32', shape: [2], data_offsets: [0, 8] });
    expect(bytes.readFloatLE(8 + length + 4)).toBe(-2.5);
    expect(bytes.length).toBe(8 + length + 12);
  });

  it('is refused when truncated or of another type', () => {
    const bytes = encodeSafetensors(file);
    expect(() => decodeSafetensors(bytes.subarray(0, bytes.length - 1))).toThrow(/truncated/);
    expect(() => decodeSafetensors(bytes.subarray(0, 5))).toThrow(/truncated/);
    const other = Buffer.from(
      Buffer.from(bytes).toString('latin1').replace('"F32"', '"F16"'),
      'latin1',
    );
    expect(() => decodeSafetensors(other)).toThrow(/F16/);
  });
});
