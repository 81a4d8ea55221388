/** A bridge with the wanted addresses, and none of those that this agent wanted before; writes nothing where all is right. */

import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { type Address, address as addressWith } from '../../core/ip/address.ts'
import type { BridgeAnswers, HostAddress, LinkAddress } from '../../core/routing/route.ts'
import { sysctlName } from '../../core/sysctl.ts'
import { writeAddress } from './address-message.ts'
import type { BridgePorts } from './bridge-ports.ts'
import { type LinkFacts, writeBridge, writeLinkMaster, writeLinkUp } from './link-message.ts'
import { MessageWriter } from './message.ts'
import {
  type ProxiedNeighbour,
  writePromptProxy,
  writeProxiedNeighbour,
  writeProxyArp,
} from './proxy-message.ts'
import type { KernelAddress, Reader } from './reader.ts'
import { failureOf, NetlinkError, type RequestSocket } from './socket.ts'

export interface WantedBridge {
  readonly name: string
  readonly addresses: readonly Omit<HostAddress, 'ifindex'>[]
  /** What this agent added where it was then. */
  readonly former: readonly LinkAddress[]
  readonly answers: BridgeAnswers
}

type Addressed = Omit<HostAddress, 'ifindex'>

export class BridgeKeeper {
  readonly #socket: RequestSocket
  readonly #reader: Reader
  readonly #protocol: number
  readonly #node: string
  readonly #ports: BridgePorts
  /** It was told to answer for others: what it does is not another's setting. */
  #answers = false

  /** `protocol` marks the addresses that are the agent's. The bridge's own hardware address comes from `node`. */
  constructor(
    socket: RequestSocket,
    reader: Reader,
    {
      protocol,
      node,
      ports,
    }: { readonly protocol: number; readonly node: string; readonly ports: BridgePorts },
  ) {
    this.#socket = socket
    this.#reader = reader
    this.#protocol = protocol
    this.#node = node
    this.#ports = ports
  }

  /** An error text, or empty. */
  async configure(wanted: WantedBridge): Promise<string> {
    try {
      const links = await this.#reader.links()
      const found = links.find(({ name }) => name === wanted.name)
      // Removals first: a second address of one subnet would be secondary to the first and go with it.
      await this.#clear(wanted, links)
      if (wanted.addresses.length === 0) {
        if (found?.kind === 'bridge') await this.#answer(found, wanted.answers)
        return ''
      }
      const bridge = found ?? (await this.#create(wanted.name))
      if (bridge.kind !== 'bridge') {
        return `${wanted.name} exists and is not a bridge (${bridge.kind || 'a device'})`
      }
      if (!bridge.up) await this.#raise(bridge)
      if (wanted.addresses.some(({ address }) => address.family === 6)) {
        await keepAddressesOnDown(wanted.name)
      }
      await this.#address(bridge.ifindex, wanted)
      await this.#adopt(bridge.ifindex)
      await this.#answer(bridge, wanted.answers)
      return ''
    } catch (thrown) {
      return textOf(thrown)
    }
  }

  async #find(name: string): Promise<LinkFacts | undefined> {
    return (await this.#reader.links()).find((link) => link.name === name)
  }

  async #create(name: string): Promise<LinkFacts> {
    await this.#perform(`cannot create bridge ${name}`, (writer, seq) =>
      writeBridge(writer, { name, mac: macOf(this.#node), seq }),
    )
    const bridge = await this.#find(name)
    if (!bridge) throw new NetlinkError('ENODEV', `bridge ${name} vanished`)
    return bridge
  }

  /** What hung on the bridge when it was deleted hangs on it again, where nobody has taken it meanwhile. */
  async #adopt(master: number): Promise<void> {
    const { orphans } = this.#ports
    if (orphans.length === 0) return
    for (const { ifindex, name, master: other } of await this.#reader.links()) {
      if (other !== 0 || !orphans.includes(ifindex)) continue
      await this.#perform(`cannot attach ${name}`, (writer, seq) =>
        writeLinkMaster(writer, { ifindex, master, seq }),
      )
    }
    this.#ports.read(await this.#reader.links())
  }

  #raise({ ifindex, name }: LinkFacts): Promise<void> {
    return this.#perform(`cannot set ${name} up`, (writer, seq) =>
      writeLinkUp(writer, { ifindex, seq }),
    )
  }

  async #clear(wanted: WantedBridge, links: readonly LinkFacts[]): Promise<void> {
    const held = { addresses: await this.#reader.addresses(), links }
    for (const one of obsoleteAddresses(wanted, held, this.#protocol)) {
      await this.#writeAddress('remove', one.ifindex, one)
    }
  }

  async #address(ifindex: number, { addresses }: WantedBridge): Promise<void> {
    const held = (await this.#reader.addresses()).filter((one) => one.ifindex === ifindex)
    for (const wanted of addresses) {
      if (!held.some((one) => isSameAddress(wanted, one)))
        await this.#writeAddress('add', ifindex, wanted)
    }
  }

  #writeAddress(
    action: 'add' | 'remove',
    ifindex: number,
    { address, length }: Addressed,
  ): Promise<void> {
    return this.#perform(`cannot ${action} address ${address.text}/${length}`, (writer, seq) =>
      writeAddress(writer, action, {
        family: address.family,
        value: address.value,
        length,
        ifindex,
        protocol: this.#protocol,
        seq,
      }),
    )
  }

  /** What is routed away from the bridge, and what of its link looks like a neighbour. */
  async #answer(
    { ifindex, name }: LinkFacts,
    { arp, neighbours, afresh = false }: BridgeAnswers,
  ): Promise<void> {
    const isWanted = arp || neighbours.length > 0
    if (!isWanted && !this.#answers && !afresh) return
    this.#answers = isWanted
    await this.#perform(`cannot set proxy ARP on ${name}`, (writer, seq) =>
      writeProxyArp(writer, { ifindex, on: arp, seq }),
    )
    if (neighbours.length > 0) await switchOnProxies(name)
    for (const family of [
      ...(arp ? [4 as const] : []),
      ...(neighbours.length > 0 ? [6 as const] : []),
    ]) {
      await this.#perform(`cannot set the delay of proxies on ${name}`, (writer, seq) =>
        writePromptProxy(writer, { family, ifindex, seq }),
      )
    }
    const held = (await this.#reader.proxied()).filter((one) => one.ifindex === ifindex)
    const write = (action: 'add' | 'remove', address: Address) =>
      this.#perform(`cannot ${action} the proxy of ${address.text}`, (writer, seq) =>
        writeProxiedNeighbour(writer, action, {
          address,
          ifindex,
          protocol: this.#protocol,
          seq,
        }),
      )
    const { add, remove } = proxyChanges(held, neighbours, this.#protocol)
    for (const address of remove) await write('remove', address)
    for (const address of add) await write('add', address)
  }

  async #perform(
    failing: string,
    write: (writer: MessageWriter, seq: number) => void,
  ): Promise<void> {
    const writer = new MessageWriter(256)
    const seq = this.#socket.reserve(1)
    write(writer, seq)
    writer.acknowledgeLast()
    let failure: string | undefined
    await this.#socket.exchange({
      bytes: writer.bytes,
      firstSeq: seq,
      lastSeq: seq,
      visit: (message) => {
        failure = failureOf(message)
      },
    })
    if (failure !== undefined) throw new NetlinkError(failure, failing)
  }
}

/** Best effort: without it a bridge that is set down and up again has lost its IPv6 address, which is then added anew. */
async function keepAddressesOnDown(name: string): Promise<void> {
  const path = `/proc/sys/net/ipv6/conf/${name}/keep_addr_on_down`
  try {
    if ((await readFile(path, 'utf8')).trim() === '0') await writeFile(path, '1')
  } catch {
    // A read-only /proc/sys or no IPv6: adding the address tells whether that matters.
    return
  }
}

async function switchOnProxies(name: string): Promise<void> {
  const setting = `net/ipv6/conf/${name}/proxy_ndp`
  const path = `/proc/sys/${setting}`
  try {
    if ((await readFile(path, 'utf8')).trim() === '0') await writeFile(path, '1')
  } catch (thrown) {
    const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : String(thrown)
    throw new NetlinkError(
      code,
      `cannot set ${sysctlName(setting)}=1, by which containers find neighbours`,
    )
  }
}

/** The same for the same node: a bridge that is made anew is the neighbour that containers know. */
function macOf(node: string): Uint8Array {
  const mac = createHash('sha256').update(node).digest().subarray(0, 6)
  // Locally administered, not multicast.
  mac[0] = ((mac[0] ?? 0) & 0xfc) | 0x02
  return mac
}

/** What is not wanted any more, wherever this agent put it, and nothing that somebody else added. */
export function obsoleteAddresses(
  { name, addresses, former }: WantedBridge,
  held: { readonly addresses: readonly KernelAddress[]; readonly links: readonly LinkFacts[] },
  ours: number,
): readonly KernelAddress[] {
  return held.addresses.filter((one) => {
    const link = held.links.find(({ ifindex }) => ifindex === one.ifindex)?.name
    if (link === name && addresses.some((wanted) => isSameAddress(wanted, one))) return false
    const isFormer = former.some((gone) => gone.link === link && isSameAddress(gone, one))
    // A kernel before 5.18 does not tell who added an address.
    const mayBeOurs = one.protocol === ours || one.protocol === 0
    return (link === name && one.owned) || (isFormer && mayBeOurs)
  })
}

/** `held` are those of the bridge; what others added stays. */
export function proxyChanges(
  held: readonly ProxiedNeighbour[],
  wanted: readonly Address[],
  ours: number,
): { readonly add: readonly Address[]; readonly remove: readonly Address[] } {
  const isWanted = ({ value }: ProxiedNeighbour) => wanted.some((each) => each.value === value)
  return {
    add: wanted.filter((each) => !held.some(({ value }) => value === each.value)),
    remove: held
      .filter((each) => each.protocol === ours && !isWanted(each))
      .map(({ value }) => addressWith(6, value)),
  }
}

export const isSameAddress = (a: Addressed, b: Addressed): boolean =>
  a.address.text === b.address.text && a.length === b.length

function textOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown)
  const cause = thrown instanceof NetlinkError ? causes.get(thrown.code) : undefined
  return cause === undefined ? thrown.message : `${thrown.message} (${cause})`
}

/** What the kernel means by them here. */
const causes: ReadonlyMap<string, string> = new Map([
  ['EPERM', 'CAP_NET_ADMIN is missing'],
  ['EACCES', 'IPv6 is disabled on it'],
])
