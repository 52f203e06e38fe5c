import { expect, test } from 'vitest';
import type { ClusterPlacement, Jurisdiction } from '../../src/core/protocol/cluster-settings.ts';
import { createClusterDirectory } from '../../src/storage/cluster-directory.ts';

/** A directory whose objects say by what they were asked for. */
function directory(home: Jurisdiction | null | undefined, declared: Partial<ClusterPlacement>, missing?: string) {
  const asked: string[] = [];
  const space = (place: string) => ({
    getByName: (name: string, options: object) => `${place} ${name} ${JSON.stringify(options)}`,
    jurisdiction: (jurisdiction: string) => {
      if (missing !== undefined) throw new Error(missing);
      return space(jurisdiction);
    },
  });
  const { find, at } = createClusterDirectory(
    space('anywhere') as unknown as Parameters<typeof createClusterDirectory>[0],
    {
      home: async (uid, cluster) => {
        asked.push(`${uid}/${cluster}`);
        return home;
      },
    },
    async () => ({ locationHint: null, jurisdiction: null, ...declared }),
  );
  return { find: async (name: string) => (await find(name)) as unknown as string, at, asked };
}

test('a cluster is found where its data are, whatever is declared, and asked for once', async () => {
  const { find, asked } = directory('eu', { jurisdiction: 'us', locationHint: 'oc' });
  expect(await find('u/main')).toBe('eu u/main@eu {}');
  expect(await find('u/main')).toBe('eu u/main@eu {}');
  expect(asked).toEqual(['u/main']);
  expect(await directory(null, { jurisdiction: 'us' }).find('u/main')).toBe('anywhere u/main {}');
});

test('one without data is found where it is declared to be, near its hint, and is asked for again', async () => {
  const { find, asked } = directory(undefined, { jurisdiction: 'us', locationHint: 'enam' });
  expect(await find('u/main')).toBe('us u/main@us {"locationHint":"enam"}');
  await find('u/main');
  expect(asked).toHaveLength(2);
});

test('where the platform has no jurisdictions the names alone differ; any other failure is one', async () => {
  const declared = { jurisdiction: 'eu' } as const;
  const local = directory(undefined, declared, 'Jurisdiction restrictions are not implemented in workerd.');
  expect(await local.find('u/main')).toBe('anywhere u/main@eu {}');
  await expect(directory(undefined, declared, 'no').find('u/main')).rejects.toThrow('no');
});
