/**
 * Of several names the one a key belongs to, by rendezvous hashing (Thaler and Ravishankar, 1998): when a name goes,
 * only its keys move, each to its next; when one comes, it takes an equal share of each. Null where there is none.
 */
export function rendezvous(key: string, names: readonly string[]): string | null {
  let winner: string | null = null;
  let highest = -1;
  for (const name of names) {
    const weight = hash(`${key}\u0000${name}`);
    if (weight > highest || (weight === highest && winner !== null && name < winner)) {
      winner = name;
      highest = weight;
    }
  }
  return winner;
}

/** FNV-1a over UTF-16 units, mixed as MurmurHash3 ends, since FNV alone hardly changes its high bits by the last unit. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}
