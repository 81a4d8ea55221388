/** Route messages: what we ask the kernel to write, and the facts of what it tells. */

import type { Address } from '../../core/ip/address.ts'
import type { RouteChange } from '../../core/routing/route.ts'
import { type Message, type MessageWriter, walkAttributes } from './message.ts'
import {
  headerBytes,
  kernelFamily,
  messageFlag,
  messageType,
  routeAttribute,
  routeFlagCloned,
  routeFlagFibMatch,
  routeFlagLookupTable,
  routeScope,
  routeType,
  routeTypeHidden,
} from './rtnetlink.ts'

const routeHeaderBytes = 12

/** A decoded route message; addresses stay where they lie in `message.data`. */
export interface RouteFacts {
  readonly message: Message
  readonly removed: boolean
  readonly family: 4 | 6
  readonly length: number
  readonly table: number
  readonly protocol: number
  readonly type: number
  readonly metric: number
  /** Of the address's first byte; 0 where the message has none, as for the prefix 0.0.0.0/0. */
  readonly destinationAt: number
  readonly gatewayAt: number
  readonly preferredSourceAt: number
  readonly oif: number
  /** One next hop of the route's own family and nothing round it. */
  readonly plain: boolean
  /** RTNH_F_*: its link is down. */
  readonly flags: number
  /** Of the nexthop object that it uses; 0: none. */
  readonly nextHopId: number
  readonly multipath: boolean
}

/**
 * Undefined for messages that are no route of a table: cloned ones, local and broadcast ones, and those that match only
 * traffic with a TOS or a source, which collide with no key of ours.
 */
export function readRoute(message: Message): RouteFacts | undefined {
  if (message.type !== messageType.newRoute && message.type !== messageType.delRoute)
    return undefined
  const { view } = message
  const at = message.start + headerBytes
  if (at + routeHeaderBytes > message.end) return undefined
  const family = familyOf(view.getUint8(at))
  const type = view.getUint8(at + 7)
  if (family === undefined || routeTypeHidden.has(type)) return undefined
  if (view.getUint8(at + 2) !== 0 || view.getUint8(at + 3) !== 0) return undefined
  if ((view.getUint32(at + 8, true) & routeFlagCloned) !== 0) return undefined
  return readFacts(message, family)
}

/** The answer to a lookup, which is of any type and marked as cloned. */
export function readLookup(message: Message): RouteFacts | undefined {
  if (message.type !== messageType.newRoute) return undefined
  const at = message.start + headerBytes
  if (at + routeHeaderBytes > message.end) return undefined
  const family = familyOf(message.view.getUint8(at))
  return family && readFacts(message, family)
}

function readFacts(message: Message, family: 4 | 6): RouteFacts {
  const { view } = message
  const at = message.start + headerBytes
  const facts = {
    message,
    removed: message.type === messageType.delRoute,
    family,
    length: view.getUint8(at + 1),
    table: view.getUint8(at + 4),
    protocol: view.getUint8(at + 5),
    type: view.getUint8(at + 7),
    metric: 0,
    destinationAt: 0,
    gatewayAt: 0,
    preferredSourceAt: 0,
    oif: 0,
    plain: true,
    flags: view.getUint32(at + 8, true),
    nextHopId: 0,
    multipath: false,
  }
  walkAttributes(view, { from: at + routeHeaderBytes, end: message.end }, (type, value) => {
    switch (type) {
      case routeAttribute.destination:
        facts.destinationAt = value
        break
      case routeAttribute.oif:
        facts.oif = view.getUint32(value, true)
        break
      case routeAttribute.gateway:
        facts.gatewayAt = value
        break
      case routeAttribute.priority:
        facts.metric = view.getUint32(value, true)
        break
      case routeAttribute.preferredSource:
        facts.preferredSourceAt = value
        break
      case routeAttribute.table:
        facts.table = view.getUint32(value, true)
        break
      case routeAttribute.multipath:
        facts.multipath = true
        facts.plain = false
        break
      case routeAttribute.nextHopId:
        facts.nextHopId = view.getUint32(value, true)
        facts.plain = false
        break
      case routeAttribute.via:
      case routeAttribute.encapsulation:
        facts.plain = false
        break
    }
  })
  return facts
}

/** Whether the change can be written at all: a next hop of the prefix's family. */
export function isWritable(change: RouteChange): boolean {
  if (change.type === 'remove') return true
  if (change.target.type === 'unreachable' || change.target.type === 'on-link') return true
  return change.target.type === 'via' && change.target.nextHop.family === change.key.prefix.family
}

/** Adds without replacing; removes by key and protocol, so that an alien route is never removed. */
export function writeChange(
  writer: MessageWriter,
  change: RouteChange,
  { seq, table, protocol }: { seq: number; table: number; protocol: number },
): void {
  const adding = change.type === 'add'
  const { prefix, metric } = change.key
  writer.begin(
    adding ? messageType.newRoute : messageType.delRoute,
    adding ? messageFlag.create | messageFlag.exclusive : 0,
    seq,
  )
  writer.u8(prefix.family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(prefix.length)
  writer.u16(0)
  writer.u8(table > 255 ? 0 : table)
  writer.u8(protocol)
  writer.u8(adding ? scopeOf(change) : routeScope.nowhere)
  writer.u8(adding ? typeOf(change) : routeType.unspecified)
  writer.u32(0)
  writer.attributeAddress(routeAttribute.destination, prefix.family, prefix.first)
  if (table > 255) writer.attributeU32(routeAttribute.table, table)
  // The kernel reads metric 0 as "none": IPv4 stores 0, and a removal takes the owned route with the lowest metric.
  if (metric !== 0) writer.attributeU32(routeAttribute.priority, metric)
  if (adding && change.target.type === 'via') {
    const { nextHop, ifindex } = change.target
    writer.attributeAddress(routeAttribute.gateway, nextHop.family, nextHop.value)
    if (ifindex !== 0) writer.attributeU32(routeAttribute.oif, ifindex)
  }
  if (adding && change.target.type === 'on-link') {
    writer.attributeU32(routeAttribute.oif, change.target.ifindex)
  }
  writer.end()
}

const scopeOf = (change: Extract<RouteChange, { type: 'add' }>): number =>
  change.target.type === 'on-link' ? routeScope.link : routeScope.universe

const typeOf = (change: Extract<RouteChange, { type: 'add' }>): number =>
  change.target.type === 'unreachable' ? routeType.unreachable : routeType.unicast

/**
 * Asks which route the kernel would take to `destination`; `oif` 0 leaves the link to it. `entry`: the answer is the
 * entry of the table that matches, not what follows from it for this one destination. `input`: of a packet that comes in
 * there, by which the kernel's checks of such packets are asked, too.
 */
export function writeLookup(
  writer: MessageWriter,
  destination: Address,
  {
    seq,
    oif,
    answer,
    input,
  }: {
    seq: number
    oif: number
    answer: 'route' | 'entry'
    input?: { readonly from: Address; readonly ifindex: number }
  },
): void {
  writer.begin(messageType.getRoute, 0, seq)
  writer.u8(destination.family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(destination.family === 4 ? 32 : 128)
  writer.u8(input ? (destination.family === 4 ? 32 : 128) : 0)
  writer.u8(0)
  writer.u32(0)
  writer.u32(answer === 'entry' ? routeFlagFibMatch | routeFlagLookupTable : 0)
  writer.attributeAddress(routeAttribute.destination, destination.family, destination.value)
  if (oif !== 0) writer.attributeU32(routeAttribute.oif, oif)
  if (input) {
    writer.attributeAddress(routeAttribute.source, input.from.family, input.from.value)
    writer.attributeU32(routeAttribute.iif, input.ifindex)
  }
  writer.end()
}

export function writeDump(
  writer: MessageWriter,
  { family, seq }: { family: 4 | 6; seq: number },
): void {
  writer.begin(messageType.getRoute, messageFlag.dump, seq)
  writer.u8(family === 4 ? kernelFamily.ipv4 : kernelFamily.ipv6)
  writer.u8(0)
  writer.u16(0)
  writer.u32(0)
  writer.u32(0)
  writer.end()
}

const familyOf = (family: number): 4 | 6 | undefined =>
  family === kernelFamily.ipv4 ? 4 : family === kernelFamily.ipv6 ? 6 : undefined
