import type { Command } from '../cli/command.ts';
import { type Page, readPages } from '../cli/pages.ts';
import { sizeText } from '../cli/size-text.ts';
import { pathOf } from '../client/client.ts';

interface DatasetView {
  readonly name: string;
  readonly columns: readonly { readonly name: string; readonly type: string; readonly nullable: boolean }[];
  readonly rows: number;
  readonly segments: number;
  readonly sizeBytes: number;
  readonly indexes: readonly {
    readonly name: string;
    readonly kind: string;
    readonly fields: readonly string[];
    readonly state: string;
    readonly segmentsIndexed: number;
  }[];
}

const DATASET = { name: 'DATASET', summary: 'the name of a dataset' } as const;

/** `orasi datasets …` */
export const datasetCommands: readonly Command[] = [
  {
    words: ['datasets', 'list'],
    summary: 'list datasets',
    async run({ connect, output }) {
      const { client, namespace } = await connect();
      const path = pathOf('v1', 'namespaces', namespace, 'datasets');
      const items = await readPages((query) => client.json<Page<DatasetView>>({ method: 'GET', path, query }));
      if (output.isJson) await output.json({ items });
      else {
        await output.table(
          ['DATASET', 'ROWS', 'COLUMNS', 'SEGMENTS', 'SIZE', 'INDEXES'],
          items.map((each) => [
            each.name,
            each.rows,
            each.columns.length,
            each.segments,
            sizeText(each.sizeBytes),
            each.indexes.map(({ name, state }) => (state === 'ready' ? name : `${name} (${state})`)).join(', '),
          ]),
        );
      }
      return 0;
    },
  },
  {
    words: ['datasets', 'get'],
    summary: 'show the columns and indexes of a dataset',
    arguments: [DATASET],
    async run({ args: [name], connect, output }) {
      const { client, namespace } = await connect();
      const path = pathOf('v1', 'namespaces', namespace, 'datasets', name);
      const dataset = await client.json<DatasetView>({ method: 'GET', path });
      if (output.isJson) {
        await output.json(dataset);
        return 0;
      }
      await output.table(
        ['COLUMN', 'TYPE', 'NULLABLE'],
        dataset.columns.map((column) => [column.name, column.type, column.nullable ? 'yes' : 'no']),
      );
      if (dataset.indexes.length > 0) {
        await output.write('\n');
        await output.table(
          ['INDEX', 'KIND', 'FIELDS', 'STATE', 'SEGMENTS'],
          dataset.indexes.map((index) => [
            index.name,
            index.kind,
            index.fields.join(', '),
            index.state,
            `${index.segmentsIndexed} of ${dataset.segments}`,
          ]),
        );
      }
      return 0;
    },
  },
  {
    words: ['datasets', 'delete'],
    summary: 'delete a dataset with all its rows, for good',
    arguments: [DATASET],
    async run({ args: [name], connect, output }) {
      const { client, namespace } = await connect();
      await client.send({ method: 'DELETE', path: pathOf('v1', 'namespaces', namespace, 'datasets', name) });
      output.note(`deleted ${name}`);
      return 0;
    },
  },
];
