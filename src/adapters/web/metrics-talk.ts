/** Metrics of what this node says to others, and of what its process takes. */

import { performance } from 'node:perf_hooks'
import { type Flow, noTraffic, type SyncWord } from '../../ports/traffic.ts'
import type { Metric, Sample, Scrape } from './metric.ts'

const directions = ['sent', 'received'] as const
const words = Object.keys(noTraffic().sync.sent) as SyncWord[]
const verdicts = ['accept', 'ignore', 'reject'] as const

export const talkMetrics: readonly Metric[] = [
  {
    name: 'starling_gossip_messages_total',
    type: 'counter',
    labels: { direction: directions },
    help: 'Records that were gossiped: sent is one for each peer that got an own one, received the first copy of each.',
    read: (scrape) => gossip(scrape, 'messages'),
  },
  {
    name: 'starling_gossip_bytes_total',
    type: 'counter',
    labels: { direction: directions },
    help: 'Bytes of those, without what encryption adds.',
    read: (scrape) => gossip(scrape, 'bytes'),
  },
  {
    name: 'starling_gossip_verdicts_total',
    type: 'counter',
    labels: { verdict: verdicts },
    help: 'Received gossip: accepted and passed on, ignored because it was no news or needed no passing on, or rejected as wrong.',
    read: ({ traffic }) =>
      verdicts.map((verdict) => ({ labels: { verdict }, value: traffic.verdicts[verdict] })),
  },
  {
    name: 'starling_sync_messages_total',
    type: 'counter',
    labels: { direction: directions, type: words },
    help: 'Messages of anti-entropy and signs of life (beat); broken is what could not be read.',
    read: (scrape) => sync(scrape, 'messages'),
  },
  {
    name: 'starling_sync_bytes_total',
    type: 'counter',
    labels: { direction: directions, type: words },
    help: 'Bytes of those, without what encryption adds.',
    read: (scrape) => sync(scrape, 'bytes'),
  },
  {
    name: 'starling_event_loop_busy_seconds_total',
    type: 'counter',
    labels: {},
    help: 'Time that the event loop worked: its rate is the share of a CPU, and near 1 all that the agent does is late.',
    read: () => performance.eventLoopUtilization().active / 1_000,
  },
  {
    name: 'starling_process_cpu_seconds_total',
    type: 'counter',
    labels: {},
    help: 'CPU time of the agent, without the process that reads the kernel for it.',
    read: () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    },
  },
  {
    name: 'starling_process_resident_memory_bytes',
    type: 'gauge',
    labels: {},
    help: 'Resident memory of the agent, without the process that reads the kernel for it.',
    read: () => process.memoryUsage.rss(),
  },
  {
    name: 'starling_process_heap_bytes',
    type: 'gauge',
    labels: {},
    help: 'Of that, what JavaScript objects take.',
    read: () => process.memoryUsage().heapUsed,
  },
  {
    name: 'starling_process_start_time_seconds',
    type: 'gauge',
    labels: {},
    help: 'When the agent started, in seconds since 1970.',
    read: () => performance.timeOrigin / 1_000,
  },
]

const gossip = ({ traffic }: Scrape, unit: keyof Flow): Sample[] =>
  directions.map((direction) => ({
    labels: { direction },
    value: traffic.gossip[direction][unit],
  }))

const sync = ({ traffic }: Scrape, unit: keyof Flow): Sample[] =>
  directions.flatMap((direction) =>
    Object.entries(traffic.sync[direction]).map(([type, flow]) => ({
      labels: { direction, type },
      value: flow[unit],
    })),
  )
