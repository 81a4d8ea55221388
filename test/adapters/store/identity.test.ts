/** The identity: created once, the same ever after, and never silently another one. */

import assert from 'node:assert/strict'
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { openIdentity } from '../../../src/adapters/store/identity.ts'
import { openStore } from '../../../src/adapters/store/store.ts'
import { StoreError } from '../../../src/adapters/store/store-error.ts'
import { keysOf, ownState, selfKeys } from '../../conformance/store.ts'
import { inScratch } from './scratch.ts'

const seed = () => selfKeys.seed
const noSeed = () => assert.fail('a new identity was made')

async function refusal(directory: string): Promise<StoreError> {
  try {
    await openIdentity(directory, noSeed)
  } catch (thrown) {
    assert.ok(thrown instanceof StoreError, String(thrown))
    return thrown
  }
  return assert.fail('it was opened')
}

describe('identity', () => {
  it('is created once, with its directory, for its owner alone', () =>
    inScratch(async (scratch) => {
      const directory = join(scratch, 'var', 'starling')
      const created = await openIdentity(directory, seed)
      assert.equal(created.id, selfKeys.id)
      assert.equal((await openIdentity(directory, noSeed)).id, created.id)
      assert.equal((await stat(directory)).mode & 0o777, 0o700)
      assert.equal((await stat(join(directory, 'identity'))).mode & 0o777, 0o600)
    }))

  it('is one identity for all who create it at the same time', () =>
    inScratch(async (directory) => {
      const opened = await Promise.all(
        Array.from({ length: 8 }, (_, index) =>
          openIdentity(directory, () => keysOf(index + 10).seed),
        ),
      )
      assert.equal(new Set(opened.map(({ id }) => id)).size, 1)
    }))

  it('is refused when it is cut short at any byte', () =>
    inScratch(async (directory) => {
      await openIdentity(directory, seed)
      const file = join(directory, 'identity')
      const whole = await readFile(file)
      for (let length = 0; length < whole.length; length += 1) {
        await writeFile(file, whole.subarray(0, length))
        const error = await refusal(directory)
        assert.equal(error.code, 'damaged', `${length} bytes`)
        assert.match(error.message, /identity is damaged .*restore it from a backup, or remove/)
      }
    }))

  it('is refused when any byte is altered', () =>
    inScratch(async (directory) => {
      await openIdentity(directory, seed)
      const file = join(directory, 'identity')
      const whole = await readFile(file)
      for (let at = 0; at < whole.length; at += 1) {
        const altered = Buffer.from(whole)
        altered[at] = (altered[at] ?? 0) ^ 1
        await writeFile(file, altered)
        assert.equal((await refusal(directory)).code, 'damaged', `byte ${at}`)
      }
    }))

  it('is refused when a newer version wrote it', () =>
    inScratch(async (directory) => {
      await openIdentity(directory, seed)
      const file = join(directory, 'identity')
      const text = await readFile(file, 'latin1')
      await writeFile(file, text.replace('identity 1', 'identity 2'))
      assert.equal((await refusal(directory)).code, 'newer-version')
    }))

  for (const name of ['own', 'known'] as const) {
    it(`is not made anew where \`${name}\` of a former one is left`, () =>
      inScratch(async (directory) => {
        const store = await openStore(directory, (await openIdentity(directory, seed)).id)
        if (name === 'own') await store.persistOwn(ownState(1))
        else await store.persistKnown([])
        await rm(join(directory, 'identity'))
        const error = await refusal(directory)
        assert.equal(error.code, 'missing-identity')
        assert.ok(error.message.includes(join(directory, name)), error.message)
      }))
  }

  it('is refused with the mend where a directory has its name', () =>
    inScratch(async (directory) => {
      await mkdir(join(directory, 'identity'))
      const error = await refusal(directory)
      assert.equal(error.code, 'unreadable')
      assert.match(error.message, /remove the directory/)
    }))
})
