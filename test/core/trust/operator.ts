/** An operator for tests, and settings by which agents heed him. */

import type { AdmissionConfig } from '../../../src/core/config.ts'
import type { Certificate } from '../../../src/core/trust/paper.ts'
import {
  certifyBy,
  makeToken,
  paperReader,
  signCertificate,
  signRevocation,
  type Token,
} from '../../../src/wire/paper.ts'
import { keyPairFromSeed } from '../../../src/wire/signature.ts'
import { cluster, type Specimen } from '../specimens.ts'

export const operator = keyPairFromSeed(new Uint8Array(32).fill(200))
export const stranger = keyPairFromSeed(new Uint8Array(32).fill(201))

export const read = paperReader([operator.publicKey])

type Content = Omit<Certificate, 'kind' | 'token'>

export const contentFor = (node: Specimen, more: Partial<Content> = {}): Content => ({
  cluster,
  serial: 1,
  node: node.id,
  name: node.name,
  pinned: [],
  announce: [],
  notAfterMs: undefined,
  ...more,
})

export const certificateFor = (
  node: Specimen,
  more: Partial<Content> = {},
  by = operator,
): Uint8Array => signCertificate(contentFor(node, more), by)

export const revocationOf = (node: Pick<Specimen, 'id'>, serial = 2, by = operator): Uint8Array =>
  signRevocation({ cluster, serial, subject: node.id }, by)

export const tokenOf = (
  number: number,
  more: { names?: string; notAfterMs?: number } = {},
): Token =>
  makeToken(
    { cluster, serial: 1, names: more.names ?? '*', notAfterMs: more.notAfterMs },
    operator,
    new Uint8Array(32).fill(number),
  )

export const byToken = (token: Token, node: Specimen): Uint8Array =>
  certifyBy(token, node.id, node.name)

/** Undefined: the node has no certificate. */
export const signedMode = (certificate?: Uint8Array): { admission: AdmissionConfig } => ({
  admission: { mode: 'signed', read, listen: [], ...(certificate ? { certificate } : {}) },
})
