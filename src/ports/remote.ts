/** How an agent asks another one for what only that one can do. */

import type { NodeId } from '../core/claim/record.ts'

export interface Remote {
  /**
   * Rejects with a text for people where the node cannot be reached or does not answer within seconds. `addresses` are
   * dialled where it is not connected.
   */
  call(node: NodeId, addresses: readonly string[], request: Uint8Array): Promise<Uint8Array>
  /** What answers the calls of other nodes, a few at a time of each. Must not reject. */
  answerCalls(answer: (request: Uint8Array) => Promise<Uint8Array>): void
}
