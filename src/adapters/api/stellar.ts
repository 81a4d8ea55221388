/** Stellar's network service, answered from this agent's view and commands; what is another node's is asked of that node. */

import grpc from '@grpc/grpc-js'
import type { Claim, NodeRecord } from '../../core/claim/record.ts'
import type { Command } from '../../core/event.ts'
import { type Address, type Family, parseAddress } from '../../core/ip/address.ts'
import { gatewayOf, type Pool, subnetAt, subnetCount } from '../../core/ip/pool.ts'
import { contains, type Prefix, parsePrefix } from '../../core/ip/prefix.ts'
import type { Attachment, Lease } from '../../core/ipam/lease.ts'
import type { Operator } from '../../ports/operator.ts'
import { accepted, invalid, Refused } from './answer.ts'

/** The texts by which Stellar's clients know its errors. */
const text = {
  noSubnets: 'no available subnets in network configuration',
  noSubnet: 'subnet not found',
  exhausted: 'IP allocation exhausted',
  routeExists: 'route exists in configuration',
} as const

/** Entries of `Subnets`: about 36 bytes each, of at most 4 MiB that clients take by default. */
const subnetsMax = 65_536
const idBytesMax = 1_024

/** Asks `node` the same, as its own call. Resolves with its response. */
export type Forward = (node: NodeRecord, method: string, request: object) => Promise<object>

interface Route {
  readonly cidr: string
  readonly target: string
}

type Words<Names extends string> = { readonly [Name in Names]: string }
type Empty = Readonly<Record<never, never>>

/** Every call of the service: request message to response message. Rejects with a Refused. */
export class StellarNetwork {
  readonly #operator: Operator
  readonly #forward: Forward

  constructor(operator: Operator, forward: Forward) {
    this.#operator = operator
    this.#forward = forward
  }

  async Info(): Promise<Words<'id'>> {
    return { id: 'stellar.services.network.v1' }
  }

  async AllocateSubnet({ node }: Words<'node'>): Promise<Words<'subnetCidr' | 'node'>> {
    const record = this.#known(node)
    const claim = subnetOf(record)
    if (!claim) {
      if (this.#isSelf(record)) await this.#command({ type: 'claim' })
      throw new Refused(grpc.status.RESOURCE_EXHAUSTED, 'no-subnet', text.noSubnets)
    }
    return { subnetCidr: claim.prefix.text, node: node || record.name }
  }

  async GetSubnet({ node }: Words<'node'>): Promise<Words<'subnetCidr'>> {
    const claim = subnetOf(this.#known(node))
    if (!claim) throw noSuchSubnet()
    return { subnetCidr: claim.prefix.text }
  }

  async Subnets(): Promise<{ readonly subnets: readonly Words<'cidr' | 'gateway'>[] }> {
    const pools = this.#operator.view().own.pools.filter(({ prefix }) => prefix.family === 4)
    return { subnets: pools.flatMap(subnetsOf) }
  }

  async DeallocateSubnet(request: Words<'subnetCidr' | 'node'>): Promise<Empty> {
    const prefix = prefixOf(request.subnetCidr)
    const record = this.#find(request.node)
    if (!record?.claims.some((claim) => claim.prefix.text === prefix.text)) return {}
    if (this.#isSelf(record)) await this.#command({ type: 'give-up', prefix })
    else await this.#forward(record, 'DeallocateSubnet', { ...request, node: record.origin })
    return {}
  }

  async AllocateIP(request: Words<'id' | 'subnetCidr' | 'node'>): Promise<Words<'ip' | 'node'>> {
    const { id, subnetCidr, node } = request
    const attachment = attachmentOf(id)
    const record = this.#known(node)
    if (!this.#isSelf(record)) {
      const forwarded = await this.#forward(record, 'AllocateIP', {
        ...request,
        node: record.origin,
      })
      return { ...(forwarded as Words<'ip'>), node }
    }
    const held = this.#heldBy(attachment)
    if (held) return { ip: held.address.text, node: node || record.name }
    const within = subnetCidr === '' ? undefined : prefixOf(subnetCidr)
    if (within) this.#mustLieIn(within, record)
    const result = await this.#operator.command({
      type: 'allocate',
      request: {
        attachment,
        name: '',
        addresses: [],
        families: [within?.family ?? this.#family()],
        ...(within && { within }),
        witness: { bootId: '', path: '', inode: '' },
        mac: '',
      },
    })
    if (!result.ok && result.code === 'exhausted') {
      throw new Refused(grpc.status.RESOURCE_EXHAUSTED, 'exhausted', text.exhausted)
    }
    const [lease] = accepted(result).leases ?? []
    return { ip: lease?.address.text ?? '', node: node || record.name }
  }

  /** An unknown id has no address, which is no failure: Stellar's plugin could not delete otherwise. */
  async GetIP(request: Words<'id' | 'node'>): Promise<Words<'ip'>> {
    const record = this.#find(request.node)
    if (!record) return { ip: '' }
    if (!this.#isSelf(record)) {
      return (await this.#forward(record, 'GetIP', {
        ...request,
        node: record.origin,
      })) as Words<'ip'>
    }
    return { ip: this.#heldBy(attachmentOf(request.id))?.address.text ?? '' }
  }

  /** What is no address, such as Go's `<nil>`, names none. */
  async ReleaseIP(request: Words<'id' | 'ip' | 'node'>): Promise<Empty> {
    const record = this.#find(request.node)
    if (!record) return {}
    if (this.#isSelf(record)) {
      const address = parseAddress(request.ip)
      const attachment = attachmentOf(request.id)
      await this.#command({ type: 'release', attachment, address })
    } else await this.#forward(record, 'ReleaseIP', { ...request, node: record.origin })
    return {}
  }

  async Configure(): Promise<Empty> {
    await this.#command({ type: 'resync' })
    return {}
  }

  async AddRoute({ cidr, target }: Route): Promise<Empty> {
    const prefix = prefixOf(cidr)
    const hop = parseAddress(target)
    const node = hop && this.#at(hop)
    if (!node) {
      const what = JSON.stringify(target)
      throw invalid(
        'unknown-target',
        `${what} is no address by which a node is reached: Routes lists them`,
      )
    }
    const holders = this.#holders(prefix)
    if (holders.some(({ origin }) => origin === node.origin)) return {}
    if (holders.length > 0) {
      throw new Refused(grpc.status.ALREADY_EXISTS, 'route-exists', text.routeExists)
    }
    if (this.#isSelf(node)) await this.#command({ type: 'announce', prefix })
    else await this.#forward(node, 'AddRoute', { cidr, target })
    return {}
  }

  async DeleteRoute(request: Route): Promise<Empty> {
    const prefix = prefixOf(request.cidr)
    if (this.#claimants(prefix).length > 0) {
      throw new Refused(
        grpc.status.FAILED_PRECONDITION,
        'is-claimed',
        `${prefix.text} is the subnet of a node, and goes with it: starling leave or evict`,
      )
    }
    for (const node of this.#holders(prefix)) {
      if (this.#isSelf(node)) await this.#command({ type: 'withdraw', prefix })
      else await this.#forward(node, 'DeleteRoute', request)
    }
    return {}
  }

  async Routes(): Promise<{ readonly routes: readonly Route[] }> {
    const { nodes, own, self } = this.#operator.view()
    const records = [
      own,
      ...nodes.map(({ record }) => record).filter(({ origin }) => origin !== self),
    ]
    const routes = records.flatMap((record) =>
      [...confirmed(record).map(({ prefix }) => prefix), ...record.extras].map((prefix) => ({
        cidr: prefix.text,
        target: hopOf(record, prefix.family),
      })),
    )
    return { routes: routes.sort((a, b) => (a.cidr < b.cidr ? -1 : a.cidr > b.cidr ? 1 : 0)) }
  }

  async #command(command: Command): Promise<void> {
    accepted(await this.#operator.command(command))
  }

  /** By id, by name, or this node where nothing is named. */
  #find(named: string): NodeRecord | undefined {
    const { own, self, nodes } = this.#operator.view()
    if (named === '' || named === self) return own
    const others = nodes.map(({ record }) => record).filter(({ origin }) => origin !== self)
    const byId = others.find(({ origin }) => origin === named)
    if (byId) return byId
    const [match, ...more] = [own, ...others].filter(({ name }) => name === named)
    if (more.length === 0) return match
    throw invalid(
      'ambiguous-node',
      `${more.length + 1} nodes are named ${named}: name one by its id (starling peers)`,
    )
  }

  #known(named: string): NodeRecord {
    const record = this.#find(named)
    if (!record) throw noSuchSubnet()
    return record
  }

  #isSelf({ origin }: NodeRecord): boolean {
    return origin === this.#operator.view().self
  }

  /** The node that others route to by this address. */
  #at(address: Address): NodeRecord | undefined {
    const { own, nodes } = this.#operator.view()
    return [own, ...nodes.map(({ record }) => record)].find(({ nextHops }) =>
      nextHops.some(({ text: hop }) => hop === address.text),
    )
  }

  #claimants(prefix: Prefix): readonly NodeRecord[] {
    return this.#records().filter(({ claims }) =>
      claims.some((claim) => claim.prefix.text === prefix.text),
    )
  }

  /** Who claims the prefix or announces it. */
  #holders(prefix: Prefix): readonly NodeRecord[] {
    const announcers = this.#records().filter(({ extras }) =>
      extras.some((extra) => extra.text === prefix.text),
    )
    return [...this.#claimants(prefix), ...announcers]
  }

  #records(): readonly NodeRecord[] {
    const { own, self, nodes } = this.#operator.view()
    return [own, ...nodes.map(({ record }) => record).filter(({ origin }) => origin !== self)]
  }

  #heldBy(attachment: Attachment): Lease | undefined {
    return this.#operator.view().ipam.of(attachment)[0]
  }

  #mustLieIn(within: Prefix, { claims }: NodeRecord): void {
    if (claims.some(({ prefix }) => contains(prefix, within))) return
    const subnets = claims.map(({ prefix }) => prefix.text).join(' or ')
    throw invalid(
      'address-outside',
      `${within.text} is not in the subnet of this node: ${subnets || 'it has none'}`,
    )
  }

  /** Stellar knows IPv4 alone; a node without it grants what it has. */
  #family(): Family {
    const [first, ...more] = this.#operator.view().ipam.subnets.map(({ prefix }) => prefix.family)
    return more.includes(4) ? 4 : (first ?? 4)
  }
}

const noSuchSubnet = (): Refused => new Refused(grpc.status.NOT_FOUND, 'no-subnet', text.noSubnet)

const confirmed = ({ claims }: NodeRecord): readonly Claim[] =>
  claims.filter(({ state }) => state === 'confirmed')

/** IPv4 where there is one: Stellar's plugin counts in its bytes. */
function subnetOf(record: NodeRecord): Claim | undefined {
  const claims = confirmed(record)
  return claims.find(({ prefix }) => prefix.family === 4) ?? claims[0]
}

function subnetsOf(pool: Pool): Words<'cidr' | 'gateway'>[] {
  const count = subnetCount(pool)
  if (count > subnetsMax) {
    throw new Refused(
      grpc.status.OUT_OF_RANGE,
      'too-many-subnets',
      `pool ${pool.prefix.text} has ${count} subnets, more than the ${subnetsMax} that one answer holds`,
    )
  }
  return Array.from({ length: Number(count) }, (_, index) => {
    const subnet = subnetAt(pool, BigInt(index))
    return { cidr: subnet.text, gateway: gatewayOf(subnet).text }
  })
}

const hopOf = ({ nextHops }: NodeRecord, family: Family): string =>
  (nextHops.find((hop) => hop.family === family) ?? nextHops[0])?.text ?? ''

function attachmentOf(id: string): Attachment {
  if (id === '') throw invalid('invalid-id', 'id is empty: name the container')
  if (Buffer.byteLength(id) > idBytesMax) {
    throw invalid('invalid-id', `id has more than ${idBytesMax} bytes`)
  }
  return { door: 'grpc', network: '', id, ifname: '' }
}

function prefixOf(cidr: string): Prefix {
  const prefix = parsePrefix(cidr)
  if (prefix) return prefix
  throw invalid(
    'invalid-prefix',
    `${JSON.stringify(cidr.slice(0, 64))} is no subnet: write address/length, without host bits`,
  )
}
