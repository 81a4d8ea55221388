/** The state of an agent as one screen: whether all is well, what to do where it is not, and the facts. */

import type { ProblemMessage, StatusResponse } from '../adapters/api/definition.ts'
import { printable } from '../core/printable.ts'
import { type NestedProblem, nestedProblems } from '../words/problems.ts'
import { targetText } from '../words/route.ts'
import { durationText } from '../words/time.ts'
import { verdictOf } from '../words/verdict.ts'
import { factLines, paint, wrap } from './layout.ts'
import { keptText, useText } from './lease-text.ts'

export function statusText(state: StatusResponse): string[] {
  const troubles = [...problemLines(state.problems), ...openRoutes(state)]
  return [
    ...headline(state),
    ...(troubles.length > 0 ? ['', ...troubles] : []),
    '',
    ...facts(state),
  ]
}

function headline(state: StatusResponse): string[] {
  const { tone, word, text } = verdictOf(state)
  const shown = word.toUpperCase()
  const [first = '', ...rest] = wrap(`${shown}  `, printable(text))
  return [`${paint(['bold', colours[tone]], shown)}${first.slice(shown.length)}`, ...rest]
}

const colours = { good: 'green', warn: 'yellow', bad: 'red' } as const

/** What of the kernel is not as it is wanted. */
function openRoutes({ openRoutes: open, routes }: StatusResponse): string[] {
  const lines = open.flatMap(({ prefix, wanted, kernel }) => {
    const [want, have] = [wanted, kernel?.target].map((target) =>
      target ? targetText(target) : 'nothing',
    )
    const alien = kernel && !kernel.owned ? ' (not ours)' : ''
    return wrap('  route    ', `${prefix}: wanted ${want}, the kernel has ${have}${alien}`)
  })
  const more = routes.wanted - routes.installed + routes.leftover - open.length
  if (lines.length > 0 && more > 0) lines.push(`  and ${more} more: starling routes shows all`)
  return lines
}

function problemLines(problems: readonly ProblemMessage[]): string[] {
  const shown = nestedProblems(problems, shownMax)
  const lines = shown.flatMap(problemText)
  const more = problems.length - shown.length
  if (more > 0) lines.push(`  and ${more} more: starling status --json shows all`)
  return lines
}

function problemText({ level, message, code, mend, depth }: NestedProblem): string[] {
  const mark = level === 'error' ? 'error' : level === 'warn' ? 'warning' : 'note'
  const under = depth === 0 ? '' : `${'   '.repeat(depth - 1)}└─ `
  // By its code docs/operations.md has what to check and do.
  const [first = '', ...rest] = wrap(`  ${mark.padEnd(8)} ${under}`, `${message} [${code}]`)
  const colour = level === 'error' ? 'red' : 'yellow'
  const lines = [`  ${paint(colour, mark.padEnd(8))}${first.slice(10)}`, ...rest]
  if (mend !== '' && depth === 0) lines.push(...wrap(`${' '.repeat(11)}-> `, mend))
  return lines
}

/** `, 1 host down, 2 suspect` */
function missedText({ missed }: StatusResponse): string {
  const counts: readonly (readonly [number, string])[] = [
    [missed.hostDown, missed.hostDown === 1 ? 'host down' : 'hosts down'],
    [missed.agentDown, missed.agentDown === 1 ? 'agent down' : 'agents down'],
    [missed.displaced, 'displaced'],
    [missed.suspect, 'suspect'],
  ]
  return counts
    .filter(([count]) => count > 0)
    .map(([count, word]) => `, ${count} ${word}`)
    .join('')
}

const shownMax = 8

function facts(state: StatusResponse): string[] {
  const others = state.nodes - 1
  const { routes } = state
  const counts: readonly (readonly [number, string])[] = [
    [routes.wanted, 'wanted'],
    [routes.installed, 'in kernel'],
    [routes.missing, 'missing'],
    [routes.alien, 'blocked by aliens'],
    [routes.notOnLink, 'not on-link'],
    [routes.refused, 'refused'],
    [routes.failed, 'failed'],
    [routes.leftover, 'leftover'],
    [routes.shadowed, 'shadowed'],
    [routes.dead, 'dead'],
  ]
  const subnets = state.claims.map(
    ({ prefix, state: claimState, gateway, pool }) =>
      `${prefix} ${claimState}, gateway ${gateway}${pool === '' ? '' : `, pool ${pool}`}`,
  )
  const rows: readonly (readonly [string, string])[] = [
    ['node', `${state.name}  ${state.node}`],
    [
      'cluster',
      `${state.cluster}, ${others} other ${others === 1 ? 'node' : 'nodes'}, ${state.peersConnected} connected${missedText(state)}`,
    ],
    [
      'admission',
      `${admissionWords.get(state.admission) ?? state.admission}${discoveryText(state)}`,
    ],
    ...(subnets.length > 0 ? subnets : ['none']).map((text) => ['subnet', text] as const),
    ...state.subnets.map((subnet) => ['addresses', useText(subnet)] as const),
    ...state.kept.map((kept) => ['kept', keptText(kept)] as const),
    ['announced', state.announced.join(', ')],
    ['next hop', state.nextHops.join(', ') || 'none'],
    [
      'routes',
      counts
        .filter(([count, word]) => count > 0 || word === 'wanted' || word === 'in kernel')
        .map(([count, word]) => `${count} ${word}`)
        .join(', '),
    ],
    ['digest', state.digest],
    ['versions', versionsText(state)],
    ...state.inabilities.map(({ message, mend }) => ['limits', `${message} -> ${mend}`] as const),
    [
      'agent',
      `${state.software}, ${state.phase}, up ${durationText(state.uptimeMs)}, incarnation ${state.incarnation}`,
    ],
  ]
  return factLines(rows)
}

/** Empty: nobody is looked for. */
function discoveryText({ discovery }: StatusResponse): string {
  if (!discovery) return ''
  const { link, heard } = discovery
  return link === ''
    ? '; discovery waits for an interface'
    : `; discovery on ${link} hears ${heard} ${heard === 1 ? 'agent' : 'agents'}`
}

const admissionWords: ReadonlyMap<string, string> = new Map([
  ['open', 'open: whoever connects may join (docs/security.md)'],
  ['key', 'by the cluster key'],
  ['signed', "by the operator's certificates"],
])

/** Empty where all nodes run one. */
const versionsText = ({ versions }: StatusResponse): string =>
  versions.length < 2
    ? ''
    : versions.map(({ software, nodes }) => `${software} on ${nodes}`).join(', ')
