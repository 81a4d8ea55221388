/** Others on the network of the hosts: who takes an address, who has a copy of an identity, who attacks. */

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { lstatSync } from 'node:fs'
import { cp, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { doneLine, type Facts } from '../../hostile/facts.ts'
import { Stranger } from '../stranger.ts'
import type { Play } from './fault.ts'

const port = 7871
const attackProgram = new URL('../../hostile/attack.ts', import.meta.url).pathname
/** They gain a member nothing, and cost the others little. */
const attacks = [
  'oversized-messages',
  'truncated-messages',
  'nested-messages',
  'random-bytes',
  'slow-reader',
  'endless-streams',
  'idle-sockets',
  'socket-storm',
]
/** Until a twin has seen that it is one. */
const twinEndsMs = 60_000
const lookMs = 200
/** On the network that all hosts share. */
const twinAddress = (id: number): string => `192.168.77.${120 + (id % 60)}`
const attackerAddress = (id: number): string => `192.168.77.${180 + (id % 60)}`

export const takenAddress: Play = async ({ site, fault, host }) => {
  const thief = await Stranger.arrive(site, fault.id, [host.address])
  return async () => {
    const count = await thief.sent()
    await thief.leave()
    return { what: 'frames of the other one', count }
  }
}

export const hostileMember: Play = async ({ site, fault, hosts }) => {
  const address = attackerAddress(fault.id)
  const attacker = await Stranger.arrive(site, fault.id, [address])
  const facts: Facts = {
    attack: attacks[Math.floor(fault.share * attacks.length)] ?? '',
    cluster: 'starling',
    port,
    clusterKey: undefined,
    token: undefined,
    addresses: [address],
    victims: hosts.map((each) => ({ name: each.name, address: each.address })),
  }
  const words = ['netns', 'exec', attacker.namespace, process.execPath, attackProgram]
  const child = spawn('ip', [...words, JSON.stringify(facts)], {
    stdio: ['pipe', 'pipe', 'ignore'],
  })
  let isDone = false
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (line === doneLine) isDone = true
  })
  return async () => {
    const count = await attacker.sent()
    if (child.exitCode === null && child.signalCode === null) {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await exited
    }
    await attacker.leave()
    return { what: `frames of ${facts.attack}${isDone ? '' : ', not done'}`, count }
  }
}

/** On a host of its own. */
export const copiedIdentity: Play = async ({ site, fault, host }) => {
  const copy = join(site.project.directory, `copy${fault.id}`)
  await mkdir(copy, { mode: 0o700 })
  // Node copies no sockets, of which the agent's lock is one.
  const isFile = (path: string) => !lstatSync(path).isSocket()
  await cp(host.state, copy, { recursive: true, filter: isFile })
  const twin = `${site.project.name}_twin${fault.id}`
  const network = ['--network', `${site.project.name}_lan`, '--ip', twinAddress(fault.id)]
  const rights = ['--cap-drop', 'ALL', '--cap-add', 'NET_ADMIN', '--read-only']
  const places = ['--tmpfs', '/run/starling', '--volume', `${copy}:/var/lib/starling`]
  const settings = ['--env', 'STARLING_SEED=host', '--env', `STARLING_NAME=${host.name}`]
  const sysctl = ['--sysctl', 'net.ipv4.ip_forward=1']
  const options = [...network, ...rights, ...places, ...settings, ...sysctl]
  await site.docker.run('run', '--detach', '--name', twin, ...options, site.project.image)
  return async () => {
    const hasEnded = await ended(async () => {
      const format = '{{.State.Running}}'
      return (await site.docker.run('inspect', twin, '--format', format)).trim() === 'false'
    })
    await site.docker.run('rm', '--force', twin)
    await rm(copy, { recursive: true })
    return { what: 'the twin ended', count: hasEnded ? 1 : 0 }
  }
}

async function ended(look: () => Promise<boolean>): Promise<boolean> {
  const end = performance.now() + twinEndsMs
  while (performance.now() < end) {
    if (await look()) return true
    await sleep(lookMs)
  }
  return false
}
