/** IP addresses and blocks of them. IPv4 is kept as IPv6 maps it, so that both spellings of an address are one. */

/** An address with the number of its leading bits that count; IPv4 as the 16 bytes of its mapped IPv6 address. */
export interface AddressBlock {
  readonly bytes: readonly number[];
  readonly bits: number;
}

const MAPPED = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];

/** Blocks in CIDR notation, separated by commas or spaces. Throws an Error that names the one at fault. */
export function blocksOf(text: string): readonly AddressBlock[] {
  return text
    .split(/[\s,]+/)
    .filter((word) => word !== '')
    .map((word) => {
      const [address, length] = word.split('/');
      const bytes = addressBytes(address);
      const width = address.includes(':') ? 128 : 32;
      const bits = length === undefined ? width : Number(length);
      if (bytes === null || bytes.some((byte) => byte > 255) || !/^\d{1,3}$/.test(length ?? '0') || bits > width)
        throw new Error(`"${word}" is no block of addresses: expected 10.0.0.0/8 or fd00::/8`);
      return { bytes, bits: bits + 128 - width };
    });
}

/** Whether an address, by its 16 bytes, is in a block. */
export function contains({ bytes, bits }: AddressBlock, address: readonly number[]): boolean {
  const whole = bits >> 3;
  for (let i = 0; i < whole; i++) if (bytes[i] !== address[i]) return false;
  const rest = bits & 7;
  return rest === 0 || bytes[whole] >> (8 - rest) === address[whole] >> (8 - rest);
}

/** The 16 bytes of an address, or null for a name. */
export function addressBytes(host: string): readonly number[] | null {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(host)) {
    const octets = host.split('.').map(Number);
    return octets.some((octet) => octet > 255) ? null : [...MAPPED, ...octets];
  }
  if (!host.includes(':') || !URL.canParse(`http://[${host}]/`)) return null;
  const spelled = new URL(`http://[${host}]/`).hostname.slice(1, -1);
  const [head, tail] = spelled.split('::');
  const groups = (part: string | undefined) => (part ? part.split(':').map((group) => Number.parseInt(group, 16)) : []);
  const left = groups(head);
  const right = groups(tail);
  const words = tail === undefined ? left : [...left, ...new Array(8 - left.length - right.length).fill(0), ...right];
  return words.flatMap((word) => [word >> 8, word & 0xff]);
}
