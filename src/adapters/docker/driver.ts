/** Answers the calls of Docker's remote IPAM protocol from an operator's view and commands. */

import type { CommandResult } from '../../core/effect.ts'
import { type Address, type Family, parseAddress } from '../../core/ip/address.ts'
import { holds, type Prefix, parsePrefix } from '../../core/ip/prefix.ts'
import type { Attachment, Lease } from '../../core/ipam/lease.ts'
import type { SubnetView } from '../../core/view.ts'
import type { Clock } from '../../ports/clock.ts'
import type { Operator } from '../../ports/operator.ts'
import { type Body, objectIn, Refused, textIn } from './body.ts'

/** The agent ends: an answer would be final, whereas a broken connection makes Docker ask again for half a minute. */
export class Stopping extends Error {}

/** Rejects with Refused or Stopping. */
export type Call = (body: Body) => Promise<object>

/** By the name in the path of the request. `closing`: nothing waits any longer. */
export function createCalls(
  operator: Operator,
  clock: Clock,
  closing: AbortSignal,
): ReadonlyMap<string, Call> {
  const driver = new Driver(operator, clock, closing)
  return new Map<string, Call>([
    ['Plugin.Activate', async () => ({ Implements: ['IpamDriver'] })],
    // The MAC address tells a repeated request from a new one, for requests have no name of their own.
    [
      'IpamDriver.GetCapabilities',
      async () => ({ RequiresMACAddress: true, RequiresRequestReplay: true }),
    ],
    // From 27 on Docker does not test a pool against the host's networks where both are the same.
    [
      'IpamDriver.GetDefaultAddressSpaces',
      async () => ({ LocalDefaultAddressSpace: 'starling', GlobalDefaultAddressSpace: 'starling' }),
    ],
    ['IpamDriver.RequestPool', (body) => driver.requestPool(body)],
    // A pool is the host's subnet, whoever uses it.
    ['IpamDriver.ReleasePool', async () => ({})],
    ['IpamDriver.RequestAddress', (body) => driver.requestAddress(body)],
    ['IpamDriver.ReleaseAddress', (body) => driver.releaseAddress(body)],
  ])
}

const option = {
  type: 'RequestAddressType',
  gateway: 'com.docker.network.gateway',
  mac: 'com.docker.network.endpoint.macaddress',
  /** From Docker 29 on. */
  name: 'com.docker.network.endpoint.name',
} as const

const instead = 'create the network with: starling docker network NAME'

/** How long a request waits for the subnet of an agent that has just started. */
const claimMsMax = 10_000
const lookMs = 100

class Driver {
  readonly #operator: Operator
  readonly #clock: Clock
  readonly #closing: AbortSignal

  constructor(operator: Operator, clock: Clock, closing: AbortSignal) {
    this.#operator = operator
    this.#clock = clock
    this.#closing = closing
  }

  async requestPool(body: Body): Promise<object> {
    const pool = textIn(body, 'Pool')
    if (pool === '') {
      // A pool that overlaps a network of the host, as ours must, Docker refuses by asking again, without an end.
      throw new Refused(
        `this driver serves the host's own subnet alone, which is to be named: ${instead}`,
      )
    }
    if (textIn(body, 'SubPool') !== '') {
      throw new Refused('addresses come from the whole subnet: leave --ip-range out')
    }
    const { prefix, gateway } = await this.#served(pool)
    const family = body.get('V6') === true ? 6 : 4
    if (prefix.family !== family) throw new Refused(`${pool} is no subnet of IPv${family}`)
    return {
      // It is all that there is to know of a pool: whatever a former agent answered is valid for the next.
      PoolID: prefix.text,
      Pool: prefix.text,
      Data: { [option.gateway]: `${gateway.text}/${prefix.length}` },
    }
  }

  async requestAddress(body: Body): Promise<object> {
    const options = objectIn(body, 'Options')
    const { prefix, gateway } = await this.#served(textIn(body, 'PoolID'))
    const asked = addressIn(body)
    if (textIn(options, option.type) === option.gateway) {
      if (asked && asked.text !== gateway.text) {
        throw new Refused(`the gateway of ${prefix.text} is ${gateway.text}: leave --gateway out`)
      }
      return granted(gateway, prefix)
    }
    const mac = macIn(options)
    if (mac === '' && !asked) throw new Refused('neither a MAC address nor an address is given')
    const held = mac === '' && asked && this.#leaseAt(asked, prefix)
    // What Docker asks for again at its start may come without the MAC address.
    if (held) return granted(held.address, prefix)
    const attachment: Attachment = {
      door: 'docker',
      network: prefix.text,
      id: mac === '' ? (asked?.text ?? '') : mac,
      ifname: '',
    }
    const lease = await this.#allocate(attachment, {
      family: prefix.family,
      asked,
      name: textIn(options, option.name),
      mac,
    })
    if (holds(prefix, lease.address)) return granted(lease.address, prefix)
    // The subnet was lost to another host while the request was under way.
    await this.#operator.command({ type: 'release', attachment, address: lease.address })
    throw new Refused(notServed(prefix.text, [lease.subnet]))
  }

  async releaseAddress(body: Body): Promise<object> {
    const network = textIn(body, 'PoolID')
    const address = addressIn(body)
    if (!address) throw new Refused('no address is given')
    const { ipam } = this.#operator.view()
    const lease = ipam.at(address)
    // The gateway is the bridge's and stays, and who asks again had no answer the first time.
    if (!lease || ipam.subnets.some(({ gateway }) => gateway.text === address.text)) return {}
    const { attachment } = lease
    if (attachment.door !== 'docker' || attachment.network !== network) {
      throw new Refused(`${address.text} is not Docker's: it was granted by ${attachment.door}`)
    }
    leasesOf(await this.#operator.command({ type: 'release', attachment, address }))
    return {}
  }

  async #allocate(
    attachment: Attachment,
    wanted: {
      readonly family: Family
      readonly asked: Address | undefined
      readonly name: string
      readonly mac: string
    },
  ): Promise<Lease> {
    const result = await this.#operator.command({
      type: 'allocate',
      request: {
        attachment,
        name: wanted.name,
        addresses: wanted.asked ? [wanted.asked] : [],
        families: [wanted.family],
        // Docker does not tell which container it is for.
        witness: { bootId: '', path: '', inode: '' },
        mac: wanted.mac,
      },
    })
    const [lease] = leasesOf(result)
    if (!lease) throw new Refused('the agent granted nothing')
    return lease
  }

  #leaseAt(address: Address, { text }: Prefix): Lease | undefined {
    const lease = this.#operator.view().ipam.at(address)
    const isDockers = lease?.attachment.door === 'docker' && lease.attachment.network === text
    return isDockers ? lease : undefined
  }

  /** This host's subnet that `pool` names. An agent that started a moment ago has none for a while. */
  async #served(pool: string): Promise<SubnetView> {
    const wanted = parsePrefix(pool)
    if (!wanted) throw new Refused(`${JSON.stringify(pool)} is no subnet: ${instead}`)
    await this.#claimed(wanted.family)
    const { subnets } = this.#operator.view().ipam
    const found = subnets.find(({ prefix }) => prefix.text === wanted.text)
    if (found) return found
    throw new Refused(
      notServed(
        pool,
        subnets.map(({ prefix }) => prefix),
      ),
    )
  }

  /** Until this host has a subnet of `family`, at most for `claimMsMax`. */
  async #claimed(family: Family): Promise<void> {
    const isClaimed = () =>
      this.#operator.view().ipam.subnets.some(({ prefix }) => prefix.family === family)
    const endsAt = this.#clock.now() + claimMsMax
    while (!isClaimed() && this.#clock.now() < endsAt) {
      if (this.#closing.aborted) throw new Stopping('the agent is stopping')
      await new Promise<void>((resolve) => {
        this.#clock.schedule(this.#clock.now() + lookMs, resolve)
      })
    }
  }
}

const granted = (address: Address, { length }: Prefix): object => ({
  Address: `${address.text}/${length}`,
  Data: {},
})

function notServed(pool: string, own: readonly Prefix[]): string {
  const texts = own.map(({ text }) => text).join(', ')
  return texts === ''
    ? `this host has no subnet yet, not ${pool}: starling status says why`
    : `${pool} is not this host's subnet, which is ${texts}: ${instead}`
}

function addressIn(body: Body): Address | undefined {
  // A preferred address comes bare, one that is given back with or without its length.
  const [text = ''] = textIn(body, 'Address').split('/')
  if (text === '') return undefined
  const address = parseAddress(text)
  if (!address) throw new Refused(`${JSON.stringify(text)} is no address`)
  return address
}

function macIn(options: Body): string {
  const mac = textIn(options, option.mac).toLowerCase()
  if (mac === '' || /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/.test(mac)) return mac
  throw new Refused(`${JSON.stringify(mac)} is no MAC address`)
}

function leasesOf(result: CommandResult): readonly Lease[] {
  if (result.ok) return result.leases ?? []
  if (result.code === 'stopping') throw new Stopping(result.message)
  throw new Refused(result.message)
}
