import type { Random } from '../../../src/core/random.ts';

/** A copy of a file with damage of one kind in one to eight places. */
export function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  const int = (below: number) => Math.floor(random.next() * below);
  let out = bytes.slice();
  const times = 1 + int(8);
  for (let i = 0; i < times; i++) {
    // Half of the damage goes to the footer, where a byte matters most.
    const at = random.next() < 0.5 ? int(out.length) : Math.max(0, out.length - 1 - int(Math.min(out.length, 800)));
    switch (int(6)) {
      case 0:
        out[at] = int(256);
        break;
      case 1:
        out[at] ^= 1 << int(8);
        break;
      case 2:
        out[at] = [0, 1, 0x7f, 0x80, 0xff][int(5)];
        break;
      case 3:
        // A run of 0xff makes varints long and lengths large.
        out.fill(0xff, at, at + 1 + int(9));
        break;
      case 4:
        out.copyWithin(at, int(out.length), int(out.length));
        break;
      case 5: {
        const cut = 1 + int(16);
        const shorter = new Uint8Array(Math.max(1, out.length - cut));
        shorter.set(out.subarray(0, Math.min(at, shorter.length)));
        if (at + cut < out.length) shorter.set(out.subarray(at + cut), at);
        out = shorter;
        break;
      }
    }
  }
  return out;
}
