/** The CNI door with the allocator of a real agent behind it, whose disk answers when it is told to. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { LeaseTable } from '../../../simulations/sim/lease-table.ts'
import { type CniDoor, openCniDoor } from '../../../src/adapters/cni/door.ts'
import { hostContainers } from '../../../src/adapters/host/containers.ts'
import type { CommandResult } from '../../../src/core/effect.ts'
import type { Command } from '../../../src/core/event.ts'
import { Ipam } from '../../../src/core/ipam/ipam.ts'
import type { Lease, LeaseChange } from '../../../src/core/ipam/lease.ts'
import type { Operator } from '../../../src/ports/operator.ts'
import { healthyView } from '../../cli/fake-agent.ts'
import { bodyOf, type Told } from '../../cni/calls.ts'
import { prefixOf } from '../../core/specimens.ts'
import { ManualClock } from '../../runtime/manual-clock.ts'

export const hostBootId = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim()

const subnets = ['172.16.0.0/22']

export class Office {
  readonly directory = mkdtempSync('/run/starling-cni-')
  readonly socket = join(this.directory, 'cni.sock')
  readonly queue = join(this.directory, 'del')
  readonly clock = new ManualClock()
  readonly table = new LeaseTable()
  readonly reports: string[] = []
  /** Commands in the order in which they came. */
  readonly commands: Command[] = []
  /** While it is true the disk answers nothing. */
  isHeld = false
  /** Why the stored leases cannot be read, from the next start on; empty: they can. */
  damage = ''
  /** What the disk answers; empty: done. */
  diskError = ''
  #ipam = this.#make()
  #underWay: readonly LeaseChange[] | undefined
  #nextId = 1
  readonly #waiting = new Map<number, (result: CommandResult) => void>()
  #door: CniDoor | undefined

  readonly #operator: Operator = {
    view: () => ({ ...healthyView(), ipam: this.#ipam.view(), problems: this.#ipam.problems() }),
    command: (command) => {
      this.commands.push(command)
      const id = this.#nextId
      this.#nextId += 1
      const answered = new Promise<CommandResult>((resolve) => this.#waiting.set(id, resolve))
      const now = performance.now()
      if (command.type === 'allocate') this.#ipam.allocate(id, command.request, now)
      else if (command.type === 'release') {
        this.#ipam.release(id, command.attachment, command.address, now)
      } else assert.fail(command.type)
      this.#perform()
      return answered
    },
    watch: () => () => undefined,
  }

  async open(): Promise<void> {
    this.#door = await openCniDoor({
      operator: this.#operator,
      containers: hostContainers,
      clock: this.clock,
      bootId: hostBootId,
      wallMs: () => performance.now() + wallOffsetMs,
      queue: this.queue,
      listen: (server) =>
        new Promise((resolve, reject) => {
          server.once('error', reject)
          server.listen(this.socket, resolve)
        }),
      tell: ({ reason }) => this.reports.push(reason),
    })
  }

  /** The process ends at once; what the disk has not taken is gone. */
  async crash(): Promise<void> {
    await this.close()
    this.#underWay = undefined
    this.#waiting.clear()
    this.#ipam = this.#make()
  }

  async close(): Promise<void> {
    const closed = this.#door?.close()
    // Whoever is still there is ended then.
    this.clock.pass(1_000)
    await closed
    this.#door = undefined
  }

  async remove(): Promise<void> {
    await this.close()
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** The disk answers again. */
  let(): void {
    this.isHeld = false
    this.#perform()
  }

  /** The disk has not answered for two seconds. */
  expire(): void {
    this.#ipam.expire(performance.now() + 10_000)
    this.#perform()
  }

  get leases(): readonly Lease[] {
    return this.#ipam.view().leases()
  }

  held(id = 'c1'): string[] {
    return this.leases
      .filter(({ attachment }) => attachment.id === id)
      .map(({ address }) => address.text)
  }

  /** As the plugin puts it there. */
  putAside(name: string, body: Buffer): void {
    mkdirSync(this.queue, { recursive: true })
    writeFileSync(join(this.queue, name), body)
  }

  get aside(): string[] {
    return readdirSync(this.queue)
  }

  async call(command: string, config?: object | string, told?: Told): Promise<Caller> {
    const caller = new Caller(connect(this.socket))
    await caller.send(stamped(command, config, told))
    return caller
  }

  /** As the plugin does it: the answer, and then the receipt. */
  async ask(command: string, config?: object | string, told?: Told): Promise<Heard | undefined> {
    const caller = await this.call(command, config, told)
    const heard = await caller.answer()
    caller.acknowledge()
    await caller.gone
    return heard
  }

  #make(): Ipam {
    const config = { reserve: [], wallOffsetMs, bootId: hostBootId }
    const stored = this.damage || this.table.stored()
    const ipam = new Ipam(config, stored, () => 0, performance.now())
    ipam.serve(subnets.map(prefixOf), performance.now())
    return ipam
  }

  #perform(): void {
    for (;;) {
      if (this.#underWay && !this.isHeld) {
        if (this.diskError === '') this.table.apply(this.#underWay)
        this.#underWay = undefined
        this.#ipam.persisted(this.diskError, performance.now())
      }
      const effects = this.#ipam.flush()
      if (effects.length === 0) return
      for (const effect of effects) {
        if (effect.type === 'persist-leases') this.#underWay = effect.changes
        else if (effect.type === 'reply') {
          this.#waiting.get(effect.id)?.(effect.result)
          this.#waiting.delete(effect.id)
        }
      }
    }
  }
}

export const stamped = (command: string, config?: object | string, told: Told = {}): Buffer =>
  bodyOf(command, config, { STARLING_UPTIME_MS: uptimeMs(), STARLING_BOOT_ID: hostBootId, ...told })

export const uptimeMs = (agoMs = 0): string => `${Math.round(uptime() * 1_000 - agoMs)}`

export interface Heard {
  readonly exitCode: number
  readonly text: string
}

/** A plugin's end of a connection. */
export class Caller {
  readonly #socket: Socket
  readonly #answer = Promise.withResolvers<Heard | undefined>()
  readonly gone: Promise<unknown>
  #heard = Buffer.alloc(0)

  constructor(socket: Socket) {
    this.#socket = socket
    this.gone = once(socket, 'close')
    socket.on('error', () => {})
    socket.on('close', () => this.#answer.resolve(undefined))
    socket.on('data', (chunk) => {
      this.#heard = Buffer.concat([this.#heard, chunk])
      if (this.#heard.length < 5) return
      const end = 5 + this.#heard.readUInt32BE(1)
      if (this.#heard.length < end) return
      const text = this.#heard.toString('utf8', 5, end)
      this.#answer.resolve({ exitCode: this.#heard.readUInt8(), text })
    })
  }

  async send(body: Buffer): Promise<void> {
    const head = Buffer.alloc(4)
    head.writeUInt32BE(body.length)
    await this.raw(Buffer.concat([head, body]))
  }

  raw(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => this.#socket.write(bytes, () => resolve()))
  }

  /** Undefined: it hung up without one. */
  answer(): Promise<Heard | undefined> {
    return this.#answer.promise
  }

  acknowledge(): void {
    this.#socket.end('k')
  }

  /** As a plugin that is killed. */
  async die(): Promise<void> {
    this.#socket.destroy()
    await this.gone
  }
}

const wallOffsetMs = Date.now() - performance.now()

/** Until `holds`; each look is after whatever else was due. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 10_000
  while (!holds()) {
    assert.ok(performance.now() < end, `not within 10 s: ${what}`)
    await new Promise((resolve) => setImmediate(resolve))
  }
}
