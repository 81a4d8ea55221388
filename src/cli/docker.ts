/** `starling docker network NAME`: makes the network on which Docker's containers get starling's addresses. */

import { type Engine, EngineError, engineAt, type Network } from '../adapters/docker/engine.ts'
import { printable } from '../core/printable.ts'
import {
  canLackIPv4,
  createCommand,
  ipamDriver,
  obstacleTo,
  wantedNetwork,
} from './docker-network.ts'
import { exitCode } from './exit-code.ts'
import { answerMs, fail, printJson, type Shared, withAgent } from './session.ts'

export interface DockerOptions extends Shared {
  readonly dockerHost: string
  /** The command is printed, and nothing is made. */
  readonly print?: true
}

export async function network(name: string, options: DockerOptions): Promise<number> {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(name)) {
    return fail(
      options,
      'usage',
      `${JSON.stringify(name)} is not a network name: write letters, digits, dots, dashes, underscores`,
    )
  }
  const found = await place(options)
  if (typeof found === 'number') return found
  try {
    const engine = engineAt(options.dockerHost)
    const version = await engine.version()
    if (!found.subnets.some((subnet) => !subnet.includes(':')) && !canLackIPv4(version)) {
      return fail(
        options,
        'no-ipv4',
        `this host has no IPv4 subnet, which Docker ${version} needs: use Docker 28 or later, or give all agents an IPv4 --pool`,
      )
    }
    const wanted = wantedNetwork({ name, ...found, version })
    if (options.print) return report(options, wanted, createCommand(wanted), false)
    return await make(engine, wanted, options)
  } catch (thrown) {
    if (!(thrown instanceof EngineError)) throw thrown
    return fail(options, thrown.code, thrown.message)
  }
}

/** Bridge and subnets of this host, or the exit code of a failure that has been told. */
async function place(
  options: DockerOptions,
): Promise<number | { readonly bridge: string; readonly subnets: readonly string[] }> {
  let bridge = ''
  let subnets: readonly string[] = []
  const code = await withAgent(options, async (agent) => {
    const status = await agent.call('Status', { wait: false, timeoutMs: 0 }, answerMs)
    bridge = status.bridge
    subnets = status.claims.filter(({ state }) => state === 'confirmed').map(({ prefix }) => prefix)
    return exitCode.fine
  })
  if (code !== exitCode.fine) return code
  if (subnets.length === 0) {
    return fail(
      options,
      'no-subnet',
      'this host has no confirmed subnet yet: starling status says why',
    )
  }
  if (bridge === '') {
    return fail(
      options,
      'no-bridge',
      'the agent manages no bridge: start it without --bridge none, so that Docker does not make a bridge of its own',
    )
  }
  return { bridge, subnets }
}

async function make(engine: Engine, wanted: Network, options: DockerOptions): Promise<number> {
  const { name } = wanted
  const obstacle = obstacleTo(wanted, await engine.networks())
  switch (obstacle.type) {
    case 'there':
      return report(options, wanted, `network ${name} already exists, as it should be`, false)
    case 'differs':
      return fail(
        options,
        'network-differs',
        `network ${name} already exists, but ${obstacle.how}: docker network rm ${name}, or choose another name`,
      )
    case 'bridge-in-use':
      return fail(
        options,
        'bridge-in-use',
        `network ${obstacle.by} already has this host's bridge or subnet, and Docker allows only one: use it (docker run --network ${obstacle.by}), or docker network rm ${obstacle.by}`,
      )
    case 'nothing':
      break
    default:
      return obstacle satisfies never
  }
  try {
    await engine.create(wanted)
  } catch (thrown) {
    if (!(thrown instanceof EngineError) || thrown.code !== 'docker-refused') throw thrown
    return fail(options, thrown.code, `Docker refuses network ${name}: ${refusal(thrown.message)}`)
  }
  const subnets = wanted.subnets.join(' and ')
  return report(
    options,
    wanted,
    `network ${name} gives containers addresses of ${subnets}: docker run --network ${name} IMAGE`,
    true,
  )
}

/** Docker's own words, and what to do where it does not know our driver. */
function refusal(message: string): string {
  const isUnknown = /plugin.*not found|unable to find|could not resolve ipam driver/i.test(message)
  if (!isUnknown) return message
  return `${message}: start the agent with --docker-plugin /run/docker/plugins/${ipamDriver}.sock`
}

function report(
  { json }: DockerOptions,
  wanted: Network,
  message: string,
  created: boolean,
): number {
  if (json) printJson({ network: wanted.name, created, command: createCommand(wanted) })
  else console.log(printable(message))
  return exitCode.fine
}
