/** The names by which agents of one cluster ask for each other; they tell a listener nothing of cluster or key. */

import { createHmac, randomBytes } from 'node:crypto'

/** DNS-SD's name of what is sought; the clusters are subtypes of it (RFC 6763, 7.1). */
const service = '_starling._tcp.local'

/**
 * One name for each key that this node can meet others by; without any, one that whoever knows the cluster's name can
 * make too. A key of 256 random bits is not found by its hash.
 */
export function clusterNames(cluster: string, keys: readonly Uint8Array[]): readonly string[] {
  const hashes = (keys.length > 0 ? keys : [new Uint8Array()]).map((key) =>
    createHmac('sha256', key).update(`starling discovery 1\n${cluster}`).digest('hex').slice(0, 32),
  )
  return hashes.map((hash) => `_${hash}._sub.${service}`)
}

/** Another one in every run: it is to tell own packets from those of others, and nobody by it. */
export const instanceName = (): string => `${randomBytes(8).toString('hex')}.${service}`
