/** What a run of chaos proved, for a terminal. */

import { median, percentile } from '../statistics.ts'
import type { Verdict } from './judge/judge.ts'

const shownMax = 40

export function verdictText(verdict: Verdict, again: string): string {
  const { violations, echoes, recoveries, played, moved, unseen } = verdict
  const excused = [...echoes.excused.values()].reduce((sum, count) => sum + count, 0)
  return [
    `faults: ${[...played].map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ...[...verdict.skipped].map(([why, count]) => `skipped ${count}: ${why}`),
    `echoes: ${echoes.sent} sent, ${echoes.good} good, ${excused} excused (${[...echoes.excused]
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}), ${echoes.unexcused} without excuse`,
    `excused: ${percent(excused, echoes.sent)} of all; the faults that were played allow ${percent(echoes.allowed, echoes.sent)}`,
    `by TCP: ${moved} numbers went and came back`,
    'right after the last fault of a round was mended, rounds that had it:',
    ...[...recoveries].map(([name, all]) => `  ${name.padEnd(20)}${recoveryText(all)}`),
    ...violations
      .slice(0, shownMax)
      .map(({ checker, round, what }) => `  ${checker}, round ${round ?? '?'}: ${what}`),
    ...(violations.length > shownMax ? [`  and ${violations.length - shownMax} more`] : []),
    `events that nobody told: ${unseen.join(', ') || 'none'}`,
    violations.length === 0
      ? 'no violation'
      : `VIOLATED: ${violations.length === 1 ? 'once' : `${violations.length} times`}`,
    `again: npm run chaos -- ${again}`,
  ].join('\n')
}

function recoveryText(all: readonly number[]): string {
  const text = (ms: number) => `${(ms / 1_000).toFixed(1)} s`
  return `${all.length} times, median ${text(median(all))}, p99 ${text(percentile(all, 99))}, at the most ${text(Math.max(...all))}`
}

const percent = (part: number, whole: number): string =>
  `${whole === 0 ? 0 : ((100 * part) / whole).toFixed(1)} %`
