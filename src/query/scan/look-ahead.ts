/**
 * Runs tasks in order with a few under way beyond the one waited for, and puts out their answers in order.
 * It starts with one and doubles, so that whoever wants only the first rows does not pay for the rest. A task
 * begun is always waited for, also when the reader leaves early or another task fails.
 */
export async function* lookAhead<Task, Answer>(
  tasks: Iterable<Task>,
  most: number,
  run: (task: Task) => Promise<Answer>,
): AsyncGenerator<Answer> {
  const underWay: Promise<Answer>[] = [];
  const iterator = tasks[Symbol.iterator]();
  let width = 1;
  let exhausted = false;
  const fill = () => {
    while (!exhausted && underWay.length < width) {
      const next = iterator.next();
      if (next.done) {
        exhausted = true;
        return;
      }
      const answer = run(next.value);
      // Someone waits for it later; until then its failure is not unhandled.
      answer.catch(() => undefined);
      underWay.push(answer);
    }
  };
  try {
    for (;;) {
      fill();
      const first = underWay.shift();
      if (first === undefined) return;
      const answer = await first;
      width = Math.min(most, width * 2);
      fill();
      yield answer;
    }
  } finally {
    await Promise.allSettled(underWay);
  }
}
