/** Tasks and clusters on workerd, against what a team would otherwise run. */
import { launch } from '../scripts/launcher.ts';
import { failoverSection, stateSection } from './cluster.ts';
import type { BenchSection } from './harness.ts';
import { depthSection } from './task-counts.ts';
import { taskSection } from './tasks.ts';

export async function run(): Promise<BenchSection[]> {
  const sections: BenchSection[] = [];
  // Each part has a runtime of its own: what one leaves in memory is not the next one's.
  for (const part of [taskSection, stateSection, failoverSection, depthSection]) {
    const started = performance.now();
    const instance = await launch({ vars: { LOG_LEVEL: 'error' } });
    try {
      const section = await part(instance);
      sections.push(section);
      for (const { what, ours, peer, ratio, note } of section.rows)
        process.stderr.write(`${what}: ${ours} against ${peer}, ${ratio?.toFixed(2) ?? ''} × (${note})\n`);
      process.stderr.write(`${section.title}: ${Math.round((performance.now() - started) / 1_000)} s\n`);
    } catch (error) {
      // The other parts took minutes and are good: this one keeps what the page has, and the run fails in the end.
      process.stderr.write(`${part.name} FAILED: ${error instanceof Error ? error.stack : error}\n`);
      process.exitCode = 1;
    } finally {
      await instance.stop();
    }
  }
  return sections;
}
