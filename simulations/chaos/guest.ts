/** A container behind a host: a network namespace with an address of the host's subnet, as any CNI runtime gives it. */

import type { CniHost, CniResult, CniRuntime } from '../lab/cni-runtime.ts'
import { ip } from '../lab/iproute.ts'

const ifname = 'eth0'

export class Guest {
  readonly namespace: string
  /** Undefined while it has none. */
  address: string | undefined
  readonly #runtime: CniRuntime<CniHost>
  #hung: { readonly id: string; readonly result: CniResult } | undefined
  #hangings = 0

  constructor(namespace: string, runtime: CniRuntime<CniHost>) {
    this.namespace = namespace
    this.#runtime = runtime
  }

  async create(): Promise<void> {
    await ip(`netns add ${this.namespace}`)
    await ip(`-n ${this.namespace} link set lo up`)
  }

  /** In the place of what it had before. */
  async hang(): Promise<void> {
    await this.unhang()
    this.#hangings += 1
    const id = `${this.namespace}-${this.#hangings}`
    const result = await this.#runtime.add({ id, ifname, netns: this.#path })
    this.#hung = { id, result }
    this.address = result.ips[0]?.address.split('/')[0]
  }

  async unhang(): Promise<void> {
    if (!this.#hung) return
    const { id, result } = this.#hung
    this.#hung = undefined
    this.address = undefined
    await this.#runtime.del({ id, ifname, netns: this.#path }, result)
  }

  get #path(): string {
    return `/run/netns/${this.namespace}`
  }
}
