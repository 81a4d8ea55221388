/** `starling agent --dry-run`: prints what a start would change on this host, and changes nothing. */

import { randomBytes } from 'node:crypto'
import { isAnswered } from './adapters/api/socket.ts'
import { readBootId } from './adapters/host/boot.ts'
import { isPortTaken } from './adapters/host/listening.ts'
import { hasNetAdmin } from './adapters/netlink/privilege.ts'
import { openAdmission } from './adapters/store/admission.ts'
import { readIdentity } from './adapters/store/identity.ts'
import { readStored } from './adapters/store/store.ts'
import type { Config } from './config.ts'
import { describe } from './core/describe.ts'
import { gatewayOf } from './core/ip/pool.ts'
import { printable } from './core/printable.ts'
import type { CoreParts } from './core-parts.ts'
import type { Store } from './ports/store.ts'
import { type Rehearsed, rehearse } from './rehearsal.ts'
import { version } from './version.ts'
import { keyPairFromSeed } from './wire/signature.ts'

/** Resolves with the exit code: 1 where the start would be refused, 2 where files of the configuration are wrong. */
export async function dryRun(
  config: Config,
  { json, stop }: { readonly json: boolean; readonly stop: AbortSignal },
): Promise<number> {
  try {
    const stored = await readIdentity(config.stateDir)
    const keys = stored ?? keyPairFromSeed(randomBytes(32))
    const snapshot = {
      ...(stored ? await readStored(config.stateDir, keys.id) : nothing),
      // Which container has which address changes nothing of this.
      leases: { leases: [], resting: [] },
    }
    const admission = await openAdmission({ config, keys, stored: snapshot.own })
    if (typeof admission === 'string') {
      console.error(`starling: ${admission}`)
      return 2
    }
    const isRunning = await isAnswered(config.socket)
    const refusals = await refusalsOf(config, isRunning)
    const parts = { config, keys, snapshot, admission, bootId: await readBootId() }
    const plan = planOf(parts, await rehearse({ ...parts, isRunning }, stop))
    const result = { ...plan, agentRuns: isRunning, refusals }
    console.log(json ? JSON.stringify(result, null, 2) : text(result).join('\n'))
    for (const refusal of refusals) console.error(`starling: ${refusal}`)
    return refusals.length === 0 ? 0 : 1
  } catch (error) {
    console.error(`starling: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}

const nothing: Awaited<ReturnType<Store['load']>> = {
  own: { entry: undefined, incarnation: 0, announced: [], gateways: [] },
  known: [],
}

/** Why a start would end at once. That an agent runs already is none: it would be stopped first. */
async function refusalsOf({ port, listen }: Config, isRunning: boolean): Promise<string[]> {
  const refusals: string[] = []
  if (!hasNetAdmin()) {
    refusals.push('the agent would not start without CAP_NET_ADMIN: run it as root, or add it')
  }
  if (!isRunning && (await isPortTaken(port, listen))) {
    refusals.push(
      `the agent would not start, for port ${port} is taken: stop what listens there, or choose another port`,
    )
  }
  return refusals
}

interface Plan {
  readonly name: string
  /** By whom it was told of the cluster: nobody is asked where only who has a certificate is answered. */
  readonly heard: Rehearsed['heard']
  /** Other nodes that are known. */
  readonly nodes: number
  readonly subnets: readonly {
    readonly prefix: string
    readonly gateway: string
    /** It is this node's already; otherwise it is an example. */
    readonly held: boolean
  }[]
  readonly commands: readonly string[]
  readonly problems: readonly {
    readonly code: string
    readonly message: string
    readonly mend: string
  }[]
}

function planOf({ config, snapshot }: CoreParts, { view, heard, commands }: Rehearsed): Plan {
  const body = snapshot.own.entry?.body
  const held = body?.kind === 'record' ? body.claims.map(({ prefix }) => prefix.text) : []
  return {
    name: config.name,
    heard,
    nodes: view.nodes.filter(({ self }) => !self).length,
    subnets: view.own.claims.map(({ prefix }) => ({
      prefix: prefix.text,
      gateway: gatewayOf(prefix).text,
      held: held.includes(prefix.text),
    })),
    commands,
    problems: view.problems.map((problem) => {
      const { message, mend } = describe(problem)
      return { code: problem.code, message, mend }
    }),
  }
}

/** Comments and commands, as a shell reads them. */
function text(plan: Plan & { readonly agentRuns: boolean }): string[] {
  const { name, nodes, subnets, commands, problems, agentRuns } = plan
  const others = `${nodes} other ${nodes === 1 ? 'node' : 'nodes'}`
  const subnetLines = subnets.map(({ prefix, gateway, held }) =>
    held
      ? `# It keeps ${prefix}, gateway ${gateway}.`
      : `# It would claim, for example, ${prefix}, gateway ${gateway}: which one depends on who is there then.`,
  )
  return [
    `# Dry run of starling ${version} on ${name}: nothing is changed, and no other node is told.`,
    ...(agentRuns
      ? ['# An agent runs here: this is what a restart with this configuration would change.']
      : []),
    `# ${heardText[plan.heard]}; ${others} known.`,
    ...(subnetLines.length > 0 ? subnetLines : ['# It would claim nothing.']),
    ...problems.map(({ code, message, mend }) =>
      printable(`# Problem: ${message} [${code}]${mend === '' ? '' : ` -> ${mend}`}`),
    ),
    ...(commands.length > 0 ? commands : ['# Nothing would be changed.']),
  ]
}

const heardText: Readonly<Record<Rehearsed['heard'], string>> = {
  peers: 'The cluster answered',
  nobody: 'Nobody answered',
  'not-asked':
    'The cluster answers only nodes with a certificate, and an identity for one run has none: nobody was asked, and what this node stored last counts',
}
