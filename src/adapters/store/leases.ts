/** The file `leases` of the state directory, written by a worker. */

import { once } from 'node:events'
import { extname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { NodeId } from '../../core/claim/record.ts'
import type { Trouble } from '../../core/event.ts'
import type { StoredLeases } from '../../core/ipam/lease.ts'
import type { LeaseStore } from '../../ports/lease-store.ts'
import type { FromLeaseWorker, LeaseSetup, ToLeaseWorker } from './lease-message.ts'

/** `.ts` from the sources, `.js` when compiled. */
const program = new URL(`./lease-worker${extname(import.meta.url)}`, import.meta.url)

/** It holds the changes of one batch, and at the start all leases. */
const resourceLimits = { maxOldGenerationSizeMb: 256, maxYoungGenerationSizeMb: 2 }

const closeMs = 2_000

export interface OpenedLeases {
  /** A text: why they cannot be read, and what to do. */
  readonly stored: StoredLeases | string
  readonly store: LeaseStore
  /** Told from here on. */
  report(deliver: (trouble: Trouble) => void): void
  close(): Promise<void>
}

/** `mustExist`: leases were granted before, so that their absence is a loss. */
export async function openLeases(
  directory: string,
  owner: NodeId,
  mustExist: boolean,
): Promise<OpenedLeases> {
  const setup: LeaseSetup = { file: join(directory, 'leases'), owner, mustExist }
  const worker = new Worker(program, {
    workerData: setup,
    resourceLimits,
    execArgv: ['--no-warnings'],
  })
  // A disk that hangs does not keep the process.
  worker.unref()
  let deliver: (trouble: Trouble) => void = () => undefined
  let waiting: { resolve(): void; reject(error: Error): void } | undefined
  const settle = (error: string) => {
    const waited = waiting
    waiting = undefined
    if (error === '') waited?.resolve()
    else waited?.reject(new Error(error))
  }
  const stored = await new Promise<StoredLeases | string>((resolve) => {
    worker.on('message', (message: FromLeaseWorker) => {
      if (message.type === 'opened') resolve(message.stored)
      else if (message.type === 'unreadable') resolve(message.reason)
      else if (message.type === 'stuck') deliver(trouble(message.reason, true))
      else {
        deliver(trouble('', false))
        settle(message.error)
      }
    })
    worker.on('error', (error) => {
      resolve(`the thread that reads them failed: ${error.message}`)
      settle(error.message)
    })
  })
  const write = (message: ToLeaseWorker) =>
    new Promise<void>((resolve, reject) => {
      waiting = { resolve, reject }
      worker.postMessage(message)
    })
  return {
    stored,
    store: {
      commit: (changes) => write({ type: 'commit', changes }),
      replace: (changes) => write({ type: 'replace', changes }),
    },
    report: (to) => {
      deliver = to
    },
    close: async () => {
      const written = waiting ? once(worker, 'message') : undefined
      // What is under way is worth a moment, and no disk is worth more.
      await Promise.race([written, sleep(closeMs, undefined, { ref: false })])
      await worker.terminate()
    },
  }
}

const trouble = (reason: string, active: boolean): Trouble => ({
  code: 'store-unwritable',
  subject: 'leases',
  reason,
  active,
})
