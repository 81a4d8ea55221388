/** How a simulation went, as text for a terminal. */

import type { Millis } from '../../src/core/rng.ts'
import type { Phase } from './phase.ts'
import type { Outcome } from './simulate.ts'

export function report(outcome: Outcome): string {
  return [
    ...heading(outcome),
    ...outcome.phases.flatMap(phaseLines),
    ...outcome.remarks,
    ...verdict(outcome),
  ].join('\n')
}

export function heading({ scenario, nodes, seed, faults }: Outcome): string[] {
  const [least, greatest] = faults.latencyMs
  return [
    `${scenario}, ${nodes} nodes, seed ${seed}`,
    `network: latency ${least.toFixed(2)} to ${greatest.toFixed(2)} ms, ${percent(faults.lossRate)} lost, ${percent(faults.duplicateRate)} twice`,
    '',
  ]
}

export function phaseLines(phase: Phase): string[] {
  const { work } = phase
  const perNode = (count: number) => (count / Math.max(1, phase.hosts)).toFixed(1)
  return [
    `${phase.name}: settled after ${time(phase.settledMs)} (${phase.hosts} agents)`,
    `  first claim ${time(phase.firstClaimMs)}, all confirmed ${time(phase.allConfirmedMs)}, all kernels complete ${time(phase.kernelsCompleteMs)}`,
    `  kernel writes ${work.kernelWrites}; per node ${perNode(work.gossipMessages)} gossip and ${perNode(work.syncMessages)} sync messages, ${perNode(work.bytes / 1024)} KiB, ${perNode(work.probes)} anti-entropy exchanges`,
  ]
}

function verdict(outcome: Outcome): string[] {
  const { violations, seed } = outcome
  const trace = [
    '',
    `${time(outcome.virtualMs)} of virtual time, ${outcome.happenings} happenings, ${outcome.traceLines} trace lines`,
    `trace ${outcome.traceHash}`,
  ]
  if (violations.length === 0) return [...trace, 'every checker is content']
  return [
    ...trace,
    `VIOLATED, seed ${seed}: ${[...new Set(violations.map(({ checker }) => checker))].join(', ')}`,
    ...violations.slice(0, 20).map(({ checker, host, what }) => `  ${checker}: ${host}: ${what}`),
    ...(violations.length > 20 ? [`  and ${violations.length - 20} more`] : []),
    `again: npm run sim -- ${outcome.again}`,
  ]
}

const time = (ms: Millis | undefined): string =>
  ms === undefined ? '-' : ms < 1_000 ? `${ms.toFixed(0)} ms` : `${(ms / 1_000).toFixed(2)} s`

const percent = (rate: number): string => `${(rate * 100).toFixed(1)} %`
