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
    const asked: Asked = { others: chain.others, packet, known: new Map() }
    const outcomes = outcomesOf(chain, asked).map((outcome) =>
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

interface Asked {
  readonly others: ReadonlyMap<string, Chain>
  readonly packet: Packet
  /** What comes of a chain: many rules may lead there. */
  readonly known: Map<Chain, readonly Outcome[]>
}

/** All that may come of it, the first of each kind; what is certain is the only one. */
function outcomesOf(chain: Chain, asked: Asked, depth = 0): readonly Outcome[] {
  const before = asked.known.get(chain)
  if (before) return before
  // No kernel has chains that lead back to themselves.
  asked.known.set(chain, anything(`chain ${chain.name}`).ends)
  const found = new Map<Outcome['type'], Outcome>()
  const add = (outcome: Outcome): void => {
    if (!found.has(outcome.type)) found.set(outcome.type, outcome)
  }
  let isOver = false
  for (const { text, matches, action } of chain.rules) {
    const isMet = matches(asked.packet)
    if (isMet === false) continue
    const { ends, goesOn } = consequences(action, text, asked, depth)
    for (const end of ends) add(end)
    isOver = isMet === true && !goesOn
    if (isOver) break
  }
  if (!isOver) add({ type: 'return', by: '' })
  const outcomes = [...found.values()]
  asked.known.set(chain, outcomes)
  return outcomes
}

function consequences(
  action: Action,
  by: string,
  asked: Asked,
  depth: number,
): { readonly ends: readonly Outcome[]; readonly goesOn: boolean } {
  switch (action.type) {
    case 'pass-on':
      return { ends: [], goesOn: true }
    case 'jump':
    case 'goto': {
      const chain = asked.others.get(action.chain)
      if (!chain || depth >= depthMax) return anything(by)
      const outcomes = outcomesOf(chain, asked, depth + 1)
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
