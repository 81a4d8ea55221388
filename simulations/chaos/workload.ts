/** A container behind a host: a network namespace on the bridge inside the host's own one. */

import { Container } from '../lab/container.ts'
import { ip, namespacesNamed, pidsIn } from '../lab/iproute.ts'
import type { Host } from './host.ts'
import { kill } from './remains.ts'

export class Workload {
  readonly container: Container
  readonly host: Host
  readonly #subnet: string

  private constructor(container: Container, host: Host, subnet: string) {
    this.container = container
    this.host = host
    this.#subnet = subnet
  }

  /** Begins to answer echoes. `namespace` is made; `subnet` is the host's. */
  static async behind(host: Host, subnet: string, namespace: string): Promise<Workload> {
    await ip(`netns add ${namespace}`)
    const container = new Container(`behind ${host.name}`, namespace, addressIn(subnet, 10))
    const workload = new Workload(container, host, subnet)
    await workload.attach()
    await container.start()
    return workload
  }

  /** Again after the host's namespace was lost, for the pair of links went with it. */
  async attach(): Promise<void> {
    const { namespace, address } = this.container
    const [, length] = this.#subnet.split('/')
    // A namespace that ended keeps its links for as long as any process holds a copy of its mount.
    for (const link of await linksIn(namespace)) await ip(`-n ${namespace} link del ${link}`)
    await this.host.ip(`link add v-workload type veth peer name eth0 netns ${namespace}`)
    await this.host.ip('link set v-workload master starling0 up')
    await ip(`-n ${namespace} link set lo up`)
    await ip(`-n ${namespace} link set eth0 up`)
    await ip(`-n ${namespace} addr add ${address}/${length} dev eth0`)
    await ip(`-n ${namespace} route add default via ${addressIn(this.#subnet, 1)}`)
  }

  async remove(): Promise<void> {
    await this.container.stop()
    await ip(`netns del ${this.container.namespace}`)
  }
}

/** But for the loopback. */
async function linksIn(namespace: string): Promise<string[]> {
  const shown = await ip(`-j -n ${namespace} link show type veth`)
  return (JSON.parse(shown || '[]') as { ifname?: string }[]).flatMap(({ ifname }) => ifname ?? [])
}

/** All whose namespaces begin with `prefix`: also those of a run that was killed. */
export async function removeWorkloads(prefix: string): Promise<void> {
  for (const namespace of await namespacesNamed(prefix)) {
    for (const pid of await pidsIn(namespace)) kill(pid)
    await ip(`netns del ${namespace}`)
  }
}

/** The n-th address of an IPv4 subnet, n below 256. */
function addressIn(subnet: string, n: number): string {
  const [network = ''] = subnet.split('/')
  return `${network.slice(0, network.lastIndexOf('.'))}.${n}`
}
