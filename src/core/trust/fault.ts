/** Why a node or its word is not admitted. */

import { unreachable } from '../invariant.ts'
import type { PaperFault } from './paper.ts'

/** Why a node does not belong, or a record of it does not stand. */
export type TrustFault =
  | 'no-certificate'
  | PaperFault
  | 'foreign-cluster'
  | 'other-node'
  | 'revoked'
  | 'expired'
  | 'token-used'
  | 'wrong-name'
  | 'wrong-prefix'
  | 'wrong-announce'

export function faultText(fault: TrustFault): string {
  switch (fault) {
    case 'no-certificate':
      return 'it has no certificate of the operator'
    case 'malformed':
      return 'its certificate is malformed'
    case 'forged':
      return 'the signature of its certificate is wrong'
    case 'foreign-operator':
      return 'its certificate was signed by another operator'
    case 'foreign-cluster':
      return 'its certificate is for another cluster'
    case 'other-node':
      return 'its certificate is for another node'
    case 'revoked':
      return 'the operator revoked it'
    case 'expired':
      return 'its certificate has expired'
    case 'token-used':
      return 'its join token admits another node'
    case 'wrong-name':
      return 'it has another name than its certificate'
    case 'wrong-prefix':
      return 'it claims another subnet than its certificate pins'
    case 'wrong-announce':
      return 'it announces a prefix that its certificate does not allow'
    default:
      return unreachable(fault)
  }
}
