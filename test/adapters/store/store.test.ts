/** The directory store: the conformance suite, and what it says of files that are not what they should be. */

import assert from 'node:assert/strict'
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { crc32 } from 'node:zlib'
import { openStore } from '../../../src/adapters/store/store.ts'
import { StoreError } from '../../../src/adapters/store/store-error.ts'
import { keysOf, ownState, record, selfKeys, storeConformance } from '../../conformance/store.ts'
import { inScratch } from './scratch.ts'

storeConformance('a directory', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'starling-store-'))
  return {
    store: await openStore(directory, selfKeys.id),
    crash: () => openStore(directory, selfKeys.id),
    close: () => rm(directory, { recursive: true, force: true }),
  }
})

const files = ['own', 'known'] as const

async function fill(directory: string): Promise<void> {
  const store = await openStore(directory, selfKeys.id)
  await store.persistOwn(ownState(3))
  await store.persistKnown([{ entry: record(keysOf(2), 1), remainMs: 5_000 }])
}

/** What loading the directory is refused with. */
async function refusal(directory: string, self = selfKeys.id): Promise<StoreError> {
  const store = await openStore(directory, self)
  try {
    await store.load()
  } catch (thrown) {
    assert.ok(thrown instanceof StoreError, String(thrown))
    return thrown
  }
  return assert.fail('it was loaded')
}

/** A whole file of another format version. */
function ofVersion(bytes: Buffer, version: number): Buffer {
  const copy = Buffer.from(bytes)
  copy.writeUInt32BE(version, 8)
  copy.writeUInt32BE(crc32(copy.subarray(16), crc32(copy.subarray(0, 12))), 12)
  return copy
}

describe('state files', () => {
  for (const name of files) {
    it(`says that \`${name}\` is damaged when it is cut short at any byte`, () =>
      inScratch(async (directory) => {
        await fill(directory)
        const file = join(directory, name)
        const whole = await readFile(file)
        for (let length = 0; length < whole.length; length += 1) {
          await writeFile(file, whole.subarray(0, length))
          const error = await refusal(directory)
          assert.equal(error.code, 'damaged', `${length} bytes`)
          assert.equal(error.file, file)
        }
      }))

    it(`says that \`${name}\` is damaged when any byte of it is altered`, () =>
      inScratch(async (directory) => {
        await fill(directory)
        const file = join(directory, name)
        const whole = await readFile(file)
        for (let at = 0; at < whole.length; at += 1) {
          const altered = Buffer.from(whole)
          altered[at] = (altered[at] ?? 0) ^ 0x10
          await writeFile(file, altered)
          assert.equal((await refusal(directory)).code, 'damaged', `byte ${at}`)
        }
      }))

    it(`says that \`${name}\` is of a newer version, and how to go on`, () =>
      inScratch(async (directory) => {
        await fill(directory)
        const file = join(directory, name)
        await writeFile(file, ofVersion(await readFile(file), 2))
        const error = await refusal(directory)
        assert.equal(error.code, 'newer-version')
        assert.match(error.message, new RegExp(`${file} was written by a newer starling.*remove`))
      }))

    it(`says that \`${name}\` belongs to another identity`, () =>
      inScratch(async (directory) => {
        await fill(directory)
        await rm(join(directory, name === 'own' ? 'known' : 'own'))
        const error = await refusal(directory, keysOf(9).id)
        assert.equal(error.code, 'foreign-key')
        assert.equal(error.file, join(directory, name))
        assert.ok(error.message.includes(selfKeys.id))
      }))

    it(`writes \`${name}\` readable for nobody else`, () =>
      inScratch(async (directory) => {
        await fill(directory)
        assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600)
      }))
  }

  it('does not take one file for the other', () =>
    inScratch(async (directory) => {
      await fill(directory)
      await writeFile(join(directory, 'own'), await readFile(join(directory, 'known')))
      assert.equal((await refusal(directory)).code, 'damaged')
    }))

  it('does not take a state whose record another node wrote for its own', () =>
    inScratch(async (directory) => {
      const store = await openStore(directory, selfKeys.id)
      await store.persistOwn({ ...ownState(1), entry: record(keysOf(2), 1) })
      assert.equal((await refusal(directory)).code, 'foreign-key')
    }))

  it('ignores and sweeps the temporary file of a process that was killed', () =>
    inScratch(async (directory) => {
      await fill(directory)
      // No process has this number: it is above the kernel's greatest.
      await writeFile(join(directory, 'own.0011.99999999.tmp'), 'half a fi')
      await writeFile(join(directory, `known.0011.${process.pid}.tmp`), 'half a fi')
      const store = await openStore(directory, selfKeys.id)
      assert.equal((await store.load()).own.incarnation, 3)
      assert.deepEqual((await readdir(directory)).sort(), ['known', 'own'])
    }))

  it('leaves the temporary file of a living process alone', () =>
    inScratch(async (directory) => {
      await writeFile(join(directory, `own.0011.${process.ppid}.tmp`), 'half a fi')
      await openStore(directory, selfKeys.id)
      assert.deepEqual(await readdir(directory), [`own.0011.${process.ppid}.tmp`])
    }))

  it('writes again after a write failed', () =>
    inScratch(async (directory) => {
      const state = join(directory, 'state')
      const store = await openStore(state, selfKeys.id)
      await assert.rejects(store.persistOwn(ownState(1)), { code: 'unwritable' })
      await mkdir(state)
      await store.persistOwn(ownState(2))
      assert.equal((await store.load()).own.incarnation, 2)
    }))
})
