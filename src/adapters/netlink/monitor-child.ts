/**
 * The monitor's process: reads the kernel's notifications and passes on what concerns the agent. A receive overrun
 * aborts the process that it happens in, so this one holds nothing that is not in the kernel, and is cheap to lose.
 */

import { RawNetlinkSocket } from 'netlink/dist/raw.js'
import { unreachable } from '../../core/invariant.ts'
import { walkMessages } from './message.ts'
import type { FromMonitor, MonitorSetup, ToMonitor } from './monitor-message.ts'
import { MonitorQueue } from './monitor-queue.ts'
import { multicastGroup, protocolRoute } from './rtnetlink.ts'

const receiveBytes = 4 * 1024 * 1024
/** Notifications of routes take 0.8 KiB of the buffer each; half of it is left to other writers. */
const bytesPerNotification = 1_664
/** A notification is at most this long, save for a link's, of which the head is enough. */
const messageBytes = 4_096

/** The agent hears of its own writes having been seen after so many, or so much time. */
const ownUntoldMax = 64
const ownUntoldMs = 500
/** What concerns nobody by itself is told together. */
const foreignUntoldMs = 25

const routeGroups = [multicastGroup.ipv4Route, multicastGroup.ipv6Route]
const otherGroups = [
  multicastGroup.link,
  multicastGroup.ipv4Address,
  multicastGroup.ipv6Address,
  multicastGroup.ipv4Rule,
  multicastGroup.ipv6Rule,
  multicastGroup.ipv4Netconf,
  multicastGroup.ipv6Netconf,
  multicastGroup.nexthop,
]

// A terminal's Ctrl-C reaches the whole group. The agent decides when it ends, and this process ends with it.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined)
process.on('disconnect', () => process.exit(0))
process.once('message', (first: ToMonitor) => {
  if (first.type === 'begin') begin(first.setup)
})

function begin(setup: MonitorSetup): void {
  const queue = new MonitorQueue(setup)
  const socket = new RawNetlinkSocket(protocolRoute, {
    messagePeeking: false,
    msgBufferSize: messageBytes,
    recvBufferSize: receiveBytes,
    sendBufferSize: 0,
  })
  const outlet = new Outlet(queue)
  const take = (data: Buffer): void => {
    // What a listener throws aborts the process without a word; so it ends with one.
    try {
      walkMessages(data, (message) => queue.offer(message))
      outlet.offer()
    } catch (thrown) {
      fail(thrown)
    }
  }
  socket.on('message', take)
  socket.on('truncatedMessage', take)
  for (const group of [...otherGroups, ...routeGroups]) socket.addMembership(group)
  process.on('message', (message: ToMonitor) => obey(message, { queue, socket, outlet }))
  tellReady(socket, setup.seq)
}

function obey(
  message: ToMonitor,
  { queue, socket, outlet }: { queue: MonitorQueue; socket: RawNetlinkSocket; outlet: Outlet },
): void {
  switch (message.type) {
    case 'begin':
      return
    case 'taken':
      return outlet.taken()
    case 'watch':
      queue.watch(message.keys)
      return tell({ type: 'watching' })
    case 'pause':
      for (const group of routeGroups) socket.dropMembership(group)
      return tell({ type: 'paused' })
    case 'resume':
      queue.skipOwn(message.seq)
      for (const group of routeGroups) socket.addMembership(group)
      return tellReady(socket, message.seq)
    default:
      return unreachable(message)
  }
}

/** One frame is under way at a time; the rest waits in the queue, which is bounded. */
class Outlet {
  readonly #queue: MonitorQueue
  #underWay = false
  #timer: NodeJS.Timeout | undefined
  #timerMs = 0

  constructor(queue: MonitorQueue) {
    this.#queue = queue
  }

  offer(): void {
    if (this.#underWay) return
    if (this.#queue.hasNews || this.#queue.ownUntold >= ownUntoldMax) this.#send()
    else if (this.#queue.foreign > 0) this.#sendIn(foreignUntoldMs)
    else if (this.#queue.ownUntold > 0) this.#sendIn(ownUntoldMs)
  }

  taken(): void {
    this.#underWay = false
    this.offer()
  }

  #sendIn(delayMs: number): void {
    if (this.#timer && this.#timerMs <= delayMs) return
    clearTimeout(this.#timer)
    this.#timerMs = delayMs
    this.#timer = setTimeout(() => this.#send(), delayMs)
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#underWay) return
    this.#underWay = true
    tell(this.#queue.frame())
  }
}

function tellReady(socket: RawNetlinkSocket, seq: number): void {
  const capacity = Math.floor(socket.getRecvBufferSize() / bytesPerNotification)
  tell({ type: 'ready', capacity, seq })
}

function tell(message: FromMonitor): void {
  process.send?.(message, (error: Error | null) => {
    // The agent is gone; `disconnect` may come later than a write that fails.
    if (error) process.exit(0)
  })
}

function fail(thrown: unknown): void {
  process.stderr.write(`${thrown instanceof Error ? thrown.stack : String(thrown)}\n`, () =>
    process.exit(1),
  )
}
