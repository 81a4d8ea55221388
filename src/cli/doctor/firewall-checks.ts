/** Whether other programs' rules let containers' packets through. */

import type { NftChain } from '../../adapters/doctor/firewall.ts'
import type { Flavour } from '../../adapters/firewall/flavours.ts'
import { contains, type Prefix, parsePrefix } from '../../core/ip/prefix.ts'
import { counted, listed } from '../../core/listed.ts'
import {
  type Check,
  type Facts,
  type Finding,
  fail,
  judged,
  ok,
  type Setup,
  unknown,
  warn,
} from './check.ts'

const all: readonly Check[] = [
  {
    code: 'forward-policy',
    group: 'firewall',
    reads:
      'iptables-save and ip6tables-save of both flavours: the policy of FORWARD, and rules for the bridge',
    wrong: 'What is forwarded is dropped, unless a rule takes what goes to and from the bridge.',
    mend: 'Start the agent with --open-forward.',
    judge: (facts) => judged(facts.iptables, 'iptables', (all) => judgePolicies(all, facts.setup)),
  },
  {
    code: 'forward-chain',
    group: 'firewall',
    reads: 'nft -j list ruleset: chains at the hook forward that are not of iptables',
    wrong: 'A chain of nftables drops what is forwarded, and none of its rules names the bridge.',
    mend: 'Accept iifname "starling0" and oifname "starling0" in that chain.',
    judge: ({ nft, setup: { bridge } }) =>
      judged(nft, 'nftables', (chains) => {
        const closed = chains.filter(
          (chain) => isForeignForward(chain) && chain.policy === 'drop' && !mentions(chain, bridge),
        )
        if (closed.length === 0) return [ok('no chain of nftables drops what is forwarded')]
        return closed.map(({ family, table, name }) =>
          fail(
            `chain ${name} of table ${family} ${table} drops what is forwarded`,
            ['iifname', 'oifname']
              .map((word) => `nft insert rule ${family} ${table} ${name} ${word} ${bridge} accept`)
              .join('; '),
          ),
        )
      }),
  },
  {
    code: 'docker-raw',
    group: 'firewall',
    reads: 'iptables-save: table raw, chain PREROUTING',
    wrong:
      "Docker (28.2 and later) drops what comes to a container's address by another interface than its bridge.",
    mend: 'Make the network by `starling docker network NAME`, which sets gateway_mode_ipv4=nat-unprotected.',
    judge: (facts) =>
      judgeDocker(facts, "to containers' addresses", ({ saved }, { bridge, subnets }) =>
        rulesOf(saved, 'raw')
          .filter(({ chain, rule }) => {
            if (chain !== 'PREROUTING' || !rule.endsWith('-j DROP')) return false
            const to = parsePrefix(/(?:^| )-d (\S+)/.exec(rule)?.[1] ?? '')
            const isOurs = to !== undefined && subnets.some((subnet) => contains(subnet, to))
            return isOurs || rule.includes(`! -i ${bridge} `)
          })
          .map(({ rule }) => rule),
      ),
  },
  {
    code: 'docker-filter',
    group: 'firewall',
    reads: 'iptables-save: table filter, chain DOCKER',
    wrong: 'Docker (28 and later) drops what is routed to ports that it does not publish.',
    mend: 'Make the network by `starling docker network NAME`, which sets gateway_mode_ipv4=nat-unprotected.',
    judge: (facts) =>
      judgeDocker(facts, 'to ports that it does not publish', ({ saved }, { bridge }) =>
        rulesOf(saved, 'filter')
          .filter(
            ({ chain, rule }) =>
              /^DOCKER/.test(chain) &&
              chain !== 'DOCKER-USER' &&
              rule.endsWith('-j DROP') &&
              rule.includes(`-o ${bridge} `) &&
              rule.includes(`! -i ${bridge} `),
          )
          .map(({ rule }) => rule),
      ),
  },
  {
    code: 'docker-nft',
    group: 'firewall',
    reads: 'nft -j list ruleset: the tables docker-bridges',
    wrong: 'Docker with `--firewall-backend=nftables` drops what is routed to containers.',
    mend: 'Make the network by `starling docker network NAME`, which sets gateway_mode_ipv4=nat-unprotected.',
    judge: ({ nft, setup: { bridge } }) =>
      judged(nft, "Docker's tables of nftables", (chains) => {
        const dropping = chains.filter(
          ({ table, name, rules }) =>
            table === 'docker-bridges' &&
            (name === `filter-forward-in__${bridge}` || name === 'raw-PREROUTING') &&
            rules.some((rule) => rule.includes('"drop"') && isAbout(rule, name, bridge)),
        )
        if (dropping.length === 0)
          return [ok('no table of Docker in nftables drops for the bridge')]
        const names = listed(dropping.map(({ family, name }) => `${family} ${name}`))
        return [fail(`Docker drops what is routed to containers: ${names}`, anewMend)]
      }),
  },
  {
    code: 'firewalld',
    group: 'firewall',
    reads: 'nft -j list ruleset: the table firewalld',
    wrong: 'firewalld runs and knows nothing of the bridge: it rejects what is forwarded.',
    mend: 'Put the bridge into the zone trusted, and open the port of the agents.',
    judge: ({ nft, setup: { bridge, port } }) =>
      judged(nft, 'firewalld', (chains) => {
        const own = chains.filter(({ table }) => table === 'firewalld')
        if (own.length === 0) return [ok('firewalld does not run')]
        if (own.some((chain) => mentions(chain, bridge))) return [ok(`firewalld knows ${bridge}`)]
        return [
          warn(
            `firewalld runs, and ${bridge} is in none of its zones`,
            `firewall-cmd --permanent --zone=trusted --add-interface=${bridge} && firewall-cmd --permanent --add-port=${port}/tcp && firewall-cmd --reload`,
          ),
        ]
      }),
  },
  {
    code: 'bridge-filter',
    group: 'firewall',
    reads: 'net.bridge.bridge-nf-call-iptables (and ip6tables), and the policies of FORWARD',
    wrong: 'On, and FORWARD drops: not even containers of one bridge reach each other.',
    mend: 'Start the agent with --open-forward, or switch it off where nothing else needs it (Kubernetes does).',
    judge: judgeBridgeFilter,
  },
]

/** Where no bridge is managed it is not known whose packets would have to pass. */
export const firewallChecks: readonly Check[] = all.map((check) => ({
  ...check,
  judge: (facts) => (facts.setup.bridge === '' ? [] : check.judge(facts)),
}))

const openMend = (bridge: string): string =>
  `start the agent with --open-forward; or iptables -I FORWARD -i ${bridge} -j ACCEPT; iptables -I FORWARD -o ${bridge} -j ACCEPT`

const anewMend =
  'make the network anew: docker network rm NAME; starling docker network NAME (it sets gateway_mode_ipv4=nat-unprotected)'

function judgePolicies(all: readonly Flavour[], setup: Setup): readonly Finding[] {
  const closed = closedFlavours(all, setup)
  if (closed.length > 0) {
    const programs = closed.map(({ program }) => program)
    return [
      fail(`FORWARD drops what nothing accepts (${listed(programs)})`, openMend(setup.bridge)),
    ]
  }
  const policies = all.map(({ program, saved }) => `${program} ${policyOf(saved)}`)
  return [ok(`FORWARD lets containers' packets through (${policies.join(', ') || 'no iptables'})`)]
}

/** Those whose policy or last rule drops, where no rule takes what goes to and what comes from the bridge. */
const closedFlavours = (all: readonly Flavour[], { bridge, pools }: Setup): readonly Flavour[] =>
  all.filter(({ family, saved }) => {
    if (!pools.some((pool) => pool.family === family)) return false
    const asked = reachedFrom('FORWARD', rulesOf(saved, 'filter'))
    const isClosed =
      policyOf(saved) !== 'ACCEPT' ||
      asked.some(({ chain, rule }) => chain === 'FORWARD' && /^-j (DROP|REJECT)/.test(rule))
    const takes = (rule: string): boolean => asked.some((each) => each.rule === rule)
    return isClosed && !(takes(`-i ${bridge} -j ACCEPT`) && takes(`-o ${bridge} -j ACCEPT`))
  })

interface Rule {
  readonly chain: string
  readonly rule: string
}

function policyOf(saved: string): string {
  return /^:FORWARD (\S+)/m.exec(tableOf(saved, 'filter'))?.[1] ?? 'ACCEPT'
}

const rulesOf = (saved: string, table: string): Rule[] =>
  [...tableOf(saved, table).matchAll(/^-A (\S+) (.+)$/gm)].map(([, chain = '', rule = '']) => ({
    chain,
    rule: rule.trim(),
  }))

const tableOf = (saved: string, table: string): string =>
  new RegExp(`^\\*${table}$[\\s\\S]*?^COMMIT$`, 'm').exec(saved)?.[0] ?? ''

/** The rules of a chain and of those that it jumps to. */
function reachedFrom(first: string, rules: readonly Rule[]): Rule[] {
  const chains = new Set([first])
  for (const chain of chains) {
    for (const each of rules) {
      const target = each.chain === chain && /-j (\S+)/.exec(each.rule)?.[1]
      if (target) chains.add(target)
    }
  }
  return rules.filter(({ chain }) => chains.has(chain))
}

/** Not those that iptables keeps there, which are judged by its own program. */
const isForeignForward = ({ hook, family, table, name }: NftChain): boolean =>
  hook === 'forward' &&
  ['ip', 'ip6', 'inet'].includes(family) &&
  !(name === 'FORWARD' && table === 'filter' && family !== 'inet')

const mentions = ({ rules }: NftChain, bridge: string): boolean =>
  rules.some((rule) => rule.includes(`"${bridge}"`))

/** A chain that is named after its bridge is about that bridge as a whole. */
const isAbout = (rule: string, chain: string, bridge: string): boolean =>
  chain.endsWith(`__${bridge}`) || rule.includes(`"${bridge}"`)

interface Ours {
  readonly bridge: string
  readonly subnets: readonly Prefix[]
}

function judgeDocker(
  { iptables, setup, agent }: Facts,
  what: string,
  find: (flavour: Flavour, ours: Ours) => readonly string[],
): readonly Finding[] {
  const subnets = (agent?.status.claims ?? []).flatMap(({ prefix }) => parsePrefix(prefix) ?? [])
  return judged(iptables, "Docker's rules", (all) => {
    const found = all.flatMap((flavour) => find(flavour, { bridge: setup.bridge, subnets }))
    if (found.length === 0) return [ok(`Docker drops nothing that is routed ${what}`)]
    const rules = counted(found.length, 'rule')
    return [fail(`Docker drops what is routed ${what} (${rules}: ${found[0]})`, anewMend)]
  })
}

function judgeBridgeFilter({ sysctls, setup, iptables }: Facts): readonly Finding[] {
  const on = ([4, 6] as const).filter(
    (family) =>
      sysctls.get(`bridge/bridge-nf-call-${family === 4 ? 'iptables' : 'ip6tables'}`) === '1',
  )
  if (on.length === 0) return [ok('frames on bridges do not pass iptables')]
  if (!iptables.isKnown) {
    return [
      unknown(
        `frames on bridges pass iptables, whose rules are not known: ${iptables.why}`,
        iptables.mend,
      ),
    ]
  }
  const closed = closedFlavours(iptables.value, setup).filter(({ family }) => on.includes(family))
  if (closed.length === 0) return [ok('frames on bridges pass iptables, which lets them through')]
  return [
    warn(
      'frames on bridges pass iptables, which drops them: containers of one host do not reach each other',
      'start the agent with --open-forward; or, where no Kubernetes needs it, sysctl -w net.bridge.bridge-nf-call-iptables=0',
    ),
  ]
}
