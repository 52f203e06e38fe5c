import { expect, test } from 'vitest';
import { OrasiError } from '../../../src/core/errors.ts';
import { ReadGate } from '../../../src/query/scan/read-gate.ts';
import { newContext } from '../world.ts';

test.each([
  ['source_missing', 'corrupt_file'],
  ['source_changed', 'corrupt_file'],
  ['unavailable', 'unavailable'],
] as const)('a read of a file of ours that ends as %s is told as %s', async (code, told) => {
  const read = () => Promise.reject(new OrasiError(code, 'segments/a'));
  const file = new ReadGate(newContext(), 1).guard({ sizeBytes: 10, read });
  // Twice: the first failure gives its place at the gate back.
  for (let i = 0; i < 2; i++) await expect(file.read(0, 10)).rejects.toMatchObject({ code: told });
});
