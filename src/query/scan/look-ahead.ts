const END = Symbol('no more tasks');

interface Begun<Answer> {
  readonly answer: Promise<Answer | typeof END>;
  readonly due: PromiseWithResolvers<boolean>;
}

/**
 * Runs tasks in order with a few under way beyond the one waited for, and puts out their answers in order.
 * It starts with one and doubles, so that whoever wants only the first rows does not pay for the rest. A task
 * is told when it is `due`, the one waited for, by true, and when nobody wants it any more by false. One that is
 * begun is always waited for, also when the reader leaves early or another task fails.
 */
export async function* lookAhead<Task, Answer>(
  tasks: AsyncIterable<Task>,
  most: number,
  run: (task: Task, due: Promise<boolean>) => Promise<Answer>,
): AsyncGenerator<Answer> {
  const iterator = tasks[Symbol.asyncIterator]();
  const underWay: Begun<Answer>[] = [];
  let width = 1;
  const step = async (due: Promise<boolean>): Promise<Answer | typeof END> => {
    const next = await iterator.next();
    return next.done === true ? END : await run(next.value, due);
  };
  const fill = () => {
    while (underWay.length < width) {
      const due = Promise.withResolvers<boolean>();
      const answer = step(due.promise);
      // Someone waits for it later; until then its failure is not unhandled.
      answer.catch(() => undefined);
      underWay.push({ answer, due });
    }
  };
  try {
    fill();
    for (let first = underWay.shift(); first !== undefined; first = underWay.shift()) {
      first.due.resolve(true);
      const answer = await first.answer;
      if (answer === END) return;
      width = Math.min(most, width * 2);
      fill();
      yield answer;
    }
  } finally {
    for (const { due } of underWay) due.resolve(false);
    await Promise.allSettled(underWay.map(({ answer }) => answer));
    await iterator.return?.();
  }
}
