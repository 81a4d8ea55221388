/** A switch with hosts on it, each a network namespace of its own with containers behind it. */

import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LabHost } from './host.ts'
import { ip, namespacesNamed, pidsIn } from './iproute.ts'

export interface LabOptions {
  /** Begins the name of every namespace; labs of different names do not meet. */
  readonly name: string
  /** The first three octets of the hosts' LAN, a /16: hosts have .71 and upwards. */
  readonly lan?: string
}

export class Lab {
  readonly name: string
  readonly directory: string
  readonly hosts: LabHost[] = []
  readonly #lan: string
  readonly #switch: string

  constructor({ name, lan = '10.0.1' }: LabOptions) {
    this.name = name
    this.directory = join(tmpdir(), name)
    this.#lan = lan
    this.#switch = `${name}-switch`
  }

  /** Removes what an earlier run of this name left, and sets up the switch. */
  async up(): Promise<void> {
    await this.down()
    await ip(`netns add ${this.#switch}`)
    await ip(`-n ${this.#switch} link add br0 type bridge`)
    await ip(`-n ${this.#switch} link set br0 up`)
  }

  /** Another host on the switch; no agent runs on it yet. */
  async addHost(name = `h${this.hosts.length + 1}`): Promise<LabHost> {
    const number = this.hosts.length + 1
    const namespace = `${this.name}-${name}`
    const address = this.#addressOf(number)
    await ip(`netns add ${namespace}`)
    await ip(`-n ${this.#switch} link add p-${name} type veth peer name eth0 netns ${namespace}`)
    await ip(`-n ${this.#switch} link set p-${name} master br0 up`)
    await ip(`-n ${namespace} link set lo up`)
    await ip(`-n ${namespace} link set eth0 up`)
    await ip(`-n ${namespace} addr add ${address}/16 dev eth0`)
    const directory = join(this.directory, name)
    const host = new LabHost({
      name,
      namespace,
      address,
      port: `p-${name}`,
      switch: this.#switch,
      directory,
    })
    this.hosts.push(host)
    return host
  }

  #left(): Promise<string[]> {
    return namespacesNamed(`${this.name}-`)
  }

  #addressOf(number: number): string {
    const [first, second, third = 0] = this.#lan.split('.').map(Number)
    const perBlock = 180
    const block = Math.floor((number - 1) / perBlock)
    return `${first}.${second}.${third + block}.${71 + ((number - 1) % perBlock)}`
  }

  /** Ends every process in its namespaces and removes them: also those of an earlier run that was killed. */
  async down(): Promise<void> {
    await Promise.all(this.hosts.map((host) => host.end()))
    // Again until none is left: one may have been in the making.
    for (let left = await this.#left(); left.length > 0; left = await this.#left()) {
      for (const namespace of left) {
        for (const pid of await pidsIn(namespace)) kill(pid)
        await ip(`netns del ${namespace}`)
      }
    }
    this.hosts.length = 0
    await rm(this.directory, { recursive: true, force: true })
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It ended between being listed and being killed: that is what was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error
  }
}
