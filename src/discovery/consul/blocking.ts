/**
 * The index of the next blocking query, by the rules of
 * https://developer.hashicorp.com/consul/api-docs/features/blocking#implementation-details: undefined where it went
 * backwards, and everything is to be listed again; never below 1, since 0 would not block.
 */
export function nextIndex(previous: number, headers: Headers): number | undefined {
  const told = Number(headers.get('x-consul-index') ?? 0);
  const index = Number.isSafeInteger(told) && told > 0 ? told : 1;
  return index < previous ? undefined : index;
}
