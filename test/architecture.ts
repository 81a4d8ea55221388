/** Who may import whom, as rules for dependency-cruiser. */

import { cruise, type ICruiseResult, type IForbiddenRuleType } from 'dependency-cruiser'

interface Rule {
  readonly from: string
  readonly to: readonly string[]
}

/** Folders that may import what is listed and nothing else in the world. */
const closed: readonly Rule[] = [
  { from: '^src/core/(?!ip/)', to: ['^src/core/'] },
  { from: '^src/core/ip/', to: ['^src/core/ip/', folderOf('ip-num')] },
  {
    from: '^src/wire/',
    to: [
      '^src/core/',
      '^src/wire/',
      folderOf('msgpackr'),
      folderOf('multiformats'),
      folderOf('quick-lru'),
      '^crypto$',
    ],
  },
  { from: '^src/ports/', to: ['^src/core/', '^src/ports/'] },
  { from: '^src/cni/', to: ['^src/core/', '^src/cni/'] },
  { from: '^src/runtime/', to: ['^src/core/', '^src/ports/', '^src/runtime/'] },
  { from: '^src/words/', to: ['^src/words/', '^src/adapters/api/definition[.]ts$'] },
  {
    from: '^src/page/',
    to: [
      '^src/page/',
      '^src/words/',
      '^src/core/ip/',
      // Types of messages alone.
      '^src/adapters/api/(board|definition|pool-map)[.]ts$',
      ...['preact', '@preact'].map(folderOf),
    ],
  },
]

/** Folders that may import what is listed of this project, and packages besides. */
const bordered: readonly Rule[] = [
  {
    from: '^src/adapters/(?!(?:cni|doctor)/)([^/]+)/',
    to: ['^src/core/', '^src/wire/', '^src/ports/', '^src/adapters/$1/'],
  },
  {
    from: '^src/adapters/doctor/',
    to: ['^src/core/', '^src/adapters/doctor/', '^src/adapters/firewall/(flavours|program)[.]ts$'],
  },
  {
    from: '^src/adapters/cni/',
    to: ['^src/core/', '^src/ports/', '^src/cni/', '^src/adapters/cni/'],
  },
  {
    from: '^src/cli/',
    to: [
      '^src/cli/',
      '^src/(config|version)',
      '^src/core/(codes|ip|trust)/',
      '^src/core/(claim/record|describe|description|listed|note|printable|problem|sysctl)[.]ts$',
      '^src/words/',
      '^src/wire/(paper|signature)[.]ts$',
      '^src/cni/',
      '^src/adapters/api/(client|definition)[.]ts$',
      '^src/adapters/docker/engine[.]ts$',
      '^src/adapters/cni/installation[.]ts$',
      '^src/adapters/doctor/',
      '^src/adapters/firewall/(flavours|program)[.]ts$',
    ],
  },
  {
    from: '^simulations/sim/',
    to: ['^simulations/(sim/|insider/|literal|chaos/plan/)', '^src/(core|wire|ports|runtime)/'],
  },
  {
    from: '^simulations/chaos/plan/',
    to: ['^simulations/chaos/plan/', '^simulations/sim/random[.]ts$', '^src/core/'],
  },
  {
    from: '^simulations/insider/',
    to: ['^simulations/(insider/|literal)', '^src/(core|wire)/'],
  },
]

/** What a folder must not reach by any number of steps. */
const outOfReach: readonly Rule[] = [
  { from: '^simulations/sim/', to: ['^src/adapters/'] },
  {
    from: '^src/cli/',
    to: [
      '^src/adapters/(libp2p|netlink)/',
      '^src/runtime/',
      ...['libp2p', '@libp2p', 'netlink'].map(folderOf),
    ],
  },
]

/** The one folder that knows a package. */
const owners: readonly Rule[] = [
  { from: '^src/adapters/libp2p/', to: ['libp2p', '@libp2p', '@chainsafe', '@multiformats'] },
  { from: '^src/adapters/netlink/', to: ['netlink'] },
  { from: '^src/adapters/api/', to: ['@grpc'] },
  { from: '^src/adapters/mdns/', to: ['dns-packet'] },
  { from: '^src/adapters/telemetry/', to: ['pino', 'pino-pretty'] },
  { from: '^src/adapters/web/', to: ['prom-client'] },
  { from: '^src/cli/', to: ['commander'] },
  { from: '^src/page/', to: ['preact', '@preact'] },
  { from: '^src/config', to: ['yaml', 'zod', 'fastest-levenshtein'] },
]

const ours = '^(src|simulations|bench|test)/'

const forbidden: IForbiddenRuleType[] = [
  { name: 'no cycles', from: {}, to: { circular: true } },
  { name: 'no unknown imports', from: {}, to: { couldNotResolve: true } },
  { name: 'sources know no tests', from: { path: '^src/' }, to: { path: ours, pathNot: '^src/' } },
  ...closed.map(({ from, to }) => ({
    name: `${from} is closed`,
    from: { path: from },
    to: { pathNot: [...to] },
  })),
  ...bordered.map(({ from, to }) => ({
    name: `${from} has a border`,
    from: { path: from },
    to: { path: ours, pathNot: [...to] },
  })),
  ...outOfReach.map(({ from, to }) => ({
    name: `out of reach of ${from}`,
    from: { path: from },
    to: { path: [...to], reachable: true as const },
  })),
  ...owners.map(({ from, to }) => ({
    name: `known to ${from} alone`,
    from: { path: '^src/', pathNot: from },
    to: { path: to.map(folderOf) },
  })),
]

export interface Architecture {
  /** Files of this project that were seen. */
  readonly files: readonly string[]
  /** One line per broken rule. */
  readonly violations: readonly string[]
}

/** Reads `folders` of the project at `baseDir`. Type imports count: they are knowledge of each other, too. */
export async function architectureOf(
  baseDir: string,
  folders: readonly string[],
): Promise<Architecture> {
  const { modules, summary } = await cruiseResult(baseDir, folders)
  return {
    files: modules.map(({ source }) => source).filter((source) => source.match(ours)),
    violations: summary.violations.map(({ rule, from, to }) => `${rule.name}: ${from} -> ${to}`),
  }
}

async function cruiseResult(baseDir: string, folders: readonly string[]): Promise<ICruiseResult> {
  const { output } = await cruise(
    [...folders],
    {
      baseDir,
      ruleSet: { forbidden: forbidden.map((rule) => ({ severity: 'error', ...rule })) },
      validate: true,
      tsPreCompilationDeps: true,
      doNotFollow: { path: 'node_modules' },
    },
    {
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.json'],
      conditionNames: ['import', 'node', 'types'],
      exportsFields: ['exports'],
    },
  )
  if (typeof output === 'string') throw new TypeError(`dependency-cruiser answers: ${output}`)
  return output
}

function folderOf(packageName: string): string {
  return `node_modules/${packageName}/`
}
