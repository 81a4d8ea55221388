/** The steps of an agent as text: one line for each event, one indented line for each effect. */

import type { Body, NodeId } from '../../../src/core/claim/record.ts'
import type { Effect } from '../../../src/core/effect.ts'
import type { Event } from '../../../src/core/event.ts'
import type { SyncMessage } from '../../../src/core/gossip/message.ts'
import type { RouteChange, RouteTarget } from '../../../src/core/routing/route.ts'
import type { Step } from './harness.ts'

/** Names in place of ids, so that the text can be read. */
export function transcriptOf(
  steps: readonly Step[],
  names: ReadonlyMap<NodeId, string>,
  startedAt: number,
): string {
  const lines = steps.flatMap(({ at, event, effects }) => [
    `${String(Math.round(at - startedAt)).padStart(6)} ms  ${eventText(event)}`,
    ...effects.map((effect) => `               ${effectText(effect)}`),
  ])
  let text = `${lines.join('\n')}\n`
  for (const [id, name] of names) text = text.replaceAll(id, name)
  return text
}

function eventText(event: Event): string {
  switch (event.type) {
    case 'gossip-received':
      return `gossip from ${event.from}: ${bodyText(event.entry.body)}`
    case 'sync-received':
      return `${messageText(event.message)} from ${event.peer}`
    case 'peer-connected':
      return `connected to ${event.peer}`
    case 'kernel-dumped': {
      const { routes, links, addresses } = event.dump
      return `kernel dumped: ${routes.length} routes, ${links.length} links, ${addresses.length} addresses`
    }
    case 'kernel-changed':
      return `kernel changed: ${event.changes.map(({ type }) => type).join(', ')}`
    case 'routes-applied':
      return `routes applied: ${event.results.map(({ outcome }) => outcome).join(', ')}`
    case 'next-hops-looked-up':
      return `looked up: ${event.answers.map((a) => `${a.question.nextHop.text} dev ${a.ifindex}`).join(', ')}`
    case 'uplink-located':
      return `uplink located: ${event.uplink.name}`
    default:
      return event.type
  }
}

function effectText(effect: Effect): string {
  switch (effect.type) {
    case 'persist-own':
      return `persist-own ${effect.own.entry ? bodyText(effect.own.entry.body) : 'nothing'}`
    case 'persist-known':
      return `persist-known ${effect.known.map(({ entry }) => bodyText(entry.body)).join(', ')}`
    case 'publish':
      return `publish ${bodyText(effect.entry.body)}`
    case 'verdict':
      return `verdict ${effect.verdict}`
    case 'send':
      return `send ${messageText(effect.message)} to ${effect.peer}`
    case 'connect':
      return `connect ${effect.peers.map(({ id }) => id).join(', ') || 'nobody'}`
    case 'apply-routes':
      return `apply-routes ${effect.changes.map(changeText).join(', ')}`
    case 'look-up-next-hops':
      return `look-up-next-hops ${effect.questions.map(({ nextHop }) => nextHop.text).join(', ')}`
    case 'configure-bridge': {
      const addresses = effect.addresses.map(({ address, length }) => `${address.text}/${length}`)
      return `configure-bridge ${effect.name} ${addresses.join(', ')}`
    }
    case 'note':
      return `note ${Object.values(effect.note).map(String).join(' ')}`
    default:
      return effect.type
  }
}

function bodyText(body: Body): string {
  const { origin, version } = body
  const at = `${origin} ${version.incarnation}.${version.seqno}`
  if (body.kind === 'tombstone') return `${at} ${body.reason}`
  const claims = body.claims.map(({ prefix, state }) => `${state} ${prefix.text}`)
  return `${at} ${claims.join(', ') || 'without a claim'}`
}

function messageText(message: SyncMessage): string {
  switch (message.type) {
    case 'summary':
      return `summary of ${message.stamps.length}`
    case 'delta':
      return `delta of ${message.carried.length}, wants ${message.want.length}`
    default:
      return message.type
  }
}

function changeText(change: RouteChange): string {
  const { text } = change.key.prefix
  return change.type === 'add' ? `add ${text} ${targetText(change.target)}` : `remove ${text}`
}

const targetText = (target: RouteTarget): string =>
  target.type === 'via' ? `via ${target.nextHop.text} dev ${target.ifindex}` : target.type
