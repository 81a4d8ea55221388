/** The nodes that this one is connected to, and what each last said of its record set. */

import type { NodeId } from '../claim/record.ts'
import type { Millis } from '../rng.ts'

interface Peer {
  readonly id: NodeId
  readonly address: string
  /** Its last digest; undefined before it said one. */
  root: string | undefined
  /** It was left to the peer to ask. */
  waited: boolean
  /** It gave no sign of life when it should have. */
  overdue: boolean
  /** When it gave the last one. */
  heardAt: Millis
}

export class Peers {
  readonly #peers = new Map<NodeId, Peer>()
  readonly #lostAt = new Map<NodeId, Millis>()

  connected(id: NodeId, address: string, now: Millis): void {
    this.#lostAt.delete(id)
    const unheard = { root: undefined, waited: false, overdue: false }
    this.#peers.set(id, { id, address, ...unheard, heardAt: now })
  }

  heard(id: NodeId, now: Millis): void {
    const peer = this.#peers.get(id)
    if (peer) peer.heardAt = now
  }

  /** Its last sign of life over the connection that there is. */
  heardAt(id: NodeId): Millis {
    return this.#peers.get(id)?.heardAt ?? Number.NEGATIVE_INFINITY
  }

  disconnected(id: NodeId): void {
    this.#peers.delete(id)
  }

  /** It was a member that is known. */
  lost(id: NodeId, now: Millis): void {
    this.#lostAt.set(id, now)
  }

  /** When the last connection to it ended. Undefined: it is connected, or never was. */
  lostAt(id: NodeId): Millis | undefined {
    return this.#lostAt.get(id)
  }

  forget(id: NodeId): void {
    this.#lostAt.delete(id)
  }

  overdue(id: NodeId): void {
    const peer = this.#peers.get(id)
    if (peer) peer.overdue = true
  }

  isOverdue(id: NodeId): boolean {
    return this.#peers.get(id)?.overdue === true
  }

  /** It is connected, and not overdue with a sign of life. */
  isHeard(id: NodeId): boolean {
    return this.#peers.get(id)?.overdue === false
  }

  /** It gives signs of life again. */
  answered(id: NodeId): void {
    const peer = this.#peers.get(id)
    if (peer) peer.overdue = false
  }

  said(id: NodeId, root: string): void {
    const peer = this.#peers.get(id)
    if (!peer) return
    peer.root = root
    peer.waited = false
  }

  /** Whether the peer was left to ask before, and did not. */
  waited(id: NodeId): boolean {
    const peer = this.#peers.get(id)
    if (!peer || peer.waited) return true
    peer.waited = true
    return false
  }

  get(id: NodeId): Peer | undefined {
    return this.#peers.get(id)
  }

  get size(): number {
    return this.#peers.size
  }

  has(id: NodeId): boolean {
    return this.#peers.has(id)
  }

  /** Ascending: the order of arrival differs between hosts. */
  ids(): NodeId[] {
    return [...this.#peers.keys()].sort()
  }

  /** Those whose digest is unknown or differs from `root`. */
  differing(root: string): NodeId[] {
    return this.ids().filter((id) => this.#peers.get(id)?.root !== root)
  }
}
