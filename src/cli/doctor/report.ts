/** The doctor's lines for people: by group, and the verdict last, where it stays on the screen. */

import { type Column, paint, table, wrap } from '../layout.ts'
import type { Line, Verdict, Way, Ways } from './check.ts'
import { groups, verdictOf } from './checks.ts'

export function reportText(lines: readonly Line[], ways: Ways | undefined): string[] {
  const printed = groups.flatMap((group) => {
    const own = lines.filter((line) => line.group === group)
    return own.length === 0 ? [] : [paint('bold', group), ...own.flatMap(lineText), '']
  })
  return [...printed, ...waysText(ways), ...verdictText(lines)]
}

const colours: Readonly<Record<Verdict, 'green' | 'yellow' | 'red' | 'cyan'>> = {
  ok: 'green',
  warn: 'yellow',
  fail: 'red',
  unknown: 'cyan',
}

const codeWidth = 20
const margin = ' '.repeat(2 + 8 + 1 + codeWidth + 1)

function lineText({ verdict, code, message, mend }: Line): string[] {
  const [first = '', ...rest] = wrap(margin, message)
  const head = `  ${paint(colours[verdict], verdict.padEnd(8))} ${paint('dim', code.padEnd(codeWidth))} `
  return [
    `${head}${first.slice(margin.length)}`,
    ...rest,
    ...(mend === '' ? [] : wrap(`${margin}-> `, mend)),
  ]
}

function waysText(ways: Ways | undefined): string[] {
  if (!ways || ways.probed.length === 0) return []
  const worst = [...ways.probed].sort((a, b) => gravity(b) - gravity(a))
  const more = worst.length - shownMax
  return [
    paint('bold', `from ${ways.from.join(' and ')} to other gateways`),
    ...table(worst.slice(0, shownMax), wayColumns).map((line) => `  ${line}`),
    ...(more > 0 ? [`  and ${more} more: starling doctor --json shows all`] : []),
    '',
  ]
}

const shownMax = 16

/** What does not answer first, then the slowest. */
const gravity = ({ outcome, ms }: Way): number =>
  outcome === 'answered' || outcome === 'refused' ? ms : 1_000_000

const wayColumns: readonly Column<Way>[] = [
  { title: 'NODE', text: ({ name }) => name, shorten: { to: 12, keep: 'start' } },
  { title: 'GATEWAY', text: ({ gateway }) => gateway },
  { title: 'ANSWER', text: ({ outcome }) => outcome },
  {
    title: 'AFTER',
    text: ({ ms, outcome }) => (outcome === 'silent' ? '-' : `${ms.toFixed(1)} ms`),
  },
]

function verdictText(lines: readonly Line[]): string[] {
  const verdict = verdictOf(lines)
  const count = (each: Verdict): number => lines.filter((line) => line.verdict === each).length
  const counts = (['fail', 'warn', 'unknown', 'ok'] as const)
    .filter((each) => count(each) > 0)
    .map((each) => `${count(each)} ${each}`)
    .join(', ')
  const word = words[verdict]
  const [first = '', ...rest] = wrap(`${word}  `, counts)
  return [`${paint(['bold', colours[verdict]], word)}${first.slice(word.length)}`, ...rest]
}

const words: Readonly<Record<Verdict, string>> = {
  ok: 'OK',
  warn: 'OK, WITH WARNINGS',
  fail: 'SOMETHING FAILS',
  unknown: 'OK, AS FAR AS IS KNOWN',
}
