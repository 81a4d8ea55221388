/** What chains of rules do with a packet, as far as their conditions are understood. */

import type { FirewallVerdict, Packet } from '../../core/path/look.ts'

export interface Rule {
  /** As its program writes it. */
  readonly text: string
  /** Undefined: it depends on what is not known here. */
  readonly matches: (packet: Packet) => boolean | undefined
  readonly action: Action
}

/** `pass-on`: it changes or counts, and the next rule is asked. `unknown`: anything may come of it. */
export type Action =
  | { readonly type: 'accept' | 'drop' | 'return' | 'pass-on' | 'unknown' }
  | { readonly type: 'jump' | 'goto'; readonly chain: string }

export interface Chain {
  readonly name: string
  readonly rules: readonly Rule[]
}

/** A chain that the kernel asks itself, with the chains of its table by name. */
export interface BaseChain extends Chain {
  readonly policy: 'accept' | 'drop'
  readonly others: ReadonlyMap<string, Chain>
}

interface Outcome {
  readonly type: 'accept' | 'drop' | 'return'
  readonly by: string
}

/** Every chain is asked: what one accepts the next may drop. */
export function judge(chains: readonly BaseChain[], packet: Packet): FirewallVerdict {
  let doubt: FirewallVerdict | undefined
  let pass = 'it has no rules for what is forwarded'
  for (const chain of chains) {
    const outcomes = outcomesOf(chain, chain.others, packet).map((outcome) =>
      outcome.type === 'return' ? policyOf(chain) : outcome,
    )
    const drop = outcomes.find(({ type }) => type === 'drop')
    const accept = outcomes.find(({ type }) => type === 'accept')
    if (drop && !accept) return { verdict: 'drop', by: drop.by }
    if (drop) doubt ??= { verdict: 'unknown', by: `it depends on ${outcomes[0]?.by}` }
    else if (accept) pass = accept.by
  }
  return doubt ?? { verdict: 'pass', by: pass }
}

const policyOf = ({ name, policy }: BaseChain): Outcome => ({
  type: policy,
  by: `policy ${policy} of ${name}`,
})

/** Deeper than any that people write; the kernel itself has no more. */
const depthMax = 16

/** All that may come of it; what is certain is the only one. */
function outcomesOf(
  { rules }: Chain,
  others: ReadonlyMap<string, Chain>,
  packet: Packet,
  depth = 0,
): Outcome[] {
  const found: Outcome[] = []
  for (const { text, matches, action } of rules) {
    const isMet = matches(packet)
    if (isMet === false) continue
    const { ends, goesOn } = consequences(action, text, others, packet, depth)
    found.push(...ends)
    if (isMet && !goesOn) return found
  }
  return [...found, { type: 'return', by: '' }]
}

function consequences(
  action: Action,
  by: string,
  others: ReadonlyMap<string, Chain>,
  packet: Packet,
  depth: number,
): { readonly ends: readonly Outcome[]; readonly goesOn: boolean } {
  switch (action.type) {
    case 'pass-on':
      return { ends: [], goesOn: true }
    case 'jump':
    case 'goto': {
      const chain = others.get(action.chain)
      if (!chain || depth >= depthMax) return anything(by)
      const outcomes = outcomesOf(chain, others, packet, depth + 1)
      if (action.type === 'goto') return { ends: outcomes, goesOn: false }
      return {
        ends: outcomes.filter(({ type }) => type !== 'return'),
        goesOn: outcomes.some(({ type }) => type === 'return'),
      }
    }
    case 'unknown':
      return anything(by)
    default:
      return { ends: [{ type: action.type, by }], goesOn: false }
  }
}

const anything = (by: string) => ({
  ends: [
    { type: 'accept', by },
    { type: 'drop', by },
  ] as const,
  goesOn: true,
})

/** What all conditions together say. */
export function all(conditions: readonly (boolean | undefined)[]): boolean | undefined {
  if (conditions.includes(false)) return false
  return conditions.includes(undefined) ? undefined : true
}
