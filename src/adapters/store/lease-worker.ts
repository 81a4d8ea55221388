/** The thread that writes leases: a disk that hangs stops this thread, and never gossip or routes. */

import { existsSync, renameSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import type { LeaseChange } from '../../core/ipam/lease.ts'
import { LeaseDatabase } from './lease-database.ts'
import type { FromLeaseWorker, LeaseSetup, ToLeaseWorker } from './lease-message.ts'

const retryMs = 500

const setup = workerData as LeaseSetup
let database: LeaseDatabase | undefined

const say = (message: FromLeaseWorker): void => parentPort?.postMessage(message)

parentPort?.on('message', ({ type, changes }: ToLeaseWorker) => {
  // Its outcome is said in a message.
  void commit(changes, type === 'replace')
})
try {
  database = LeaseDatabase.open(setup)
  say({ type: 'opened', stored: database.read() })
} catch (error) {
  database?.close()
  database = undefined
  say({ type: 'unreadable', reason: reasonOf(error) })
}

async function commit(changes: readonly LeaseChange[], anew: boolean): Promise<void> {
  try {
    if (anew) putAside(setup.file)
    database ??= LeaseDatabase.open({ ...setup, mustExist: !anew })
  } catch (error) {
    return say({ type: 'committed', error: reasonOf(error) })
  }
  const batch = database.batch + 1
  try {
    database.commit(changes, batch)
    say({ type: 'committed', error: '' })
  } catch (error) {
    // After a failure of the disk neither SQLite nor the kernel's cache is to be believed: read again what there is.
    database.close()
    database = undefined
    const isThere = (await readBatch(error)) === batch
    say({ type: 'committed', error: isThere ? '' : reasonOf(error) })
  }
}

/** The number of the batch that the file holds, however long it takes to read that. */
async function readBatch(cause: unknown): Promise<number> {
  for (let isFirst = true; ; isFirst = false) {
    try {
      database = LeaseDatabase.open({ ...setup, mustExist: true })
      return database.batch
    } catch (error) {
      if (isFirst) say({ type: 'stuck', reason: `${reasonOf(cause)}; ${reasonOf(error)}` })
      await sleep(retryMs)
    }
  }
}

/** Under a name that nothing has yet; the log that belongs to it goes along. */
function putAside(file: string): void {
  let number = 1
  while (existsSync(`${file}.unreadable-${number}`)) number += 1
  for (const suffix of ['', '-wal', '-shm']) {
    if (existsSync(`${file}${suffix}`)) {
      renameSync(`${file}${suffix}`, `${file}.unreadable-${number}${suffix}`)
    }
  }
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
