/** What a note means: its level, a sentence for people, and what mends it. */

import type { Description } from './description.ts'
import type { UplinkLack } from './event.ts'
import { unreachable } from './invariant.ts'
import { attachmentText } from './ipam/lease.ts'
import { counted, listed } from './listed.ts'
import type { Note, Refusal } from './note.ts'
import { describeTrust } from './trust/describe.ts'

export function describe(note: Note): Description {
  switch (note.code) {
    case 'in-sync':
      return info(
        `in sync (${note.by}): owned routes that nobody announces are removed from now on`,
      )
    case 'joined-alone':
      return warn(
        `no seed answered within ${note.waitedMs / 1000} s: claiming alone`,
        'check that an agent runs on each seed and can be reached; seeds are redialled for ever, and the clusters merge then',
      )
    case 'join-held':
      return warn(
        `no handshake succeeds with ${note.seeds.join(', ')}: nothing is claimed until one does, because the cluster may be there`,
        'give this node the key of that cluster; if no agent runs there, remove the seed',
      )
    case 'claim-tentative':
      return info(`claiming ${note.prefix}${note.fence > 0 ? ` at fence ${note.fence}` : ''}`)
    case 'claim-confirmed':
      return info(`subnet ${note.prefix} is ours, ${Math.round(note.afterMs)} ms after start`)
    case 'claim-lost':
      return warn(
        `lost subnet ${note.prefix} to ${note.name} (${note.winner})`,
        'another subnet is claimed, and containers keep the addresses that they have: starling ip list',
      )
    case 'claim-contested':
      return warn(
        `${note.rivalName} (${note.rival}${note.via ? `, by way of ${note.via}` : ''}) says that it had ${note.prefix} before ${note.name}, to which this node has long routed it`,
        `the one that most nodes saw hold it keeps it. If ${note.rivalName} is not your host: starling evict ${note.rival}, and change the cluster key or use operatorKey`,
      )
    case 'claim-given-up':
      return warn(
        `gave up subnet ${note.prefix}, as asked, and claims none in its place`,
        'an AllocateSubnet call for this node or a restart of the agent claims one again',
      )
    case 'pool-full':
      return warn(
        `no available subnets in network configuration: pool ${note.pool} is fully claimed`,
        'evict nodes that are gone for good (starling evict NODE) or configure a larger pool; the first subnet that frees is taken',
      )
    case 'routes-written':
      return info(`wrote routes: ${note.added} added, ${note.removed} removed`)
    case 'route-drifted':
      return warn(
        `route ${note.prefix}${note.more > 0 ? ` and ${note.more} more` : ''} was ${note.by} by another process and is put back`,
        'find what writes to the route table: ip monitor route',
      )
    case 'route-alien':
      return warn(
        `route ${note.prefix} is blocked by a route that is not ours`,
        `inspect it with: ip route show ${note.prefix}; once it is removed ours is installed`,
      )
    case 'route-off-link':
      return warn(
        `route ${note.prefix} is not installed: next hop ${note.nextHop} is not on-link`,
        'hosts must share a link; set --next-hop or --interface on that node',
      )
    case 'route-refused':
      return warn(
        `route ${note.prefix} of ${note.origin}${note.via ? ` at ${note.via}` : ''} is refused: ${refusalText(note.why, note.by)}`,
        refusalMend(note),
      )
    case 'announcement-refused':
      return warn(
        `no node routes ${note.prefix} to this one: ${refusalText(note.why, note.by)}`,
        `starling withdraw ${note.prefix}, or take it out of the configuration (announce)`,
      )
    case 'route-shadowed':
      return warn(
        note.part === 'all'
          ? `route ${note.prefix} is in the kernel, which uses another one: ${note.by}`
          : `part of route ${note.prefix} is taken by a more specific one: ${note.by}`,
        note.by.startsWith('no route')
          ? 'ip rule and ip route show which table is asked: ours needs a rule that leads to it'
          : `remove it (ip route del ${note.by}), or the rule that leads to its table (ip rule)`,
      )
    case 'routes-full':
      return warn(
        `routes lead to ${note.most} announced prefixes, as many as routesMax allows: ${note.leftOut} are left out, the first of them by ${note.name} (${note.node})`,
        'starling routes lists them: withdraw what is not needed, evict nodes that are not yours, or raise routesMax',
      )
    case 'route-dead':
      return warn(
        `route ${note.prefix} is in the kernel, but its link is down`,
        'ip route show names the interface: check its cable and its switch port',
      )
    case 'route-failed':
      return warn(
        `the kernel refused route ${note.prefix}: ${note.error}`,
        'it is tried again by itself; starling resync tries it now',
      )
    case 'pruned':
      return info(`removed ${note.routes} owned routes of a former run that are no longer wanted`)
    case 'purged':
      return warn(
        `removed all ${note.routes} owned routes; nothing is written until resync`,
        'starling resync',
      )
    case 'kernel-resync':
      return info(`reading the kernel's routes again: ${note.reason}`)
    case 'kernel-unreadable':
      return warn(
        `cannot read the kernel's routes: ${note.reason}`,
        'it is tried again by itself; where it stays, restart the agent',
      )
    case 'kernel-forbidden':
      return error(
        'the kernel refuses route changes: no CAP_NET_ADMIN',
        'run as root or add the capability NET_ADMIN',
      )
    case 'node-joined':
      return info(`node ${note.name} joined`)
    case 'nodes-full':
      return warn(
        `${note.most} nodes are known, as many as nodesMax allows: further ones are ignored, the first of them ${note.node} (told by ${note.from}${note.via ? ` at ${note.via}` : ''})`,
        'starling peers lists them: evict those that are not yours and change the cluster key, or raise nodesMax if the cluster is that large',
      )
    case 'node-twice':
      return warn(
        `node ${note.name} runs twice with one identity: a copied state directory`,
        'on the host of the copy, stop the agent and remove its whole state directory; starling peers names its addresses',
      )
    case 'node-left':
      return info(`node ${note.name} left`)
    case 'node-evicted':
      return warn(`node ${note.name} was evicted by ${note.author}`, '')
    case 'node-claimed':
      return info(`node ${note.name} has subnet ${note.prefix}`)
    case 'peer-connected':
      return info(`connected to ${note.peer} at ${note.address}`)
    case 'peer-disconnected':
      return info(`connection to ${note.peer} closed`)
    case 'refuted':
      return warn(
        `the cluster held word of this node that it did not write (${note.what}): answered with incarnation ${note.incarnation}`,
        '',
      )
    case 'missed-by-others':
      return warn(
        note.by.length === 0
          ? `this node reached nobody for a while: back with incarnation ${note.incarnation}`
          : `${listed(note.by)} did not reach this node: answered with incarnation ${note.incarnation}`,
        'unless this host was suspended or cut off a moment ago, look at its network',
      )
    case 'node-down':
      return describeDown(note)
    case 'node-back':
      return info(`node ${note.name} is back`)
    case 'duplicate-identity':
      return note.yielding
        ? error(
            `another node (${note.name}, ${note.at}) runs with this node's identity and was first`,
            'this is a copied state directory: remove it whole and start again as a new node',
          )
        : warn(
            `another node (${note.name}, ${note.at}) runs with this node's identity`,
            'on the host of the copy, stop the agent and remove its whole state directory',
          )
    case 'eviction-pending':
      return warn(
        `node ${note.name} is evicted by ${note.author}${note.via ? ` (told at ${note.via})` : ''}, ${Math.ceil(note.inMs / 1000)} s from when this was first said, unless it answers before`,
        `if its host is up, start its agent; if none of your operators evicted it, find out who ${note.author} is (starling peers)`,
      )
    case 'eviction-refused':
      return warn(
        `eviction of ${note.node} by ${note.author}${note.via ? ` (told at ${note.via})` : ''} is refused: it is alive`,
        `starling leave on that node ends it; if none of your operators evicted it, find out who ${note.author} is (starling peers)`,
      )
    case 'pool-mismatch':
      return warn(
        `node ${note.name} uses pool ${note.theirs}, this node ${note.ours}`,
        'configure the same pool and prefix length everywhere',
      )
    case 'clock-skew':
      return warn(
        `the clock of ${note.node === undefined ? 'this host' : note.name} is ${Math.abs(Math.round(note.aheadMs / 1000))} s ${note.aheadMs > 0 ? 'ahead' : 'behind'}`,
        'synchronise the clocks (NTP), then restart the agent of the one that was wrong',
      )
    case 'clock-unset':
      return warn(
        `the clock of ${note.node === undefined ? 'this host' : note.name} was never set: its subnet goes to whoever else claims it`,
        'set the clock (NTP) there and restart its agent',
      )
    case 'excluded':
      return info(
        `local networks inside the pool are claimed by nobody: ${note.prefixes.join(', ') || 'none'}`,
      )
    case 'exclusions-too-broad':
      return error(
        `local networks cover more than half of pool ${note.pool}: this node gets no subnet`,
        'remove the routes inside the pool or configure another pool',
      )
    case 'exclusions-ignored':
      return warn(
        `node ${note.name} (${note.node}${note.via ? ` at ${note.via}` : ''}) excludes more than half of pool ${note.pool}: all nodes ignore that`,
        'remove the routes inside the pool on that host; if it is not your host, evict it and change the cluster key',
      )
    case 'exclusions-overridden':
      return warn(
        `every free subnet is excluded by some node: this node claims ${note.prefix}, which ${note.names} excludes`,
        `${note.names} may not reach this node: remove the routes inside the pool there (starling peers names its address)`,
      )
    case 'entry-rejected':
      return warn(
        `rejected a record that ${note.from} sent: ${note.why}`,
        'check that all nodes have the same cluster name and version',
      )
    case 'bridge-configured':
      return info(`bridge ${note.name} has ${note.addresses.join(', ') || 'no address'}`)
    case 'bridge-failed':
      return warn(
        `cannot set up bridge ${note.name}: ${note.error}`,
        'mend the cause or start with --bridge none; it is tried again',
      )
    case 'forwarding-off':
      return warn(
        `IP forwarding is off and cannot be set: ${note.error}`,
        'set net.ipv4.ip_forward=1 (and net.ipv6.conf.all.forwarding=1) on the host',
      )
    case 'forwarding-restored': {
      const settings = note.settings.join(', ')
      return note.how === 'first'
        ? info(`IP forwarding is switched on: ${settings}`)
        : warn(
            `IP forwarding was switched off by another process and is on again: ${settings}`,
            'find what sets it: grep -r forward /etc/sysctl.conf /etc/sysctl.d /etc/ufw',
          )
    }
    case 'firewall-failed':
      return warn(
        note.part === 'masquerade'
          ? `traffic of containers to the outside is not masqueraded: ${note.error}`
          : `the firewall is not opened for containers: ${note.error}`,
        note.part === 'masquerade'
          ? 'it is tried again; apt-get install nftables brings nft, or start without --masquerade'
          : 'it is tried again; apt-get install iptables brings iptables, or start without --open-forward',
      )
    case 'firewall-restored':
      return warn(
        note.part === 'masquerade'
          ? 'the rules that masquerade were changed by another process and are as they were'
          : 'the rule that opens the firewall was removed by another process and is there again',
        'find what writes to the firewall: nft monitor',
      )
    case 'uplink-located':
      return info(`next hop ${note.nextHops.join(', ')} on ${note.name}`)
    case 'uplink-missing':
      return uplinkMissing(note.lack)
    case 'seed-unresolvable':
      return warn(
        `seed ${note.subject} does not resolve: ${note.reason}`,
        'check the name; it is resolved again at every retry',
      )
    case 'seed-unreachable':
      return warn(
        `seed ${note.subject} does not answer: ${note.reason}`,
        'check that an agent runs there; it is redialled for ever',
      )
    case 'handshake-failed':
      return warn(
        `no handshake with ${note.subject}: ${note.reason}`,
        'most likely the cluster keys differ: configure the same clusterKey on both',
      )
    case 'discovery-failed':
      return warn(
        `no agents are found by multicast DNS on ${note.subject}: ${note.reason}`,
        'allow UDP port 5353 there, and let no program hold it for itself (ss -ulpn sport = 5353), or start with --seed and --discover off; it is tried again',
      )
    case 'dial-forbidden':
      return warn(
        `a node at ${note.subject} is not dialled: ${note.reason}`,
        'if that network belongs to the cluster, add it to dialNetworks',
      )
    case 'peer-flooding':
      return warn(
        `${note.subject} sends more ${note.reason} than it may: the excess is ignored`,
        'a host that joins a cluster of thousands may do so for minutes; otherwise find out what runs there, revoke it or change the cluster key',
      )
    case 'monitor-died':
      return warn(`the ${note.subject} ended: ${note.reason}`, 'it is started again by itself')
    case 'store-unwritable':
      return warn(
        `cannot store the ${note.subject}: ${note.reason}`,
        'make the state directory writable, and free space on its filesystem',
      )
    case 'lease-granted':
      return debug(`granted ${note.address} to ${attachmentText(note)}`)
    case 'lease-released':
      return debug(`released ${note.address} of ${attachmentText(note)}`)
    case 'lease-leaked':
      return info(`freed ${note.address}: ${attachmentText(note)} is gone and had not released it`)
    case 'address-lost':
      return error(
        `${attachmentText(note)} has lost ${note.address}: a container of ${note.name} has the same address`,
        'restart the container: it gets another address',
      )
    case 'addresses-lost':
      return error(
        `${counted(note.addresses, 'container')} of this host lost ${note.addresses === 1 ? 'its address' : 'their addresses'}, which containers of other hosts have too`,
        'restart them: starling ip list shows which',
      )
    case 'addresses-kept':
      return info(
        `${counted(note.addresses, 'container')} still ${note.addresses === 1 ? 'has an address' : 'have addresses'} of ${note.prefix}, which ${note.name === '' ? 'is' : `is ${note.name}'s and was`} this node's before: they work, and end with their containers`,
      )
    case 'addresses-left':
      return info(
        `${counted(note.addresses, 'address', 'addresses')} of this node's subnet ${note.addresses === 1 ? 'is' : 'are'} left to containers on ${note.name} (${note.node}), which had ${note.addresses === 1 ? 'it' : 'them'} when the partition healed`,
      )
    case 'leaks-held-back':
      return warn(
        `${note.leases} containers are no longer seen: too many to free their addresses unasked`,
        'if they are really gone, release their addresses (starling ip list, starling ip release ADDRESS); else see whether the agent still sees /run/netns',
      )
    case 'leases-void':
      return info(`freed ${note.leases} addresses of containers that the last boot ended`)
    case 'subnet-exhausted':
      return warn(
        `every address of ${note.prefix} is held: no container gets another one`,
        'starling ip list shows who holds them; release those of containers that are gone',
      )
    case 'leases-unreadable':
      return error(
        `no address is granted or released, because the stored leases cannot be read: ${note.reason}`,
        'repair that and start the agent again; routes stay meanwhile',
      )
    case 'leases-unwritable':
      return warn(
        `no address is granted or released, because the leases cannot be written: ${note.reason}`,
        'make the state directory writable, and free space on its filesystem',
      )
    case 'leases-slow':
      return warn(
        'the disk of the state directory has not answered for 2 s: no address is granted or released',
        'look at the disk (dmesg); what waits is finished as soon as it answers',
      )
    case 'door-shut':
      return warn(
        `${note.subject} gets no addresses from this agent: ${note.reason}`,
        'it is tried again by itself every half minute',
      )
    case 'network-unwritten':
      return warn(
        `CNI runtimes get no network from this agent in ${note.subject}: ${note.reason}`,
        'it is tried again by itself every half minute',
      )
    case 'network-preceded':
      return warn(
        `CNI runtimes use another network than this agent's: ${note.reason} comes first, and most use only the first file`,
        'rename or remove that file, unless it is meant to come first',
      )
    case 'open-admission':
    case 'not-admitted-self':
    case 'certificate-expires':
    case 'announce-not-allowed':
    case 'peer-refused':
    case 'record-refused':
    case 'node-expelled':
    case 'token-used-twice':
    case 'not-admitted':
      return describeTrust(note)
    case 'trouble-over':
      return info(`${note.was} is over for ${note.subject}`)
    default:
      return unreachable(note)
  }
}

function uplinkMissing(lack: UplinkLack): Description {
  switch (lack.type) {
    case 'none':
      return warn(
        'no interface of this host leads to other hosts: they cannot route to this node',
        'give an interface an address, or set --interface or --next-hop',
      )
    case 'several':
      return warn(
        `several interfaces may lead to other hosts (${lack.names.join(', ')}), and nothing says which to use`,
        `name it: --interface ${lack.names[0]}, or --next-hop with its address`,
      )
    case 'absent':
      return warn(
        `there is no interface ${lack.wanted}`,
        `set --interface to one that is there: ${lack.names.join(', ')}`,
      )
    default:
      return unreachable(lack)
  }
}

export function refusalText(why: Refusal, by = ''): string {
  switch (why) {
    case 'accept-list':
      return 'it is not on the accept list'
    case 'other-pool':
      return "it is not a subnet of this node's pool"
    case 'own-address':
      return "it would take this host's own addresses or next hops"
    case 'local-network':
      return 'it lies in a network of this host'
    case 'no-next-hop':
      return 'its node announces no next hop of this family'
    case 'inside-subnet':
      return `it would take a part of subnet ${by}`
    case 'inside-pool':
      return `it lies in pool ${by}, and not in the subnet of its node`
    case 'inside-extra':
      return `it would take a part of ${by}, which goes before`
    case 'inside-network':
      return "it would take a part of a network of this host's interfaces"
    case 'no-room':
      return 'routes lead to as many announced prefixes as routesMax allows'
    default:
      return unreachable(why)
  }
}

function refusalMend({ kind, prefix, why }: Extract<Note, { code: 'route-refused' }>): string {
  const isClaim = kind === 'claim'
  switch (why) {
    case 'accept-list':
      return `add ${prefix} to acceptPrefixes here, or run starling withdraw ${prefix} on its node`
    case 'other-pool':
      return 'configure the same pool and prefix length on both nodes'
    case 'own-address':
      return isClaim
        ? 'renumber the network of this host that overlaps it, or run starling leave on its node, which then claims another subnet when it is started'
        : `run starling withdraw ${prefix} on its node`
    case 'local-network':
      return isClaim
        ? 'remove the local network (ip route show and ip address show name it), or run starling leave on its node, which then claims another subnet when it is started'
        : `remove the local network, or run starling withdraw ${prefix} on its node`
    case 'inside-subnet':
    case 'inside-pool':
    case 'inside-extra':
      return `run starling withdraw ${prefix} on its node`
    case 'inside-network':
      return `run starling withdraw ${prefix} on its node, or announce there only what is in no LAN`
    case 'no-room':
      return `run starling withdraw ${prefix} on its node, or raise routesMax here`
    case 'no-next-hop':
      return 'set --next-hop or --interface on its node'
    default:
      return unreachable(why)
  }
}

const debug = (message: string): Description => ({ level: 'debug', message, mend: '' })
const info = (message: string): Description => ({ level: 'info', message, mend: '' })
const warn = (message: string, mend: string): Description => ({ level: 'warn', message, mend })
const error = (message: string, mend: string): Description => ({ level: 'error', message, mend })

function describeDown({ name, state, by }: Extract<Note, { code: 'node-down' }>): Description {
  const found = `found by ${listed(by)}`
  switch (state) {
    case 'agent-down':
      return warn(
        `the agent of ${name} does not answer, but its host does: its routes stay (${found})`,
        `on ${name}, look at the agent: systemctl status, docker ps -a, or its log`,
      )
    case 'host-down':
      return warn(
        `host ${name} does not answer: its routes are unreachable until it does (${found})`,
        `if it never comes back: starling evict ${name} frees its subnet`,
      )
    case 'displaced':
      return warn(
        `another node answers where ${name} was: its routes are unreachable (${found})`,
        'if its host was installed anew, do nothing: its former self is evicted soon',
      )
    default:
      return unreachable(state)
  }
}
