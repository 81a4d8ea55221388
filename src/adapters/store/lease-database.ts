/** The leases in one SQLite file: whole batches, durable when `commit` returns. */

import { chmodSync, statSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import { unreachable } from '../../core/invariant.ts'
import { parseAddress } from '../../core/ip/address.ts'
import { parsePrefix } from '../../core/ip/prefix.ts'
import type { Door, Lease, LeaseChange, Rest, StoredLeases } from '../../core/ipam/lease.ts'
import type { LeaseSetup } from './lease-message.ts'
import { errorName, LeaseFileError, leaseFileError } from './store-error.ts'

/** "STLG" */
const application = 0x53_54_4c_47
const format = 1
/** Milliseconds: another process that has the file is an error, not a wait. */
const busyMs = 0

const schema = `
  CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE leases (
    address TEXT PRIMARY KEY,
    subnet TEXT NOT NULL,
    door TEXT NOT NULL,
    network TEXT NOT NULL,
    id TEXT NOT NULL,
    ifname TEXT NOT NULL,
    name TEXT NOT NULL,
    since_ms INTEGER NOT NULL,
    boot_id TEXT NOT NULL,
    netns_path TEXT NOT NULL,
    netns_inode TEXT NOT NULL,
    seen_by TEXT NOT NULL,
    mac TEXT NOT NULL,
    -- NULL while it is held; the row of a released address is its last lease.
    released_ms INTEGER
  ) STRICT, WITHOUT ROWID;
`

export class LeaseDatabase {
  readonly #database: DatabaseSync
  readonly #grant: StatementSync
  readonly #release: StatementSync
  readonly #forget: StatementSync
  readonly #seen: StatementSync
  readonly #count: StatementSync
  #batch: number

  /** Makes the file where there is none. Throws a StoreError where it is not this node's leases, whole and readable. */
  static open(setup: LeaseSetup): LeaseDatabase {
    const { file, mustExist } = setup
    const isThere = statSync(file, { throwIfNoEntry: false }) !== undefined
    if (!isThere && mustExist) throw leaseFileError('missing', file, '')
    let database: DatabaseSync | undefined
    try {
      database = new DatabaseSync(file, { timeout: busyMs })
      // EXCLUSIVE before WAL: no memory is shared, and a second agent on the file fails at once.
      database.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;',
      )
      if (!isThere) create(database, setup)
      check(database, setup)
      return new LeaseDatabase(database)
    } catch (error) {
      database?.close()
      throw error instanceof LeaseFileError ? error : sqliteError(file, error)
    }
  }

  private constructor(database: DatabaseSync) {
    this.#database = database
    this.#grant = database.prepare(
      'INSERT OR REPLACE INTO leases VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)',
    )
    this.#release = database.prepare('UPDATE leases SET released_ms = ? WHERE address = ?')
    this.#forget = database.prepare('DELETE FROM leases WHERE address = ?')
    this.#seen = database.prepare('UPDATE leases SET seen_by = ? WHERE address = ?')
    this.#count = database.prepare("UPDATE meta SET value = ? WHERE key = 'batch'")
    this.#batch = Number(metaOf(database).get('batch'))
  }

  /** How many batches the file has taken. */
  get batch(): number {
    return this.#batch
  }

  /** All or, where it throws, perhaps none: the number of the batch tells. */
  commit(changes: readonly LeaseChange[], batch: number): void {
    this.#database.exec('BEGIN IMMEDIATE')
    for (const change of changes) this.#apply(change)
    this.#count.run(String(batch))
    this.#database.exec('COMMIT')
    this.#batch = batch
  }

  read(): StoredLeases {
    const rows = this.#database.prepare('SELECT * FROM leases ORDER BY released_ms, address').all()
    const leases: Lease[] = []
    const resting: Rest[] = []
    for (const row of rows) {
      const lease = leaseOf(row)
      if (!lease)
        throw leaseFileError(
          'damaged',
          this.#database.location() ?? '',
          `row ${String(row.address)}`,
        )
      if (row.released_ms === null) leases.push(lease)
      else resting.push({ lease, releasedAtMs: Number(row.released_ms) })
    }
    return { leases, resting }
  }

  close(): void {
    try {
      this.#database.close()
    } catch {
      // What cannot be closed any more is let go with the process.
    }
  }

  #apply(change: LeaseChange): void {
    switch (change.type) {
      case 'grant': {
        const { address, subnet, attachment, name, sinceMs, witness, seenBy, mac } = change.lease
        const { door, network, id, ifname } = attachment
        this.#grant.run(
          ...[address.text, subnet.text, door, network, id, ifname, name, sinceMs],
          ...[witness.bootId, witness.path, witness.inode, seenBy, mac],
        )
        return
      }
      case 'release':
        this.#release.run(change.releasedAtMs, change.address.text)
        return
      case 'seen':
        this.#seen.run(change.by, change.address.text)
        return
      case 'forget':
        this.#forget.run(change.address.text)
        return
      default:
        return unreachable(change)
    }
  }
}

function create(database: DatabaseSync, { file, owner }: LeaseSetup): void {
  chmodSync(file, 0o600)
  database.exec(
    `BEGIN; PRAGMA application_id = ${application}; PRAGMA user_version = ${format};${schema}`,
  )
  const insert = database.prepare('INSERT INTO meta VALUES (?, ?)')
  insert.run('owner', owner)
  insert.run('batch', '0')
  database.exec('COMMIT')
}

function check(database: DatabaseSync, { file, owner }: LeaseSetup): void {
  const pragma = (name: string) => Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0]
  if (pragma('application_id') !== application) {
    throw leaseFileError('damaged', file, 'it is not a file of starling')
  }
  const version = Number(pragma('user_version'))
  if (version > format) throw leaseFileError('newer-version', file, `format ${version}`)
  const found = pragma('quick_check')
  if (found !== 'ok') throw leaseFileError('damaged', file, String(found).split('\n')[0] ?? '')
  const meta = metaOf(database)
  if (meta.get('owner') !== owner)
    throw leaseFileError('foreign-key', file, meta.get('owner') ?? '')
}

const metaOf = (database: DatabaseSync): ReadonlyMap<string, string> =>
  new Map(
    database
      .prepare('SELECT key, value FROM meta')
      .all()
      .map(({ key, value }) => [String(key), String(value)]),
  )

const doors: readonly string[] = ['cni', 'docker', 'grpc', 'manual'] satisfies Door[]

const texts = [
  ...['address', 'subnet', 'door', 'network', 'id', 'ifname', 'name'],
  ...['boot_id', 'netns_path', 'netns_inode', 'seen_by', 'mac'],
] as const

/** Undefined: no agent wrote it. */
export function leaseOf(row: Readonly<Record<string, unknown>>): Lease | undefined {
  if (texts.some((column) => typeof row[column] !== 'string')) return undefined
  const text = (column: (typeof texts)[number]) => row[column] as string
  const [address, subnet] = [parseAddress(text('address')), parsePrefix(text('subnet'))]
  if (!(address && subnet && doors.includes(text('door')))) return undefined
  if (!Number.isSafeInteger(row.since_ms)) return undefined
  return {
    attachment: {
      door: text('door') as Door,
      network: text('network'),
      id: text('id'),
      ifname: text('ifname'),
    },
    address,
    subnet,
    name: text('name'),
    sinceMs: Number(row.since_ms),
    witness: { bootId: text('boot_id'), path: text('netns_path'), inode: text('netns_inode') },
    seenBy: text('seen_by'),
    mac: text('mac'),
  }
}

/** SQLite's codes that say that the contents are wrong, not the disk: CORRUPT, NOTADB. */
const corrupt = [11, 26]

function sqliteError(file: string, error: unknown): LeaseFileError {
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : 0
  const text = error instanceof Error ? error.message : String(error)
  return leaseFileError(
    corrupt.includes(code) ? 'damaged' : 'unreadable',
    file,
    errorName(error) === 'ERR_SQLITE_ERROR' ? text : errorName(error) || text,
  )
}
