/** Something on the network of the hosts that is none of them: a network namespace on their switch. */

import { ip } from '../lab/iproute.ts'
import { execute, printed } from './docker.ts'
import type { Site } from './site.ts'

export class Stranger {
  readonly namespace: string

  private constructor(namespace: string) {
    this.namespace = namespace
  }

  /** With these addresses, which it tells all at once. */
  static async arrive(site: Site, id: number, addresses: readonly string[]): Promise<Stranger> {
    const namespace = `${site.project.name}-h-stranger${id}`
    const { daemonNamespace } = site
    const port = `stranger${id}`
    await ip(`netns add ${namespace}`)
    const stranger = new Stranger(namespace)
    await ip(`-n ${daemonNamespace} link add ${port} type veth peer name eth0 netns ${namespace}`)
    await ip(`-n ${daemonNamespace} link set ${port} master ${await site.switchName()} up`)
    await ip(`-n ${namespace} link set lo up`)
    const notify = ['ip', 'netns', 'exec', namespace, 'sysctl', '-qw'] as const
    const command = [...notify, 'net.ipv4.conf.eth0.arp_notify=1'] as const
    printed(command, await execute(command))
    for (const address of addresses) {
      await ip(`-n ${namespace} address add ${address}/24 dev eth0`)
    }
    await ip(`-n ${namespace} link set eth0 up`)
    return stranger
  }

  /** Frames that it sent so far. */
  async sent(): Promise<number> {
    const shown = await ip(`-n ${this.namespace} -s -j link show dev eth0`)
    const [link] = JSON.parse(shown) as { stats64: { tx: { packets: number } } }[]
    return link?.stats64.tx.packets ?? 0
  }

  /** Its link goes with its namespace. */
  async leave(): Promise<void> {
    await ip(`netns del ${this.namespace}`)
  }
}
