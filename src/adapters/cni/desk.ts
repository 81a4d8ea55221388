/** Does what the plugin's calls ask for, so that at each moment a lease stands for a container that was told it, or none. */

import { wrongLength } from '../../cni/asked.ts'
import type { Call } from '../../cni/call.ts'
import { parseCall } from '../../cni/call.ts'
import { difference, lossAmong } from '../../cni/check.ts'
import { Failure, failureText } from '../../cni/failure.ts'
import { garbage } from '../../cni/garbage.ts'
import { areDifferent, type HostTime, isNewer, type Moment } from '../../cni/moment.ts'
import { versionIn } from '../../cni/netconf.ts'
import { isBlind, unreadiness } from '../../cni/readiness.ts'
import { refusal } from '../../cni/refusal.ts'
import {
  type AddRequest,
  type CheckRequest,
  type GcRequest,
  momentOf,
  parseRequest,
} from '../../cni/request.ts'
import { resultText } from '../../cni/result.ts'
import { unreachable } from '../../core/invariant.ts'
import { type Attachment, attachmentKey, type Lease } from '../../core/ipam/lease.ts'
import type { Containers } from '../../ports/containers.ts'
import type { Operator } from '../../ports/operator.ts'
import type { Answer, Caller } from './caller.ts'
import { DelQueue } from './del-queue.ts'
import { Turns } from './turns.ts'

const done: Answer = { exitCode: 0, text: '' }

/** An ADD that is under way. */
interface Adding {
  /** When its plugin was started. */
  readonly uptimeMs: number
  /** The plugin's files have been executed for it. */
  isReady: boolean
  isDeleted: boolean
  /** Resolves when a DEL came behind it. */
  readonly deleted: PromiseWithResolvers<false>
}

export class Desk {
  readonly #operator: Operator
  readonly #containers: Containers
  readonly #now: () => HostTime
  readonly #queue: DelQueue
  readonly #turns = new Turns()
  /** By attachment. */
  readonly #adding = new Map<string, Set<Adding>>()
  /** Granted to an ADD that nobody was told of, and not released yet. */
  readonly #undone = new Map<string, Attachment>()

  constructor(options: {
    readonly operator: Operator
    readonly containers: Containers
    readonly now: () => HostTime
    /** Of the plugin's files. */
    readonly directory: string
  }) {
    this.#operator = options.operator
    this.#containers = options.containers
    this.#now = options.now
    this.#queue = new DelQueue(options.directory, (body) => this.#late(body))
  }

  /** Rejects where the directory of the plugin's files cannot be read. */
  async sweep(): Promise<void> {
    for (const [key, attachment] of this.#undone) {
      if (this.#adding.has(key)) continue
      await this.#turns.take(key, async () => {
        if (this.#undone.has(key)) await this.#undo(key, attachment)
      })
    }
    await this.#queue.drain()
  }

  /** Without an answer the plugin does what it does where there is no agent. */
  async serve(body: Uint8Array, caller: Caller): Promise<void> {
    const call = parseCall(body)
    if (!call) return
    const request = parseRequest(call)
    if (request instanceof Failure) return this.#say(caller, failed(request, call))
    switch (request.type) {
      case 'add':
        return this.#add(request, call, caller)
      case 'del':
        return this.#del(request.attachment, call, caller)
      case 'check':
        return this.#say(caller, this.#check(request, call))
      case 'gc':
        await this.#gc(request, momentOf(call))
        return this.#say(caller, done)
      case 'status':
        return this.#say(caller, answerOf(unreadiness(this.#operator.view()), call))
      default:
        return unreachable(request)
    }
  }

  async #add(request: AddRequest, call: Call, caller: Caller): Promise<void> {
    const key = attachmentKey(request.attachment)
    const mine: Adding = {
      uptimeMs: momentOf(call).uptimeMs,
      isReady: false,
      isDeleted: false,
      deleted: Promise.withResolvers(),
    }
    const all = this.#adding.get(key) ?? new Set()
    this.#adding.set(key, all.add(mine))
    try {
      // A DEL of this container that no agent answered comes before its ADD, as it did for the runtime.
      const waiting = await this.#queue.drain()
      if (waiting.has(key)) return await this.#say(caller, failed(unfinished, call))
      mine.isReady = true
      await this.#turns.take(key, () => this.#addInTurn(request, call, { caller, mine, key }))
    } finally {
      all.delete(mine)
      if (all.size === 0) this.#adding.delete(key)
    }
  }

  async #addInTurn(
    request: AddRequest,
    call: Call,
    { caller, mine, key }: { caller: Caller; mine: Adding; key: string },
  ): Promise<void> {
    if (this.#isGivenUp(caller, momentOf(call)) || mine.isDeleted) return
    this.#undone.delete(key)
    const former = this.#held(request.attachment)
    // A container that was made anew under the name of one that nobody deleted.
    const isAnother = former.some(({ witness }) => areDifferent(witness, request.witness))
    const answer =
      isAnother && !(await this.#release(request.attachment))
        ? failed(unfinished, call)
        : await this.#allocate(request, isAnother ? former : [], call)
    const isTold =
      !mine.isDeleted && (await Promise.race([caller.answer(answer), mine.deleted.promise]))
    // What it held before is another ADD's, which was told.
    const isMine = former.length === 0 || isAnother
    if (answer.exitCode === 0 && isMine && !isTold) await this.#undo(key, request.attachment)
  }

  /** `former`: leases whose addresses it gets again. */
  async #allocate(request: AddRequest, former: readonly Lease[], call: Call): Promise<Answer> {
    const { attachment, name, witness, conf } = request
    const subnets = this.#operator.view().ipam.subnets.map(({ prefix }) => prefix)
    const wrong = wrongLength(request.asked, subnets)
    if (wrong) return failed(wrong, call)
    const asked = request.asked.map(({ address }) => address)
    const again = former
      .filter(({ subnet }) => subnets.some(({ text }) => text === subnet.text))
      .map(({ address }) => address)
      .filter(({ family }) => !asked.some((each) => each.family === family))
    const addresses = [...asked, ...again]
    const result = await this.#operator.command({
      type: 'allocate',
      request: { attachment, name, addresses, families: 'served', witness, mac: '' },
    })
    if (!result.ok) return failed(refusal(result), call)
    return { exitCode: 0, text: resultText(result.leases ?? [], conf) }
  }

  async #undo(key: string, attachment: Attachment): Promise<void> {
    this.#undone.set(key, attachment)
    if (await this.#release(attachment)) this.#undone.delete(key)
  }

  async #del(attachment: Attachment, call: Call, caller: Caller): Promise<void> {
    const key = attachmentKey(attachment)
    const moment = momentOf(call)
    this.#tellUntil(key, moment.uptimeMs)
    const isReleased = await this.#turns.take(key, async () => {
      // Of one whose plugin has given up the runtime may have made the container anew meanwhile.
      if (this.#isGivenUp(caller, moment) && this.#isNewer(attachment, moment)) return true
      return this.#release(attachment)
    })
    // Without an answer the plugin keeps it for later, and no container is stuck on our disk.
    if (isReleased) await this.#say(caller, done)
  }

  /** One of the plugin's files. Resolves with the attachment's key where it cannot be done yet. */
  async #late(body: Buffer): Promise<string | undefined> {
    const call = parseCall(body)
    const request = call && parseRequest(call)
    if (!call || !request || request instanceof Failure || request.type !== 'del') return undefined
    const { attachment } = request
    const key = attachmentKey(attachment)
    const moment = momentOf(call)
    // Of the same millisecond: the file was there first.
    this.#tellUntil(key, moment.uptimeMs - 1)
    const ready = [...(this.#adding.get(key) ?? [])].filter(({ isReady }) => isReady)
    // What an ADD that came later is about to be told stands. And nothing here waits for its plugin.
    if (ready.some(({ uptimeMs }) => uptimeMs >= moment.uptimeMs)) return undefined
    return this.#turns.take(key, async () => {
      const isOver = this.#isNewer(attachment, moment) || (await this.#release(attachment))
      return isOver ? undefined : key
    })
  }

  /** The ADDs that a DEL came behind end without waiting for their plugins. */
  #tellUntil(key: string, uptimeMs: number): void {
    for (const adding of this.#adding.get(key) ?? []) {
      if (adding.uptimeMs > uptimeMs) continue
      adding.isDeleted = true
      adding.deleted.resolve(false)
    }
  }

  #check(request: CheckRequest, call: Call): Answer {
    const view = this.#operator.view()
    if (isBlind(view)) return done
    const leases = view.ipam.of(request.attachment)
    return answerOf(lossAmong(leases, view) ?? difference(leases, request.previous), call)
  }

  async #gc(request: GcRequest, call: Moment): Promise<void> {
    const now = this.#now()
    const leases = garbage(request, this.#operator.view().ipam.leases(), call, now)
    const answers = await this.#containers.look(
      leases.map(({ address, witness: { path, inode } }) => ({ address, path, inode })),
    )
    await Promise.all(
      leases.map(async (lease, at) => {
        const key = attachmentKey(lease.attachment)
        // Another runtime may use the same network, and know this container.
        const life = answers[at]?.life
        const isThere = life === 'alive' || life === 'elsewhere'
        if ((isThere && lease.witness.bootId === now.bootId) || this.#adding.has(key)) return
        await this.#turns.take(key, async () => {
          const isSame = this.#held(lease.attachment).some(
            ({ address, sinceMs }) =>
              address.text === lease.address.text && sinceMs === lease.sinceMs,
          )
          if (isSame) await this.#release(lease.attachment)
        })
      }),
    )
  }

  /** An agent that was stopped finds calls whose plugins have ended, and reads that only after what they sent. */
  #isGivenUp(caller: Caller, { uptimeMs }: Moment): boolean {
    return caller.isGone || this.#now().uptimeMs - uptimeMs > pluginMs
  }

  #held(attachment: Attachment): readonly Lease[] {
    return this.#operator.view().ipam.of(attachment)
  }

  #isNewer(attachment: Attachment, call: Moment): boolean {
    const now = this.#now()
    return this.#held(attachment).some((lease) => isNewer(lease, call, now))
  }

  async #release(attachment: Attachment): Promise<boolean> {
    const { ok } = await this.#operator.command({ type: 'release', attachment, address: undefined })
    return ok
  }

  async #say(caller: Caller, answer: Answer): Promise<void> {
    await caller.answer(answer)
  }
}

/** How long a plugin waits for an answer. */
const pluginMs = 2_000

const unfinished = new Failure(
  'tryLater',
  'an earlier DEL of this container and interface is not finished: the agent waits for its disk',
)

const failed = (failure: Failure, call: Call): Answer => ({
  exitCode: 1,
  text: failureText(failure, versionIn(call.config)),
})

const answerOf = (failure: Failure | undefined, call: Call): Answer =>
  failure ? failed(failure, call) : done
