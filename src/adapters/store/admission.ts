/** What admits this node, and whom it admits: from keys, files and a join token to what the core is told. */

import { readFile } from 'node:fs/promises'
import type { AdmissionConfig } from '../../core/config.ts'
import type { OwnState } from '../../core/effect.ts'
import type { Address } from '../../core/ip/address.ts'
import {
  certifyBy,
  matches,
  paperReader,
  papersIn,
  parseOperator,
  parseToken,
} from '../../wire/paper.ts'
import type { KeyPair } from '../../wire/signature.ts'
import { errorName } from './store-error.ts'

interface Settings {
  readonly name: string
  readonly cluster: string
  readonly clusterKey: string | undefined
  readonly operatorKeys: readonly string[]
  readonly certificateFile: string | undefined
  readonly joinToken: string | undefined
  readonly joinTokenFile: string | undefined
  readonly listen: readonly Address[]
}

/** A text: what is wrong with the files, and what to do. */
export async function openAdmission({
  config,
  keys,
  stored,
}: {
  config: Settings
  keys: KeyPair
  stored: OwnState
}): Promise<AdmissionConfig | string> {
  const { operatorKeys, clusterKey, listen } = config
  const read = paperReader(operatorKeys.flatMap((text) => parseOperator(text) ?? []))
  const mode = operatorKeys.length > 0 ? 'signed' : clusterKey !== undefined ? 'key' : 'open'
  const certificate = (await certificateIn(config)) ?? (await selfCertified(config, keys, stored))
  if (typeof certificate === 'string') return certificate
  return { mode, read, listen, ...(certificate ? { certificate } : {}) }
}

async function certificateIn({
  certificateFile: path,
}: Settings): Promise<Uint8Array | string | undefined> {
  const text = await contentsOf(path)
  if (text === undefined) return undefined
  const [certificate] = papersIn(text) ?? []
  return (
    certificate ?? `${path} holds no certificate: write what starling admin admit printed into it`
  )
}

/** A certificate that it has is worth more than one that it makes itself. */
async function selfCertified(
  { joinToken, joinTokenFile, name, cluster }: Settings,
  keys: KeyPair,
  stored: OwnState,
): Promise<Uint8Array | string | undefined> {
  if (stored.certificate) return undefined
  const text = joinToken ?? (await contentsOf(joinTokenFile))
  if (text === undefined) return undefined
  const where = joinToken === undefined ? joinTokenFile : 'joinToken'
  const token = parseToken(text)
  if (!token) return `${where} holds no join token: write what starling admin token printed`
  const { grant } = token
  if (grant.cluster !== cluster) {
    return `the join token is for cluster ${grant.cluster}, and this node is of ${cluster}: take another token, or set --cluster`
  }
  if (!matches(name, grant.names)) {
    return `the join token is for names like ${grant.names}, and this node is ${name}: set --name`
  }
  return certifyBy(token, keys.id, name)
}

/** Undefined where there is no such file: it may come later, or have done its work. Rejects on any other failure. */
async function contentsOf(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined
  try {
    return await readFile(path, 'utf8')
  } catch (thrown) {
    if (errorName(thrown) === 'ENOENT') return undefined
    throw thrown
  }
}
