/** The coded facts about admission that an agent tells its operator. */

import type { NodeId } from '../claim/record.ts'
import type { TrustFault } from './fault.ts'

export type TrustNote =
  | { readonly code: 'open-admission'; readonly addresses: readonly string[] }
  /** This node is not admitted. `certified`: the name in its certificate. */
  | {
      readonly code: 'not-admitted-self'
      readonly node: NodeId
      readonly name: string
      readonly why: TrustFault
      readonly certified: string
    }
  | {
      readonly code: 'certificate-expires'
      readonly node: NodeId
      readonly name: string
      readonly inMs: number
    }
  | { readonly code: 'announce-not-allowed'; readonly prefixes: readonly string[] }
  /** A connection. `name`: in its certificate, where it has one. */
  | {
      readonly code: 'peer-refused'
      readonly node: NodeId
      readonly name: string
      readonly address: string
      readonly why: TrustFault
    }
  /** A record or tombstone. `via`: the address of the connection that it came by. */
  | {
      readonly code: 'record-refused'
      readonly node: NodeId
      readonly name: string
      readonly why: TrustFault
      readonly from: NodeId
      readonly via: string
    }
  | {
      readonly code: 'node-expelled'
      readonly node: NodeId
      readonly name: string
      readonly why: TrustFault
    }
  | {
      readonly code: 'token-used-twice'
      readonly token: NodeId
      readonly admitted: NodeId
      readonly admittedName: string
      readonly refused: NodeId
      readonly refusedName: string
    }
  | {
      readonly code: 'not-admitted'
      readonly subject: string
      readonly reason: string
      readonly heard?: true
    }
