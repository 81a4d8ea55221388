/** The table `filter` of iptables as `iptables-save` prints it, and what must be written to open it. */

export interface Filter {
  /** Policies by chain; `-` for those of users. */
  readonly chains: ReadonlyMap<string, string>
  /** What follows `-A CHAIN ` in each rule, in order, by chain. */
  readonly rules: ReadonlyMap<string, readonly string[]>
}

export function parseFilter(saved: string): Filter {
  const chains = new Map<string, string>()
  const rules = new Map<string, string[]>()
  for (const line of saved.split('\n')) {
    const [, chain, policy] = /^:(\S+) (\S+)/.exec(line) ?? []
    if (chain !== undefined && policy !== undefined) chains.set(chain, policy)
    const [, parent, rule] = /^-A (\S+) (.*)$/.exec(line) ?? []
    if (parent !== undefined && rule !== undefined) {
      rules.set(parent, [...(rules.get(parent) ?? []), rule])
    }
  }
  return { chains, rules }
}

/** Our chain, and the rule by which others' chain leads there. */
export interface Ours {
  readonly chain: string
  readonly jump: string
}

export const oursNamed = (name: string): Ours => {
  const chain = name.toUpperCase()
  return { chain, jump: `-m comment --comment ${name} -j ${chain}` }
}

/** Whether anything of others may drop what is forwarded. */
export const isRestrictive = (filter: Filter, { jump }: Ours): boolean =>
  (filter.chains.get('FORWARD') ?? 'ACCEPT') !== 'ACCEPT' ||
  rulesIn(filter, 'FORWARD').some((rule) => rule !== jump)

/** Whether a chain of others leads to ours. */
export const isOpened = (filter: Filter, { jump }: Ours): boolean =>
  parentsOf(filter, jump).length > 0

/** Input for `iptables-restore --noflush`; empty where all is as it must be. */
export function openingLines(filter: Filter, ours: Ours, bridge: string): string {
  const { chain, jump } = ours
  const accepts = [`-i ${bridge} -j ACCEPT`, `-o ${bridge} -j ACCEPT`]
  const parent = parentIn(filter)
  const others = rulesIn(filter, parent).filter((rule) => rule !== jump)
  const last = lastPlaceAmong(others)
  const isRight =
    rulesIn(filter, chain).join('\n') === accepts.join('\n') &&
    parentsOf(filter, jump).join() === parent &&
    rulesIn(filter, parent).indexOf(jump) <= last
  if (isRight) return ''
  return lines([
    // With `--noflush` this makes the chain, or empties it.
    `:${chain} - [0:0]`,
    ...accepts.map((rule) => `-A ${chain} ${rule}`),
    ...parentsOf(filter, jump).map((each) => `-D ${each} ${jump}`),
    // In DOCKER-USER goes before ours what an operator decides there.
    `-I ${parent} ${parent === 'FORWARD' ? 1 : last + 1} ${jump}`,
  ])
}

/** Empty where nothing of ours is there. */
export function closingLines(filter: Filter, ours: Ours): string {
  const { chain, jump } = ours
  if (!filter.chains.has(chain) && !isOpened(filter, ours)) return ''
  return lines([
    ...parentsOf(filter, jump).map((parent) => `-D ${parent} ${jump}`),
    ...(filter.chains.has(chain) ? [`-F ${chain}`, `-X ${chain}`] : []),
  ])
}

/** Docker leaves this chain to others, and asks it first. */
function parentIn(filter: Filter): string {
  const isAsked = rulesIn(filter, 'FORWARD').includes('-j DOCKER-USER')
  return isAsked && filter.chains.has('DOCKER-USER') ? 'DOCKER-USER' : 'FORWARD'
}

/** How many of the rules come before the one that no packet passes. Others may put theirs before ours: it is not fought. */
function lastPlaceAmong(others: readonly string[]): number {
  const end = others.findIndex((rule) => /^-j (RETURN|ACCEPT|DROP|REJECT\b.*)$/.test(rule))
  return end < 0 ? others.length : end
}

/** A chain once for each jump of ours in it. */
const parentsOf = ({ rules }: Filter, jump: string): string[] =>
  [...rules].flatMap(([parent, all]) => all.filter((rule) => rule === jump).map(() => parent))

const rulesIn = ({ rules }: Filter, chain: string): readonly string[] => rules.get(chain) ?? []

const lines = (body: readonly string[]): string => ['*filter', ...body, 'COMMIT', ''].join('\n')
