import { expect, test } from 'vitest';
import { Admission } from '../../src/query/admission.ts';

test('work beyond the slots waits its turn, beyond the queue it is refused', async () => {
  const admission = new Admission(1, 1);
  const leaveFirst = await admission.enter();
  const order: string[] = [];
  const second = admission.enter().then((leave) => {
    order.push('second');
    return leave;
  });
  await expect(admission.enter()).rejects.toMatchObject({ code: 'rate_limited', retryAfterSeconds: 2 });
  order.push('refused');
  leaveFirst();
  const leaveSecond = await second;
  expect(order).toEqual(['refused', 'second']);
  leaveSecond();
  (await admission.enter())();
});

test('giving a slot back twice frees it once', async () => {
  const admission = new Admission(1, 0);
  const leave = await admission.enter();
  leave();
  leave();
  await admission.enter();
  await expect(admission.enter()).rejects.toMatchObject({ code: 'rate_limited' });
});
