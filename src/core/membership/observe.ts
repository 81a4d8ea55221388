/** What an operator should hear of another node when its entry arrives. */

import { coversMoreThanHalf } from '../claim/choose.ts'
import { poolText } from '../claim/claimant.ts'
import type { Entry, NodeId, NodeRecord } from '../claim/record.ts'
import { clockSetMs } from '../claim/resolve.ts'
import type { Conditions } from '../conditions.ts'
import type { CoreConfig } from '../config.ts'
import type { Note } from '../note.ts'

export function observe(
  { body }: Entry,
  before: NodeRecord | undefined,
  { config, conditions, via }: { config: CoreConfig; conditions: Conditions; via: string },
): Note[] {
  const node = body.origin
  if (body.kind === 'tombstone') {
    endConditions(conditions, node)
    if (!before) return []
    const { name } = before
    if (body.reason === 'left') return [{ code: 'node-left', node, name }]
    return [{ code: 'node-evicted', node, name, author: body.author }]
  }
  const notes: Note[] = before ? [] : [{ code: 'node-joined', node, name: body.name }]
  for (const { prefix, state } of body.claims) {
    if (state === 'confirmed' && !hadConfirmed(before, prefix.text)) {
      notes.push({ code: 'node-claimed', node, name: body.name, prefix: prefix.text })
    }
  }
  return [
    ...notes,
    ...comparePools(body, config, conditions),
    ...judgeExclusions(body, { config, conditions, via }),
    ...judgeClock(body, conditions),
  ]
}

/** Of what was told of a node that is gone. */
export function endConditions(conditions: Conditions, node: NodeId): void {
  for (const topic of ['pool', 'clock', 'unset', 'exclusions', 'twice']) {
    conditions.end(`${topic}/${node}`)
  }
}

const hadConfirmed = (record: NodeRecord | undefined, text: string): boolean =>
  record?.claims.some(({ prefix, state }) => state === 'confirmed' && prefix.text === text) ?? false

function comparePools(record: NodeRecord, config: CoreConfig, conditions: Conditions): Note[] {
  const [theirs, ours] = [record.pools, config.pools].map((pools) =>
    pools.map(poolText).sort().join(' and '),
  )
  const key = `pool/${record.origin}`
  if (theirs === ours || theirs === undefined || ours === undefined) {
    conditions.end(key)
    return []
  }
  const { origin: node, name } = record
  return conditions.begin(key, { code: 'pool-mismatch', node, name, theirs, ours })
}

function judgeExclusions(
  { origin: node, name, exclusions }: NodeRecord,
  { config, conditions, via }: { config: CoreConfig; conditions: Conditions; via: string },
): Note[] {
  const key = `exclusions/${node}`
  const denied = config.pools.find((pool) => coversMoreThanHalf(exclusions, pool))
  if (!denied) {
    conditions.end(key)
    return []
  }
  const pool = poolText(denied)
  return conditions.begin(key, { code: 'exclusions-ignored', node, name, pool, via })
}

function judgeClock(
  { origin: node, name, bootedAtMs }: NodeRecord,
  conditions: Conditions,
): Note[] {
  const key = `unset/${node}`
  if (bootedAtMs < clockSetMs) return conditions.begin(key, { code: 'clock-unset', node, name })
  conditions.end(key)
  return []
}
