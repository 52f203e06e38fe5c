/** Unique column names from what a file calls its columns: trimmed; `column<i>` for an empty one; a name met again gets a number. */
export function columnNames(names: readonly string[]): string[] {
  const used = new Set<string>();
  return names.map((given, i) => {
    const wanted = given.trim() === '' ? `column${i}` : given.trim();
    let name = wanted;
    for (let n = 2; used.has(name); n++) name = `${wanted}_${n}`;
    used.add(name);
    return name;
  });
}
