/** What a run of chaos proved, for a terminal. */

import type { Verdict } from './judge/judge.ts'

const shownMax = 40

export function verdictText(verdict: Verdict, again: string): string {
  const { violations, echoes, recoveries, played } = verdict
  const excused = [...echoes.excused.values()].reduce((sum, count) => sum + count, 0)
  return [
    `faults: ${[...played].map(([name, count]) => `${name} ${count}`).join(', ')}`,
    ...[...verdict.skipped].map(([why, count]) => `skipped ${count}: ${why}`),
    `echoes: ${echoes.sent} sent, ${echoes.good} good, ${excused} excused (${[...echoes.excused]
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')}), ${echoes.unexcused} without excuse`,
    'right after the last fault of a round was mended, rounds that had it:',
    ...[...recoveries].map(([name, all]) => `  ${name.padEnd(20)}${recoveryText(all)}`),
    ...violations
      .slice(0, shownMax)
      .map(({ checker, round, what }) => `  ${checker}, round ${round ?? '?'}: ${what}`),
    ...(violations.length > shownMax ? [`  and ${violations.length - shownMax} more`] : []),
    violations.length === 0 ? 'no violation' : `VIOLATED: ${violations.length} times`,
    `again: npm run chaos -- ${again}`,
  ].join('\n')
}

function recoveryText(all: readonly number[]): string {
  const sorted = [...all].sort((a, b) => a - b)
  const at = (share: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
  const text = (ms = 0) => `${(ms / 1_000).toFixed(1)} s`
  return `${sorted.length} times, median ${text(at(0.5))}, p99 ${text(at(0.99))}, at the most ${text(sorted.at(-1))}`
}
