/** Carries out what an operator asks for. */

import { tombstoneOf } from '../claim/tombstone.ts'
import type { CommandResult } from '../effect.ts'
import type { Command } from '../event.ts'
import { probe } from '../gossip/anti-entropy.ts'
import type { SyncMessage } from '../gossip/message.ts'
import { unreachable } from '../invariant.ts'
import { decide, hasLeft } from './decide.ts'
import { evict } from './evict.ts'
import { doubtAll } from './kernel.ts'
import { saidOf, write } from './publish.ts'
import type { AgentState } from './state.ts'
import { install } from './trust.ts'

/** A leaving node does not wait longer for its kernel. */
const leaveMs = 5_000
/** How many peers a leaving node tells directly, since it will not be there to repair what gossip loses. */
const farewells = 8

export function command(state: AgentState, id: number, asked: Command): void {
  const decision = decide(asked, state)
  if (!decision.ok) return state.emit({ type: 'reply', id, result: decision })
  const result: CommandResult = { ok: true, message: decision.message }
  switch (asked.type) {
    case 'announce':
    case 'withdraw':
      return answerPublished(state, id, result)
    case 'evict':
      if (decision.tombstone) evict(state, decision.tombstone)
      break
    case 'leave':
      leave(state)
      return state.replyOnce('settled', id, result)
    case 'purge':
      purge(state)
      return state.replyOnce('settled', id, result)
    case 'resync':
      resync(state)
      return state.replyOnce('settled', id, result)
    case 'give-up':
      state.note(...state.claimant.giveUp(asked.prefix))
      return answerPublished(state, id, result)
    case 'claim':
      state.claimant.resume()
      state.reviewDue = true
      break
    case 'allocate':
      return state.ipam.allocate(id, asked.request, state.now)
    case 'release':
      return state.ipam.release(id, asked.attachment, asked.address, state.now)
    case 'adopt':
      return state.ipam.adopt(id, asked.held, state.now)
    case 'install':
      return install(state, id, asked.papers)
    case 'probe':
      for (const peer of state.peers.differing(state.set.root)) state.send(peer, probe(state.set))
      break
    default:
      return unreachable(asked)
  }
  state.emit({ type: 'reply', id, result })
}

function answerPublished(state: AgentState, id: number, result: CommandResult): void {
  if (state.isReady) {
    state.publishSoon()
    return state.replyOnce('published', id, result)
  }
  // Published once it is in sync; kept until then.
  state.emit({ type: 'persist-own', own: state.own.state })
  state.emit({ type: 'reply', id, result })
}

/** Ends a node that left: nothing is due any more. */
export function stop(state: AgentState): void {
  state.due.clear()
  state.emit({ type: 'stop', exitCode: 0 })
}

function purge(state: AgentState): void {
  const { router } = state
  state.phase = 'purged'
  state.begin('purged', { code: 'purged', routes: router.ownedCount })
  router.mode = 'purged'
}

function resync(state: AgentState): void {
  const { router, isInSync } = state
  if (state.phase === 'purged') {
    state.end('purged')
    state.phase = isInSync ? 'in-sync' : 'joining'
    router.mode = isInSync ? 'active' : 'held'
  }
  state.note({ code: 'kernel-resync', reason: 'asked for' })
  router.wantDump()
  doubtAll(state, 1)
}

function leave(state: AgentState): void {
  const { claimant, own, peers, router, config, trust } = state
  const entry = config.seal(
    tombstoneOf(config.seal(own.record(saidOf(state))), {
      reason: 'left',
      author: config.self,
      ...trust.shown,
    }),
  )
  claimant.end()
  state.ipam.abandon(state.now)
  state.phase = 'left'
  state.due.clear()
  router.mode = 'purged'
  write(state, entry)
  // What waits to be published never will be.
  state.reply('published', hasLeft)
  const farewell: SyncMessage = {
    type: 'delta',
    carried: [{ entry, remainMs: config.timing.tombstoneMs }],
    want: [],
    // A joining node must not take it for the answer that it waits for.
    last: false,
  }
  for (const peer of peers.ids().slice(0, farewells)) state.send(peer, farewell)
  state.dueIn('leave', leaveMs)
}
