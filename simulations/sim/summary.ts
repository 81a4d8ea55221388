/** One event or effect in a few words, for the trace: enough that two runs which differ have different lines. */

import type { Entry } from '../../src/core/claim/record.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { SyncMessage } from '../../src/core/gossip/message.ts'
import type { KernelChange, RouteChange } from '../../src/core/routing/route.ts'

export function summary(item: Event | Effect): string {
  switch (item.type) {
    case 'gossip-received':
      return `${item.type} ${item.id} ${entryText(item.entry)} from ${item.from.slice(-6)}`
    case 'sync-received':
      return `${item.type} ${syncText(item.message)} from ${item.peer.slice(-6)}`
    case 'send':
      return `${item.type} ${syncText(item.message)} to ${item.peer.slice(-6)}`
    case 'publish':
      return `${item.type} ${entryText(item.entry)}`
    case 'persist-own':
      return `${item.type} ${item.own.incarnation} ${item.own.entry ? entryText(item.own.entry) : ''}`
    case 'persist-known':
      return `${item.type} ${item.known.length}`
    case 'verdict':
      return `${item.type} ${item.id} ${item.verdict}`
    case 'peer-connected':
    case 'peer-disconnected':
      return `${item.type} ${item.peer.slice(-6)}`
    case 'connect':
      return `${item.type} ${item.peers.map(({ id }) => id.slice(-6)).join(' ')}`
    case 'apply-routes':
      return `${item.type} ${item.changes.map(changeText).join(' ')}`
    case 'routes-applied':
      return `${item.type} ${item.results.map(({ change, outcome }) => `${changeText(change)}:${outcome}`).join(' ')}`
    case 'kernel-dumped':
      return `${item.type} ${item.dump.routes.map(({ prefix, owned }) => `${owned ? '' : '!'}${prefix.text}`).join(' ')}`
    case 'kernel-changed':
      return `${item.type} ${item.changes.map(kernelText).join(' ')}`
    case 'command':
      return `${item.type} ${item.id} ${item.command.type}`
    case 'reply':
      return `${item.type} ${item.id} ${item.result.ok ? 'ok' : item.result.code}`
    case 'note':
      return `${item.type} ${Object.values(item.note).map(String).join(' ')}`
    case 'stop':
      return `${item.type} ${item.exitCode}`
    case 'configure-bridge':
      return `${item.type} ${item.addresses.map(({ address }) => address.text).join(' ')}`
    default:
      return item.type
  }
}

const entryText = ({ body, hash }: Entry): string =>
  `${body.kind} ${body.origin.slice(-6)} ${body.version.incarnation}.${body.version.seqno} ${hash.slice(0, 8)}`

function syncText(message: SyncMessage): string {
  switch (message.type) {
    case 'summary':
      return `${message.type} ${message.stamps.length}`
    case 'delta':
      return `${message.type} ${message.carried.map(({ entry }) => entry.hash.slice(0, 8)).join(' ')} want ${message.want.length}`
    case 'clock':
      return `${message.type} ${message.wallMs}`
    case 'trust':
      return `${message.type} ${message.digest}`
    case 'papers':
      return `${message.type} ${message.papers.length}`
    default:
      return `${message.type} ${message.root}`
  }
}

const changeText = (change: RouteChange): string =>
  `${change.type === 'add' ? '+' : '-'}${change.key.prefix.text}`

function kernelText(change: KernelChange): string {
  switch (change.type) {
    case 'route-added':
    case 'route-removed':
      return `${change.type} ${change.route.prefix.text}`
    case 'link-changed':
      return `${change.type} ${change.link.name} ${change.link.up ? 'up' : 'down'}`
    case 'link-removed':
      return `${change.type} ${change.name}`
    case 'address-added':
    case 'address-removed':
      return `${change.type} ${change.address.address.text}`
    default:
      return change.type
  }
}
