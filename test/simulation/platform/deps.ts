/** What stands in for src/deps.ts where objects are simulated: the world's own, handed over as the environment. */
export function depsOf(env: unknown): unknown {
  return env;
}
