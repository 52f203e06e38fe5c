/**
 * How much of a suite runs. `npm test` is small so that it stays quick; `npm run test:full` is the same suite scaled
 * up by two environment variables.
 */

/** SEEDS: how many seeds a seeded test walks through, where it does not walk through more anyway. */
export function seedCount(usual: number): number {
  return process.env['SEEDS'] === undefined ? usual : Math.max(usual, positive('SEEDS'));
}

/** SIZE: a factor on every size (rows, bytes, runs) that a test scales; 1 where it is not set. */
export function sized(usual: number): number {
  return process.env['SIZE'] === undefined ? usual : Math.ceil(usual * positive('SIZE'));
}

function positive(name: string): number {
  const value = Number(process.env[name]);
  if (!(value > 0)) throw new Error(`${name}=${process.env[name]} is not a positive number`);
  return value;
}
