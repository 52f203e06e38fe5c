import type { AgentView } from './agent-view.ts';

const OUTCOMES = ['accepted', 'duplicate', 'stale', 'unknown', 'refused'];

/** Prometheus' text format: https://prometheus.io/docs/instrumenting/exposition_formats/ */
export function metricsText({ tasks, status }: AgentView): string {
  const { counts, outcomes } = tasks;
  const { load } = status;
  return [
    metric('tasks_running', 'gauge', 'Tasks that run.', [['', tasks.running.length]]),
    metric('tasks_begun_total', 'counter', 'Tasks begun.', [['', counts.begun]]),
    metric('tasks_ended_total', 'counter', 'Tasks by how they ended here.', [
      ['{outcome="completed"}', counts.completed],
      ['{outcome="failed"}', counts.failed],
      ['{outcome="lost"}', counts.lost],
    ]),
    metric('tasks_cancelled_total', 'counter', 'Tasks stopped because somebody cancelled them.', [
      ['', counts.cancelled],
    ]),
    metric('results_unreported', 'gauge', 'Results the queue has not answered yet.', [['', tasks.unreported]]),
    metric(
      'results_total',
      'counter',
      'Reports by what the queue made of them.',
      OUTCOMES.map((outcome) => [`{outcome="${outcome}"}`, outcomes[outcome] ?? 0]),
    ),
    metric('joined', 'gauge', 'Whether the cluster was heard of within the session.', [['', status.joined ? 1 : 0]]),
    metric('socket', 'gauge', 'Whether the cluster holds a WebSocket of the agent.', [
      ['', status.link === 'socket' ? 1 : 0],
    ]),
    metric('leader', 'gauge', 'Whether the agent leads its cluster.', [['', status.isLeader ? 1 : 0]]),
    ...(load === null
      ? []
      : [
          metric('cpu_percent', 'gauge', 'Of all processors, between heartbeats.', [['', load.cpuPercent]]),
          metric('memory_bytes', 'gauge', 'Memory in use.', [['', load.memoryBytes]]),
          metric('disk_bytes', 'gauge', 'Disk in use, of the volume of the state folder.', [['', load.diskBytes]]),
        ]),
  ].join('');
}

function metric(
  name: string,
  type: 'counter' | 'gauge',
  help: string,
  values: readonly (readonly [labels: string, value: number])[],
): string {
  const full = `orasi_agent_${name}`;
  const lines = values.map(([labels, value]) => `${full}${labels} ${value}\n`);
  return `# HELP ${full} ${help}\n# TYPE ${full} ${type}\n${lines.join('')}`;
}
