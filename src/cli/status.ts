/** `starling status`: whether all is well, what to do where it is not, and the facts. */

import type { ProblemMessage, StatusResponse } from '../adapters/api/definition.ts'
import { exitCode } from './exit-code.ts'
import { durationText, paint, printable, wrap } from './layout.ts'
import { keptText, useText } from './lease-text.ts'
import { answerMs, printJson, type Shared, withAgent } from './session.ts'

export interface StatusOptions extends Shared {
  readonly wait?: true
  /** Seconds. */
  readonly timeout: number
}

export function status(options: StatusOptions): Promise<number> {
  const { wait = false } = options
  const waitMs = wait ? Math.max(1, Math.round(options.timeout * 1_000)) : 0
  return withAgent(
    options,
    async (agent, leftMs) => {
      const timeoutMs = Math.max(1, Math.round(leftMs))
      const state = await agent.call('Status', { wait, timeoutMs }, timeoutMs + answerMs)
      if (options.json) printJson(state)
      else console.log(statusText(state).join('\n'))
      // Waiting asks one question: has it converged? Otherwise every problem counts.
      const well = state.convergence.converged && (wait || state.problems.length === 0)
      return well ? exitCode.fine : exitCode.failed
    },
    waitMs,
  )
}

function statusText(state: StatusResponse): string[] {
  return [...verdict(state), ...problemLines(state.problems), '', ...facts(state)]
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
  if (!convergence.digestsEqual)
    missing.push('some connected peers may not have the same records yet')
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

function problemLines(problems: readonly ProblemMessage[]): string[] {
  const lines: string[] = []
  const seen = new Map<string, number>()
  let shown = 0
  for (const problem of problems) {
    const alike = (seen.get(problem.code) ?? 0) + 1
    seen.set(problem.code, alike)
    // A thousand routes may have one cause, and one screen must hold all causes.
    if (alike > alikeMax || shown >= shownMax) continue
    shown += 1
    const mark = problem.level === 'error' ? 'error' : problem.level === 'warn' ? 'warning' : 'note'
    // By its code docs/operations.md has what to check and do.
    const text = `${problem.message} [${problem.code}]`
    const [first = '', ...rest] = wrap(`  ${mark.padEnd(8)} `, text)
    const colour = problem.level === 'error' ? 'red' : 'yellow'
    lines.push(`  ${paint(colour, mark.padEnd(8))} ${first.slice(11)}`, ...rest)
    if (problem.mend !== '') lines.push(...wrap(`${' '.repeat(11)}-> `, problem.mend))
  }
  const more = problems.length - shown
  if (more > 0) lines.push(`  and ${more} more: starling status --json shows all`)
  return lines.length > 0 ? ['', ...lines] : []
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

/** Empty: nobody is looked for. */
function discoveryText({ discovery, admission, cluster }: StatusResponse): string {
  if (!discovery) return ''
  const { link, heard } = discovery
  const where =
    link === ''
      ? 'waits for an interface'
      : `on ${link}, ${heard} ${heard === 1 ? 'agent' : 'agents'} heard`
  return admission === 'open'
    ? `${where}; admission is open: whoever is on that LAN and says ${cluster} joins, unless --cluster-key-file is set`
    : where
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
    ...(subnets.length > 0 ? subnets : ['none']).map((text) => ['subnet', text] as const),
    ...state.subnets.map((subnet) => ['addresses', useText(subnet)] as const),
    ...state.kept.map((kept) => ['kept', keptText(kept)] as const),
    ['discovery', discoveryText(state)],
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
    ...state.inabilities.map(({ message, mend }) => ['limits', `${message} -> ${mend}`] as const),
    [
      'agent',
      `${state.software}, ${state.phase}, up ${durationText(state.uptimeMs)}, incarnation ${state.incarnation}`,
    ],
  ]
  return rows
    .filter(([, text]) => text !== '')
    .flatMap(([label, text]) => {
      const [first = '', ...rest] = wrap(label.padEnd(11), text)
      return [`${paint('dim', label.padEnd(11))}${first.slice(11)}`, ...rest]
    })
}
