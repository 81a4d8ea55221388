/** A process that uses a state directory: the store's tests kill it, or give it a disk that fails. */

import { chmodSync } from 'node:fs'
import { openIdentity } from '../../../src/adapters/store/identity.ts'
import { openStore } from '../../../src/adapters/store/store.ts'
import { StoreError } from '../../../src/adapters/store/store-error.ts'
import { ownState, selfKeys } from '../../conformance/store.ts'

const [mode, directory] = process.argv.slice(2)
if (mode === undefined || directory === undefined) throw new Error('writer.ts MODE DIRECTORY')

const seed = () => selfKeys.seed

/** Writes one own state after the other for ever; prints the number of each that is durable. */
async function loop(state: string): Promise<void> {
  const keys = await openIdentity(state, seed)
  const store = await openStore(state, keys.id)
  const first = (await store.load()).own.incarnation
  process.stdout.write('ready\n')
  for (let incarnation = first + 1; ; incarnation += 1) {
    await store.persistOwn(ownState(incarnation))
    process.stdout.write(`${incarnation}\n`)
  }
}

/** Prints how each step ended: `ok`, or the StoreError. */
async function once(state: string): Promise<void> {
  const keys = await attempt('identity', () => openIdentity(state, seed))
  const store = await openStore(state, keys?.id ?? selfKeys.id)
  await attempt('own', () => store.persistOwn(ownState(1)))
  const big = Array.from({ length: 400 }, (_, index) => ({
    entry: ownState(index).entry,
    remainMs: 1,
  })).flatMap(({ entry, remainMs }) => (entry ? [{ entry, remainMs }] : []))
  await attempt('known', () => store.persistKnown(big))
  await attempt('own again', () => store.persistOwn(ownState(2)))
  const { own } = await store.load()
  process.stdout.write(`loaded ${own.incarnation}\n`)
}

async function attempt<T>(step: string, action: () => Promise<T>): Promise<T | undefined> {
  try {
    const value = await action()
    process.stdout.write(`${step}: ok\n`)
    return value
  } catch (thrown) {
    if (!(thrown instanceof StoreError)) throw thrown
    process.stdout.write(`${step}: ${thrown.code}: ${thrown.message}\n`)
    return undefined
  }
}

if (mode === 'loop') await loop(directory)
else if (mode === 'once') await once(directory)
else if (mode === 'unprivileged') {
  chmodSync(directory, 0o555)
  process.seteuid?.(65_534)
  await once(directory)
}
