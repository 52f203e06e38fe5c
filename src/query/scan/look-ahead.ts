const END = Symbol('no more tasks');

/**
 * Runs tasks in order with a few under way beyond the one waited for, and puts out their answers in order.
 * It starts with one and doubles, so that whoever wants only the first rows does not pay for the rest. A task
 * begun is always waited for, also when the reader leaves early or another task fails.
 */
export async function* lookAhead<Task, Answer>(
  tasks: AsyncIterable<Task>,
  most: number,
  run: (task: Task) => Promise<Answer>,
): AsyncGenerator<Answer> {
  const iterator = tasks[Symbol.asyncIterator]();
  const underWay: Promise<Answer | typeof END>[] = [];
  let width = 1;
  const step = async (): Promise<Answer | typeof END> => {
    const next = await iterator.next();
    return next.done === true ? END : await run(next.value);
  };
  const fill = () => {
    while (underWay.length < width) {
      const answer = step();
      // Someone waits for it later; until then its failure is not unhandled.
      answer.catch(() => undefined);
      underWay.push(answer);
    }
  };
  try {
    fill();
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) {
      const answer = await first;
      if (answer === END) return;
      width = Math.min(most, width * 2);
      fill();
      yield answer;
    }
  } finally {
    await Promise.allSettled(underWay);
    await iterator.return?.();
  }
}
