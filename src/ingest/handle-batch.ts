import { OrasiError } from '../core/errors.ts';
import type { BucketEvent, IngestMessage } from '../core/protocol/messages.ts';
import type { PipelineSnapshot } from '../core/protocol/pipeline.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { ObjectRef, StagedFile } from '../storage/ledger.ts';
import { acceptEvent } from './doors.ts';
import { ClaimLost } from './lease.ts';
import { afterFault } from './outcome.ts';
import type { IngestLimits, IngestPorts } from './ports.ts';
import { type PartRemains, takePart } from './take-in.ts';
import { groupKey, takeGroup } from './take-in-group.ts';

/** What became of a message. */
export type MessageOutcome =
  /** Nothing more to do with it: its object is committed, failed, handed over to a new message, or another's work. */
  | { readonly kind: 'done' }
  /** It could not be done now and should come back. */
  | { readonly kind: 'again'; readonly delaySeconds: number };

const DONE: MessageOutcome = { kind: 'done' };
/** Where the fault lies outside any object, the ledger for one, and has no count of its own. */
const SOON: MessageOutcome = { kind: 'again', delaySeconds: 5 };

/** Parts of large objects one invocation takes; five minutes of CPU are for all of a batch. */
const SHARE_PARTS = 4;

type Settle = (object: ObjectRef, outcome: MessageOutcome) => void;

/**
 * Does what the messages of a queue batch ask and says of each what became of it: small objects of a dataset
 * together, larger ones one after another, each claimed when its turn comes. Never throws.
 */
export async function handleBatch(
  ports: IngestPorts,
  messages: readonly (IngestMessage | BucketEvent)[],
): Promise<readonly MessageOutcome[]> {
  const { ledger } = ports.catalog;
  const outcomes: MessageOutcome[] = messages.map(() => DONE);
  const waiting = new Map<string, { ref: ObjectRef; messages: number[] }>();
  for (const [i, message] of messages.entries()) {
    try {
      const ref = 'type' in message ? message : await acceptEvent(ports, message);
      if (ref === null) continue;
      const id = `${ref.namespaceUid}/${ref.objectId}`;
      const known = waiting.get(id);
      if (known === undefined) waiting.set(id, { ref, messages: [i] });
      else known.messages.push(i);
    } catch (error) {
      ports.log.error('message not taken up', { error });
      outcomes[i] = SOON;
    }
  }
  const settle: Settle = ({ namespaceUid, objectId }, outcome) => {
    for (const i of waiting.get(`${namespaceUid}/${objectId}`)?.messages ?? []) outcomes[i] = outcome;
  };

  try {
    const found = await ledger.getAll([...waiting.values()].map(({ ref }) => ref));
    const open = found.filter(({ state }) => state === 'received' || state === 'processing');
    const pipelines = new Map<string, PipelineSnapshot | 'gone' | null>();
    for (const object of open) {
      if (pipelines.has(object.namespaceUid)) continue;
      pipelines.set(object.namespaceUid, await pipelinesOf(ports, object));
    }

    const groups = new Map<string, { snapshot: PipelineSnapshot; members: LedgerObject[] }>();
    const single: { snapshot: PipelineSnapshot; object: LedgerObject }[] = [];
    for (const object of open) {
      const snapshot = pipelines.get(object.namespaceUid);
      if (snapshot === undefined || snapshot === null) {
        settle(object, SOON);
      } else if (snapshot === 'gone') {
        await ledger.abandon(object.namespaceUid, object.objectId, {
          code: 'gone',
          message: 'its namespace was deleted',
        });
      } else if (fitsGroup(object, ports.limits)) {
        const key = groupKey(snapshot, object);
        const group = groups.get(key) ?? { snapshot, members: [] };
        group.members.push(object);
        groups.set(key, group);
      } else {
        single.push({ snapshot, object });
      }
    }
    for (const { snapshot, members } of groups.values()) await handleGroup(ports, snapshot, members, settle);
    await handleSingle(ports, single, settle);
  } catch (error) {
    ports.log.error('batch not handled', { error });
    return outcomes.map(() => SOON);
  }
  return outcomes;
}

/**
 * The pipelines of an object's namespace: 'gone' where that has been deleted, a new one of its name included; null
 * where they cannot be had now.
 */
async function pipelinesOf(
  { control, log }: IngestPorts,
  object: LedgerObject,
): Promise<PipelineSnapshot | 'gone' | null> {
  const { namespace, namespaceUid } = object;
  try {
    if ((await control.namespaceUid(namespace)) !== namespaceUid) return 'gone';
    return await control.pipelines(namespace);
  } catch (error) {
    log.error('pipelines not read', { namespace, error });
    return null;
  }
}

/** Larger objects one after another, each claimed when its turn comes. What is beyond an invocation's share gets a new message. */
async function handleSingle(
  ports: IngestPorts,
  objects: readonly { readonly snapshot: PipelineSnapshot; readonly object: LedgerObject }[],
  settle: Settle,
): Promise<void> {
  let spentBytes = 0;
  for (const [i, { snapshot, object }] of objects.entries()) {
    if (spentBytes >= SHARE_PARTS * ports.limits.partBytes) {
      const rest = objects.slice(i).map(({ object: { namespaceUid, objectId } }) => ({ namespaceUid, objectId }));
      await ports.ingestQueue.send(rest.map((ref): IngestMessage => ({ v: 1, type: 'ingest', ...ref })));
      return;
    }
    spentBytes += Math.min(object.sizeBytes, ports.limits.partBytes);
    try {
      const claimed = await ports.catalog.ledger.claim(object, ports.limits.leaseMs);
      if (claimed === null) continue;
      await ports.faults.reach('after-claim');
      settle(claimed, await handleClaimed(ports, snapshot, claimed));
    } catch (error) {
      ports.log.error('object not handled', { objectId: object.objectId, error });
      settle(object, SOON);
    }
  }
}

/** One that failed before goes alone, so that it cannot take others with it again. */
function fitsGroup({ sizeBytes, failures, checkpoint }: LedgerObject, limits: IngestLimits): boolean {
  return sizeBytes <= Math.min(limits.groupObjectBytes, limits.partBytes) && failures === 0 && checkpoint === undefined;
}

async function handleGroup(
  ports: IngestPorts,
  pipelines: PipelineSnapshot,
  members: readonly LedgerObject[],
  settle: Settle,
): Promise<void> {
  const claimed = await ports.catalog.ledger.claimAll(members, ports.limits.leaseMs);
  if (claimed.length === 0) return;
  await ports.faults.reach('after-claim');
  if (claimed.length === 1) {
    settle(claimed[0], await handleClaimed(ports, pipelines, claimed[0]));
    return;
  }
  const { faults, alone, uncommitted, error } = await takeGroup(ports, pipelines, claimed);
  for (const fault of faults) settle(fault.object, await endPart(ports, fault.object, fault.error, fault.remains));
  // Whoever is at fault, each is tried by itself next: that is what a failure counted against it brings about.
  const reason = new OrasiError('unavailable', `its group was not committed: ${messageOf(error)}`);
  for (const object of uncommitted) settle(object, await endPart(ports, object, reason, NOTHING));
  for (const object of alone) settle(object, await handleClaimed(ports, pipelines, object));
}

const NOTHING: PartRemains = { format: undefined, quarantine: undefined };

async function handleClaimed(
  ports: IngestPorts,
  pipelines: PipelineSnapshot,
  object: LedgerObject,
): Promise<MessageOutcome> {
  const remains: PartRemains = { format: undefined, quarantine: undefined };
  try {
    if (object.failures >= ports.limits.attempts) {
      throw new Error(`its claimants ended without a word; the last error told: ${object.error?.message ?? 'none'}`);
    }
    await takePart(ports, pipelines, object, remains);
    return DONE;
  } catch (error) {
    return await endPart(ports, object, error, remains);
  }
}

/** Ends a part that a fault stopped: the object fails, or is given back to be tried again. */
async function endPart(
  ports: IngestPorts,
  object: LedgerObject,
  error: unknown,
  remains: PartRemains,
): Promise<MessageOutcome> {
  if (error instanceof ClaimLost) return DONE;
  const { ledger } = ports.catalog;
  const next = afterFault(error, object.failures, ports.limits.attempts);
  ports.log.warn('part ended by a fault', {
    objectId: object.objectId,
    attempt: object.attempt,
    part: object.part,
    next: next.kind,
    error,
  });
  try {
    if (next.kind === 'fail') {
      const file = await remains.quarantine?.finish();
      const quarantine: StagedFile[] =
        file === undefined ? [] : [{ kind: 'quarantine', key: file.key, record: JSON.stringify({ rows: file.rows }) }];
      await ledger.fail(object, next.error, {
        format: remains.format,
        rowsQuarantined: remains.quarantine?.total,
        quarantine,
      });
      return DONE;
    }
    await ledger.release(object, next.error, ports.clock.now() + next.delaySeconds * 1000);
    return { kind: 'again', delaySeconds: next.delaySeconds };
  } catch (unsaved) {
    // The lease runs out by itself, and the sweep sends the next message.
    ports.log.error('fault not recorded', { objectId: object.objectId, error: unsaved });
    return DONE;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
