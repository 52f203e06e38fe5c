import { DEFAULT_QUEUE_SETTINGS, type QueueSettings, type TaskLimit } from '../core/protocol/queue-settings.ts';
import { balanceFaults, compileBalance } from './balance-spec.ts';
import { isJsonObject, type JsonValue, numberIn, objectIn, objectsIn } from './json.ts';
import type { Resource } from './resource.ts';
import { compileScaling, scalingFaults } from './scaling-spec.ts';
import { type Cause, invalidValue } from './status.ts';

/** The settings of a validated `TaskQueue`; what an older version of the kind did not have is as in an undeclared one. */
export function compileQueue(queue: Resource): QueueSettings {
  const spec = objectIn(queue.spec);
  const [retry, limits] = [objectIn(spec.retry), objectIn(spec.limits)];
  const usual = DEFAULT_QUEUE_SETTINGS;
  const shards = numberIn(spec.shards, usual.shards);
  return {
    ...usual,
    shards,
    paused: spec.paused === true,
    maxRetries: numberIn(retry.maxRetries, usual.maxRetries),
    retryDelaySeconds: numberIn(retry.delaySeconds, usual.retryDelaySeconds),
    retryDelayMaxSeconds: numberIn(retry.maxDelaySeconds, usual.retryDelayMaxSeconds),
    leaseSeconds: numberIn(spec.leaseSeconds, usual.leaseSeconds),
    timeoutSeconds: numberIn(spec.timeoutSeconds, usual.timeoutSeconds),
    resultRetentionSeconds: numberIn(spec.resultRetentionSeconds, usual.resultRetentionSeconds),
    deadLetterRetentionSeconds: numberIn(spec.deadLetterRetentionSeconds, usual.deadLetterRetentionSeconds),
    dedupeWindowSeconds: numberIn(spec.dedupeWindowSeconds, usual.dedupeWindowSeconds),
    starvationSeconds: numberIn(spec.starvationSeconds, usual.starvationSeconds),
    limits: {
      queue: limitOf(limits.queue, shards),
      perType: objectsIn(limits.perType).map((limit) => ({ type: String(limit.type), ...limitOf(limit, shards) })),
      perGroup: objectsIn(limits.perGroup).map((limit) => ({ group: String(limit.group), ...limitOf(limit, 1) })),
    },
    scaling: compileScaling(spec.scaling),
    balance: compileBalance(spec.balance),
    groupWeights: objectsIn(spec.groupWeights).map(({ group, weight }) => ({
      group: String(group),
      weight: numberIn(weight, 1),
    })),
  };
}

/** Faults of a queue that its schema cannot express. */
export function queueFaults(queue: Resource): Cause[] {
  const { name } = queue.metadata;
  const settings = compileQueue(queue);
  const { limits, shards } = settings;
  const causes: Cause[] = [];
  if (name.length > 63) causes.push(invalidValue('metadata.name', name, 'must be no more than 63 characters'));
  if (settings.retryDelayMaxSeconds < settings.retryDelaySeconds) {
    const rule = 'must not be less than spec.retry.delaySeconds';
    causes.push(invalidValue('spec.retry.maxDelaySeconds', settings.retryDelayMaxSeconds, rule));
  }
  causes.push(...shareFaults(limits.queue, shards, 'spec.limits.queue'));
  for (const [i, limit] of limits.perType.entries())
    causes.push(...shareFaults(limit, shards, `spec.limits.perType[${i}]`));
  causes.push(...scalingFaults(settings.scaling), ...balanceFaults(settings.balance));
  return causes;
}

/** Limits of the queue and of types are divided over the shards, and every shard needs something. */
function shareFaults({ concurrency, rate }: TaskLimit, shards: number, path: string): Cause[] {
  const rule = `must not be less than spec.shards (${shards}), since every shard has a part of it`;
  const causes: Cause[] = [];
  if (concurrency !== null && concurrency < shards) causes.push(invalidValue(`${path}.concurrency`, concurrency, rule));
  if (rate !== null && rate.burst < shards) causes.push(invalidValue(`${path}.rate.burst`, rate.burst, rule));
  return causes;
}

function limitOf(value: JsonValue | undefined, shards: number): TaskLimit {
  const { concurrency, rate } = objectIn(value);
  return {
    concurrency: numberIn(concurrency, null),
    rate: isJsonObject(rate) ? { perSecond: numberIn(rate.perSecond, 1), burst: numberIn(rate.burst, shards) } : null,
  };
}
