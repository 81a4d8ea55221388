/** The state of an agent as one screen: whether all is well, what to do where it is not, and the facts. */

import type { ProblemMessage, StatusResponse } from '../adapters/api/definition.ts'
import { printable } from '../core/printable.ts'
import { durationText, factLines, paint, wrap } from './layout.ts'
import { keptText, useText } from './lease-text.ts'
import { targetText } from './route-text.ts'

export function statusText(state: StatusResponse): string[] {
  const troubles = [...problemLines(state.problems), ...openRoutes(state)]
  return [...verdict(state), ...(troubles.length > 0 ? ['', ...troubles] : []), '', ...facts(state)]
}

function verdict(state: StatusResponse): string[] {
  const name = printable(state.name)
  if (!state.convergence.converged) {
    return headline('NOT CONVERGED', 'red', `${name}: ${lacks(state).join('; ')}`)
  }
  const summary = `${name} ${achievements(state).join(', ')}`
  if (state.problems.length === 0) return headline('OK', 'green', summary)
  return headline('CONVERGED, WITH PROBLEMS', 'yellow', summary)
}

function headline(word: string, colour: 'red' | 'yellow' | 'green', text: string): string[] {
  const [first = '', ...rest] = wrap(`${word}  `, text)
  return [`${paint(['bold', colour], word)}${first.slice(word.length)}`, ...rest]
}

function achievements(state: StatusResponse): string[] {
  const { peersConnected, routes } = state
  return [
    `has ${state.claims.map(({ prefix }) => prefix).join(' and ') || 'no subnet'}`,
    peersConnected === 0
      ? 'no peer is connected'
      : peersConnected === 1
        ? '1 peer agrees'
        : `${peersConnected} peers agree`,
    routes.wanted === 0
      ? 'no routes are wanted'
      : `${routes.installed} of ${routes.wanted} routes are in the kernel`,
  ]
}

/** What convergence waits for, in words. */
function lacks(state: StatusResponse): string[] {
  const { convergence, claims, routes, phase } = state
  const missing: string[] = []
  if (phase === 'joining') missing.push('joining, no peer has answered yet')
  if (phase === 'purged') missing.push('routes are purged until starling resync')
  if (phase === 'left') missing.push('it has left the cluster')
  if (!convergence.claimed) {
    const tentative = claims.filter((claim) => claim.state === 'tentative')
    missing.push(
      tentative.length > 0
        ? `subnet ${tentative.map(({ prefix }) => prefix).join(', ')} is not confirmed yet`
        : 'it has no subnet',
    )
  }
  if (!convergence.digestsEqual) missing.push(disagreement(state))
  if (!convergence.kernelEqual) {
    const open = routes.wanted - routes.installed
    const parts = [
      open > 0 ? `${open} of ${routes.wanted} routes are not in the kernel` : '',
      routes.leftover > 0 ? `leftover routes to remove: ${routes.leftover}` : '',
    ].filter((part) => part !== '')
    missing.push(parts.join(', ') || 'the kernel differs from what is wanted')
  }
  return missing
}

/** `the records of b differ; c has not been compared yet` */
function disagreement({ differing, differingPeers }: StatusResponse): string {
  if (differing.length === 0) return 'some connected peers may not have the same records yet'
  const named = (word: string) =>
    differing.filter(({ digest }) => digest === word).map(({ name }) => name)
  const [other, open] = [named('different'), named('unknown')]
  const more = differingPeers - differing.length
  return [
    other.length > 0 ? `the records of ${other.join(', ')} are not the same` : '',
    open.length > 0 ? `those of ${open.join(', ')} are not compared yet` : '',
    more > 0 ? `nor are they known to be the same of ${more} more nodes` : '',
  ]
    .filter((part) => part !== '')
    .join(', ')
}

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

/** What follows from another problem is shown under it, without a mend of its own. */
function problemLines(problems: readonly ProblemMessage[]): string[] {
  const lines: string[] = []
  const seen = new Map<string, number>()
  let shown = 0
  const show = (problem: ProblemMessage, place: number, depth: number): void => {
    const alike = (seen.get(problem.code) ?? 0) + 1
    seen.set(problem.code, alike)
    // A thousand routes may have one cause, and one screen must hold all causes.
    if (alike > alikeMax || shown >= shownMax) return
    shown += 1
    lines.push(...problemText(problem, depth))
    for (const [index, each] of problems.entries()) {
      if (each.cause === place) show(each, index + 1, depth + 1)
    }
  }
  for (const [index, problem] of problems.entries()) {
    if (problem.cause === 0) show(problem, index + 1, 0)
  }
  const more = problems.length - shown
  if (more > 0) lines.push(`  and ${more} more: starling status --json shows all`)
  return lines
}

function problemText({ level, message, code, mend }: ProblemMessage, depth: number): string[] {
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

const alikeMax = 3
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
