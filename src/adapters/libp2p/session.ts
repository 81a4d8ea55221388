/** The parts of a transport that runs, joined: who is lost is redialled, who is dialled becomes a link. */

import type { Connection, ConnectionGater } from '@libp2p/interface'
import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { NodeId } from '../../core/claim/record.ts'
import type { WantedPeer } from '../../core/effect.ts'
import type { Neighbour } from '../../core/event.ts'
import type { TransportEvent } from '../../ports/transport.ts'
import { Verified } from '../../wire/verified.ts'
import { Accounts } from './accounts.ts'
import { type Answers, ask, callStreamsMax } from './calls.ts'
import type { Refused } from './certified.ts'
import { Dialler } from './dial.ts'
import { DialNetworks } from './dial-networks.ts'
import { addressKey, Gate } from './gate.ts'
import { Gossip } from './gossip.ts'
import { Links } from './links.ts'
import { createNode, type Node, startNode } from './node.ts'
import type { Libp2pOptions } from './options.ts'
import { Redial } from './redial.ts'
import { isListening, SeedSeeker } from './seed-seeker.ts'
import { addressOf, parseSeed, SeedResolver } from './seeds.ts'

export interface Session {
  readonly gossip: Gossip
  readonly links: Links
  connect(peers: readonly WantedPeer[]): void
  seek(neighbours: readonly Neighbour[]): void
  probe(peer: NodeId, addresses: readonly string[]): void
  /** Rejects with a text for people. */
  call(peer: NodeId, addresses: readonly string[], request: Uint8Array): Promise<Uint8Array>
  stop(): Promise<void>
}

/** Of `watchMs`: how long a host may take to answer a fresh connection. TCP asks again after a second. */
const silentShare = 1.2
/** A seed of lower id dials us by itself where it knows us: we give it this long. */
const politenessMs = 2_000

/** Rejects with a ListenError. */
export async function openSession(
  setting: Libp2pOptions,
  answers: Answers,
  listener: (event: TransportEvent) => void,
): Promise<Session> {
  const { clock, keys, cluster } = setting
  const topic = `/starling/${cluster}/records/1`
  const syncProtocol = `/starling/${cluster}/sync/1.0.0`
  const callProtocol = `/starling/${cluster}/call/1.0.0`
  let seekers: readonly SeedSeeker[] = []
  const ofNeighbours = new Map<string, SeedSeeker>()
  let node: Node
  let stopped = false

  // What is under way when it stops, a dial or a lookup, ends unheard.
  const deliver = (event: TransportEvent): void => {
    if (!stopped) listener(event)
  }
  const redial = new Redial(clock, setting.rng)
  const verified = new Verified()
  const accounts = new Accounts({
    ...setting,
    report: (trouble) => deliver({ type: 'trouble-reported', trouble }),
  })
  const accountOf = ({ remotePeer, remoteAddr }: Connection) =>
    accounts.of(remotePeer.toString() as NodeId, addressKey(remoteAddr))
  const links: Links = new Links({
    clock,
    watchMs: setting.watchMs,
    syncProtocol,
    verified,
    deliver,
    lost(peer, livedMs) {
      redial.wake(peer, { livedMs, pauseMs: 0 })
      const pauseMs = keys.id < peer ? 0 : politenessMs
      for (const seeker of [...seekers, ...ofNeighbours.values()]) {
        if (seeker.found(peer)) redial.wake(seeker.key, { livedMs, pauseMs })
      }
    },
    gossips: (peer, connections) => gossip.reaches(peer, connections),
    account: accountOf,
    traffic: setting.traffic,
  })
  const dialler = new Dialler({
    clock,
    dial: (addresses, options) => node.dial([...addresses], options),
    prove: (peer) => links.prove(peer),
  })
  const gater: ConnectionGater = {
    ...new Gate({ clock, accounts, knows: setting.knows }),
    denyOutboundEncryptedConnection(peer, { remoteAddr }) {
      dialler.identified(remoteAddr, peer)
      // A seed may turn out to be a peer that is connected already: one connection is enough.
      const id = peer.toString() as NodeId
      return links.has(id) && !dialler.isProbing(id)
    },
  }
  const nodeOptions = {
    ...setting,
    ...(setting.dialsOnly && { listen: [] }),
    topic,
    gater,
    reached: (at: Multiaddr) => dialler.reached(at),
    refused: (refused: Refused) => deliver({ type: 'peer-refused', ...refused }),
  }
  node = await createNode(nodeOptions)
  const gossip: Gossip = new Gossip(node.services.gossip, {
    clock,
    topic,
    verified,
    deliver,
    met: (peer) => links.met(peer),
    traffic: setting.traffic,
    bearer(peer) {
      const connection = links.connection(peer)
      return connection && accountOf(connection)
    },
  })
  node.addEventListener('connection:open', ({ detail }) => links.opened(detail))
  node.addEventListener('connection:close', ({ detail }) => links.closed(detail))
  await node.handle(syncProtocol, (stream, connection) => links.read(stream, connection), {
    // One is used; a second replaces one whose loss the peer noticed before us.
    maxInboundStreams: 2,
    maxOutboundStreams: 2,
  })
  await node.handle(callProtocol, answers.read, {
    maxInboundStreams: callStreamsMax,
    maxOutboundStreams: callStreamsMax,
  })
  await startNode(node, nodeOptions)
  gossip.start()
  links.start()
  const networks = new DialNetworks(setting.dialNetworks)
  const parts = { dialler, links, networks, deliver }
  seekers = seek(setting, parts)
  for (const seeker of seekers) redial.add(seeker)
  const dialThem = wanting({ self: keys.id, redial, links, dialler, networks, deliver })

  return {
    gossip,
    links,
    connect(peers) {
      links.watch(peers)
      dialThem(peers)
    },
    seek(neighbours) {
      const before = new Map(ofNeighbours)
      ofNeighbours.clear()
      for (const neighbour of neighbours) {
        const made = seekerOf(neighbour, setting, parts)
        const seeker = before.get(made.key) ?? made
        ofNeighbours.set(seeker.key, seeker)
        if (seeker === made) redial.add(seeker)
      }
      for (const [key, seeker] of before) {
        if (ofNeighbours.has(key)) continue
        redial.remove(key)
        seeker.end()
      }
    },
    probe(peer, addresses) {
      const targets = dialable(addresses, networks)
      void dialler.probe(peer, targets, setting.watchMs * silentShare).then((answer) => {
        // A connection whose peer does not answer a fresh one is of no use, nor is one that stays silent beside it.
        if (answer.type === 'connected') links.refreshed(peer)
        else if (answer.type !== 'unknown') links.disconnect(peer)
        deliver({ type: 'peer-probed', peer, answer })
      })
    },
    async call(peer, addresses, request) {
      if (!links.has(peer)) {
        const outcome = await dialler.dial(dialable(addresses, networks, peer))
        if (outcome.type === 'failed') throw new Error(outcome.reason)
      }
      const connection = links.connection(peer)
      if (!connection) throw new Error('it is not connected')
      return ask(connection, callProtocol, request)
    },
    async stop() {
      stopped = true
      redial.stop()
      links.stop()
      gossip.stop()
      await node.stop()
    },
  }
}

interface SeekerParts {
  readonly dialler: Dialler
  readonly links: Links
  readonly networks: DialNetworks
  readonly deliver: (event: TransportEvent) => void
}

function seek(
  { clock, seeds, defaultPort, listen, port, hasMember, lookUp }: Libp2pOptions,
  { dialler, links, networks, deliver }: SeekerParts,
): SeedSeeker[] {
  const resolver = new SeedResolver(lookUp)
  const seekers: SeedSeeker[] = []
  let told = false
  for (const text of new Set(seeds)) {
    const seed = parseSeed(text, defaultPort)
    if (!seed) {
      const reason = 'it is neither a host, host:port nor a multiaddr over TCP'
      const trouble = { code: 'seed-unresolvable', subject: text, reason, active: true } as const
      deliver({ type: 'trouble-reported', trouble })
      // It can never be told to be this node: others may be meant by it.
      told = true
      continue
    }
    const seeker = new SeedSeeker(seed, {
      clock,
      resolver,
      dialler,
      needs: needsBy(links, hasMember),
      resolved: (ip) => networks.seedAt(ip),
      mayDial: () => true,
      isOwn: (ip, at) => at === port && isListening(ip, listen),
      report: (trouble) => deliver({ type: 'trouble-reported', trouble }),
      isSelf() {
        if (told || !seekers.every(({ self }) => self)) return
        told = true
        deliver({ type: 'seeds-are-self' })
      },
    })
    seekers.push(seeker)
  }
  return seekers
}

/** A member is redialled by those who watch it. A seed of a large cluster must not hold a connection to every node. */
const needsBy =
  (links: SeekerParts['links'], hasMember: Libp2pOptions['hasMember']) =>
  (peer: NodeId): boolean =>
    !links.has(peer) && !(hasMember(peer) && links.any)

/** Somebody said to be there is a seed that nobody configured: no network is trusted for its sake. */
function seekerOf(
  { address, port }: Neighbour,
  { clock, lookUp, listen, port: own, hasMember }: Libp2pOptions,
  { dialler, links, networks, deliver }: SeekerParts,
): SeedSeeker {
  const [plain = ''] = address.split('%')
  const place = address.includes(':') ? `[${address}]` : address
  const text = `${place}:${port} (heard on the LAN)`
  const seed = { text, host: address, port, family: undefined, peer: undefined }
  return new SeedSeeker(seed, {
    clock,
    resolver: new SeedResolver(lookUp),
    dialler,
    needs: needsBy(links, hasMember),
    resolved: () => undefined,
    mayDial: () => networks.allows(plain),
    isOwn: (ip, at) => at === own && isListening(ip, listen),
    report: (trouble) =>
      deliver({ type: 'trouble-reported', trouble: { ...trouble, heard: true } }),
    isSelf: () => undefined,
  })
}

/** Keeps one redial task per wanted peer that is ours to dial. */
function wanting(parts: {
  self: NodeId
  redial: Redial
  links: Links
  dialler: Dialler
  networks: DialNetworks
  deliver: (event: TransportEvent) => void
}) {
  const { self, redial, links, dialler, networks, deliver } = parts
  let tasks = new Map<NodeId, string>()
  let forbidden: string | undefined
  const tellForbidden = (address: string | undefined): void => {
    if (address === forbidden) return
    const report = (subject: string, active: boolean) => {
      const reason = 'it lies on no network that records may name'
      const trouble = { code: 'dial-forbidden', subject, reason, active } as const
      deliver({ type: 'trouble-reported', trouble })
    }
    if (forbidden !== undefined) report(forbidden, false)
    if (address !== undefined) report(address, true)
    forbidden = address
  }
  return (peers: readonly WantedPeer[]): void => {
    const outside = peers.find(
      ({ id, addresses }) =>
        addresses.length > 0 && !links.has(id) && dialable(addresses, networks, id).length === 0,
    )
    // One stands for all: thousands of records may name a stranger.
    tellForbidden(outside?.addresses[0])
    const before = tasks
    tasks = new Map()
    for (const { id, addresses } of peers) {
      // Of two peers the lower one dials, or they would end with two connections.
      if (id <= self) continue
      const text = addresses.join(' ')
      tasks.set(id, text)
      if (before.get(id) === text) continue
      const attempt = async () => {
        if (links.has(id)) return true
        const targets = dialable(addresses, networks, id)
        return targets.length === 0 || (await dialler.dial(targets)).type !== 'failed'
      }
      redial.add({ key: id, restMs: Number.POSITIVE_INFINITY, attempt })
    }
    for (const id of before.keys()) if (!tasks.has(id)) redial.remove(id)
  }
}

/** Only plain TCP addresses: a record must not make us look up names or dial what we have no transport for. */
function dialable(addresses: readonly string[], networks: DialNetworks, id?: NodeId): Multiaddr[] {
  return addresses.flatMap((text) => {
    try {
      const [network, transport, ...rest] = multiaddr(text).getComponents()
      const plain = network?.name === 'ip4' || network?.name === 'ip6'
      if (!plain || !network.value || transport?.name !== 'tcp' || rest.length > 0) return []
      if (!networks.allows(network.value)) return []
      return [addressOf(network.value, Number(transport.value), id)]
    } catch {
      // The multiaddr parser throws on malformed text, and another node's text is no fault of ours.
      return []
    }
  })
}
