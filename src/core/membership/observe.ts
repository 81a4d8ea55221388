/** What an operator should hear of another node when its entry arrives. */

import { poolText } from '../claim/claimant.ts'
import type { Entry, NodeRecord } from '../claim/record.ts'
import { clockSetMs } from '../claim/resolve.ts'
import type { Conditions } from '../conditions.ts'
import type { CoreConfig } from '../config.ts'
import type { Note } from '../note.ts'

/** Clocks of one cluster that differ by more are worth a word; claims confirmed by a fast clock lose conflicts. */
const skewMsMax = 5_000

export function observe(
  { body }: Entry,
  before: NodeRecord | undefined,
  ours: { config: CoreConfig; conditions: Conditions; wallMs: number },
): Note[] {
  const { config, conditions } = ours
  const node = body.origin
  if (body.kind === 'tombstone') {
    for (const topic of ['pool', 'clock', 'twice']) conditions.end(`${topic}/${node}`)
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
  return [...notes, ...comparePools(body, config, conditions), ...compareClocks(body, ours)]
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

function compareClocks(
  record: NodeRecord,
  { conditions, wallMs }: { conditions: Conditions; wallMs: number },
): Note[] {
  const latest = Math.max(
    record.bootedAtMs,
    ...record.claims.map(({ confirmedAtMs }) => confirmedAtMs),
  )
  const key = `clock/${record.origin}`
  const { origin: node, name } = record
  if (record.bootedAtMs < clockSetMs) {
    return conditions.begin(key, { code: 'clock-unset', node, name })
  }
  const aheadMs = latest - wallMs
  if (aheadMs <= skewMsMax || conditions.has(key)) return []
  return conditions.begin(key, {
    code: 'clock-skew',
    node: record.origin,
    name: record.name,
    aheadMs,
  })
}
