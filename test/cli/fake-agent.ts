/** A real API server in front of a hand-made agent, for tests of the command line and of the API. */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ApiServer, serveApi } from '../../src/adapters/api/server.ts'
import type { NodeId, NodeRecord } from '../../src/core/claim/record.ts'
import type { CommandResult } from '../../src/core/effect.ts'
import type { Command } from '../../src/core/event.ts'
import { type Address, parseAddress } from '../../src/core/ip/address.ts'
import { holds, type Prefix, parsePrefix } from '../../src/core/ip/prefix.ts'
import type { Note } from '../../src/core/note.ts'
import type { Problem } from '../../src/core/problem.ts'
import type { AgentView, RouteView } from '../../src/core/view.ts'
import type { Clock } from '../../src/ports/clock.ts'
import type { Inspection } from '../../src/ports/inspection.ts'
import type { Operator } from '../../src/ports/operator.ts'
import type { Remote } from '../../src/ports/remote.ts'
import type { Noted } from '../../src/ports/telemetry.ts'

export const nodeA = '12D3KooWA1111111111111111111111111111111111111111111' as NodeId
export const nodeB = '12D3KooWB2222222222222222222222222222222222222222222' as NodeId
export const nodeC = '12D3KooWC3333333333333333333333333333333333333333333' as NodeId

export function prefixOf(text: string): Prefix {
  const parsed = parsePrefix(text)
  if (!parsed) throw new Error(`no prefix: ${text}`)
  return parsed
}

export function addressOf(text: string): Address {
  const parsed = parseAddress(text)
  if (!parsed) throw new Error(`no address: ${text}`)
  return parsed
}

export const realClock: Clock = {
  now: () => performance.now(),
  schedule: (at, callback) => {
    const timer = setTimeout(callback, Math.max(0, at - performance.now()))
    return () => clearTimeout(timer)
  },
}

/** What the fake was asked, and the means to change what it answers. */
export interface FakeAgent {
  readonly socket: string
  readonly commands: Command[]
  view: AgentView
  result: (command: Command) => CommandResult
  note(note: Note): void
  /** What was noted before. */
  recent: Noted[]
  /** How many listen at the moment. */
  readonly watching: () => number
  readonly server: ApiServer
  stop(): Promise<void>
}

/** `directory` is removed in the end. */
export async function startFakeAgent(
  view: AgentView = healthyView(),
  directory: string = mkdtempSync(join(tmpdir(), 'starling-api-')),
): Promise<FakeAgent> {
  const socket = join(directory, 'starling.sock')
  const listeners = new Set<(note: Note) => void>()
  const commands: Command[] = []
  const operator: Operator = {
    view: () => agent.view,
    command: async (command) => {
      commands.push(command)
      return agent.result(command)
    },
    watch: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const server = await serveApi({
    socket,
    remote: noRemote,
    inspection: fakeInspection,
    inabilities: noInabilities,
    settings: fakeSettings,
    recent: (count) => (count === 0 ? [] : agent.recent.slice(-count)),
    operator,
    clock: realClock,
  })
  const agent: FakeAgent = {
    socket,
    commands,
    view,
    result: (command) => ({ ok: true, message: `did ${command.type}` }),
    note: (note) => {
      for (const listener of listeners) listener(note)
    },
    recent: [],
    watching: () => listeners.size,
    server,
    stop: async () => {
      await server.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
  return agent
}

export function record(origin: NodeId, name: string, index: number): NodeRecord {
  const pool = { prefix: prefixOf('172.16.0.0/12'), subnetLength: 22 }
  return {
    kind: 'record',
    origin,
    cluster: 'starling',
    version: { incarnation: 3, seqno: 7 },
    name,
    bootedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    nextHops: [addressOf(`10.0.1.${70 + index}`)],
    addresses: [`/ip4/10.0.1.${70 + index}/tcp/7871`],
    pools: [pool],
    claims: [
      {
        prefix: prefixOf(`172.16.${4 * index}.0/22`),
        fence: 0,
        state: 'confirmed',
        used: index === 0,
        confirmedAtMs: Date.UTC(2026, 0, 2, 3, 4, 6),
      },
    ],
    extras: index === 2 ? [prefixOf('10.9.0.0/16')] : [],
    exclusions: index === 1 ? [prefixOf('172.16.64.0/22')] : [],
    witnessed: [],
    observed: [],
    kept: [],
    awarded: [],
    draining: false,
    software: '0.1.0',
  }
}

export function installed(index: number, origin: NodeId, name: string): RouteView {
  const key = { prefix: prefixOf(`172.16.${4 * index}.0/22`), metric: 0 }
  const target = { type: 'via', nextHop: addressOf(`10.0.1.${70 + index}`), ifindex: 1 } as const
  return {
    prefix: key.prefix,
    origin,
    name,
    kind: 'claim',
    wanted: target,
    kernel: { ...key, target, owned: true },
    state: 'installed',
    refusal: undefined,
    refusedFor: '',
    shadow: undefined,
    error: '',
  }
}

/** One of those that an agent in a container may have. */
export const noInabilities = async () => [
  { code: 'see-processes', message: 'containers of ctr are not noticed', mend: 'use --pid host' },
]

export const fakeSettings = [
  { key: 'pool', values: ['172.16.0.0/12'], from: 'default', where: '' },
  { key: 'bridge', values: ['starling0'], from: 'default', where: '' },
  { key: 'port', values: ['7871'], from: 'default', where: '' },
  { key: 'stateDir', values: [tmpdir()], from: 'default', where: '' },
  { key: 'webName', values: ['starling.corp.example'], from: 'flag', where: '--web-name' },
  { key: 'clusterKey', values: ['********'], from: 'flag', where: '--cluster-key' },
]

/** A cluster in which no other agent can be asked. */
export const noRemote: Remote = {
  call: () => Promise.reject(new Error('no answer')),
  answerCalls: () => undefined,
}

/** The host of `healthyView`: its own subnet is on its bridge, all else behind its uplink, and everybody answers. */
export const fakeInspection: Inspection = {
  lookUp: async (to) => {
    const found = { isOwned: true, isDown: false, error: '' }
    return holds(prefixOf('172.16.0.0/22'), to)
      ? {
          ...{ ...found, type: 'link', route: '172.16.0.0/22 dev starling0', ifindex: 2 },
          ...{ interface: 'starling0', nextHop: undefined },
        }
      : {
          ...{ ...found, type: 'gateway', route: `${to.text} via 10.0.1.71 dev eth0`, ifindex: 1 },
          ...{ interface: 'eth0', nextHop: addressOf('10.0.1.71') },
        }
  },
  comeIn: async () => '',
  neighbour: async () => 'answers',
  forwarding: async () => 'on',
  firewall: async () => ({ verdict: 'pass', by: 'policy accept of FORWARD' }),
}

export function healthyView(): AgentView {
  const records = [record(nodeA, 'a', 0), record(nodeB, 'b', 1), record(nodeC, 'c', 2)] as const
  return {
    self: nodeA,
    name: 'a',
    cluster: 'starling',
    bridge: 'starling0',
    uplink: 'eth0',
    discovery: { link: 'eth0', heard: 2 },
    admission: 'key',
    phase: 'in-sync',
    incarnation: 3,
    own: records[0],
    claims: records.flatMap(({ claims, origin, name }) =>
      claims.map((claim) => ({
        claim,
        origin,
        name,
        standing: 'winner' as const,
        lost: undefined,
        own: origin === nodeA,
      })),
    ),
    routes: [installed(1, nodeB, 'b'), installed(2, nodeC, 'c')],
    nodes: records.map((each) => ({
      record: each,
      self: each.origin === nodeA,
      connected: each.origin !== nodeA,
      address: each.origin === nodeA ? '' : (each.addresses[0] ?? ''),
      digestEqual: each.origin === nodeA ? undefined : true,
      liveness: each.origin === nodeC ? ('host-down' as const) : ('alive' as const),
      sinceMs: each.origin === nodeC ? Date.now() - 12_000 : 0,
      missedBy: each.origin === nodeC ? ['b', 'd'] : [],
    })),
    problems: [],
    root: '5f2b8c0a9d3e4f71',
    tombstones: 1,
    fences: 0,
    convergence: { claimed: true, digestsEqual: true, kernelEqual: true, converged: true },
    kept: [
      {
        lease: {
          attachment: { door: 'cni', network: 'pods', id: '77ab01', ifname: 'eth0' },
          address: addressOf('172.16.8.9'),
          subnet: prefixOf('172.16.8.0/22'),
          name: 'default/db',
          sinceMs: Date.UTC(2026, 0, 2, 3, 4, 5),
          witness: { bootId: '', path: '', inode: '' },
          seenBy: '',
          mac: '',
        },
        lostTo: '',
      },
    ],
    ipam: {
      subnets: [
        {
          prefix: prefixOf('172.16.0.0/22'),
          gateway: addressOf('172.16.0.1'),
          size: 1_021n,
          used: 12,
          resting: 3,
          withheld: 0,
          free: 1_006n,
        },
      ],
      leases: () => [
        {
          attachment: { door: 'cni', network: 'pods', id: '4f2a61', ifname: 'eth0' },
          address: addressOf('172.16.0.9'),
          subnet: prefixOf('172.16.0.0/22'),
          name: 'default/web',
          sinceMs: Date.UTC(2026, 0, 2, 3, 4, 5),
          witness: { bootId: '', path: '', inode: '' },
          seenBy: '',
          mac: '',
        },
      ],
      resting: () => [],
      reusedEarly: 0,
      of: () => [],
      at: () => undefined,
      lastAt: () => undefined,
    },
  }
}

/** One of everything that can be wrong with routes, claims and peers. */
export function troubledView(): AgentView {
  const healthy = healthyView()
  const extra = { prefix: prefixOf('10.9.0.0/16'), metric: 0 }
  const via = { type: 'via', nextHop: addressOf('10.0.1.72'), ifindex: 1 } as const
  const base = {
    origin: nodeC,
    name: 'c',
    refusal: undefined,
    refusedFor: '',
    shadow: undefined,
    error: '',
  }
  const other = { ...extra, target: { type: 'other', ifindex: 1, text: '' } as const, owned: false }
  const claimed = (text: string, wanted: RouteView['wanted']) =>
    ({ ...base, prefix: prefixOf(text), kind: 'claim', wanted, kernel: undefined }) as const
  return {
    ...healthy,
    own: { ...healthy.own, extras: [prefixOf('10.8.0.0/16')] },
    routes: [
      installed(1, nodeB, 'b'),
      {
        ...base,
        prefix: extra.prefix,
        kind: 'extra',
        wanted: via,
        kernel: { ...other, metric: 100 },
        state: 'alien',
      },
      { ...claimed('172.16.8.0/22', via), state: 'missing' },
      { ...claimed('172.16.12.0/22', via), state: 'not-on-link' },
      { ...claimed('10.64.0.0/22', undefined), state: 'refused', refusal: 'other-pool' },
      { ...claimed('172.16.16.0/22', via), state: 'failed', error: 'ENOMEM' },
      {
        ...base,
        prefix: prefixOf('172.16.20.0/22'),
        origin: undefined,
        name: '',
        kind: 'leftover',
        wanted: undefined,
        kernel: {
          prefix: prefixOf('172.16.20.0/22'),
          metric: 0,
          target: { type: 'unreachable' },
          owned: true,
        },
        state: 'leftover',
      },
    ],
    nodes: healthy.nodes.map((node) =>
      node.record.origin === nodeC
        ? { ...node, connected: false, address: '', digestEqual: undefined }
        : node.self
          ? node
          : { ...node, digestEqual: false },
    ),
    problems: [
      { code: 'route-alien', prefix: '10.9.0.0/16', origin: nodeC },
      { code: 'leases-unreadable', reason: 'leases is damaged' },
      { code: 'clock-skew', node: nodeB, name: 'b', aheadMs: 90_000 },
      ...[12, 16, 24, 28].map(
        (third): Problem => ({
          code: 'route-off-link',
          prefix: `172.16.${third}.0/22`,
          nextHop: '10.0.1.72',
          origin: nodeC,
        }),
      ),
    ],
    convergence: { claimed: true, digestsEqual: false, kernelEqual: false, converged: false },
  }
}
