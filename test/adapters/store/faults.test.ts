/** The directory store on failing disks and under kill -9. Needs root, for mounts. */

import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, it } from 'node:test'
import { openIdentity } from '../../../src/adapters/store/identity.ts'
import { openStore } from '../../../src/adapters/store/store.ts'
import { selfKeys } from '../../conformance/store.ts'
import { inScratch, outputOf, spawnWriter, spawnWriterOn } from './scratch.ts'

describe('store under kill -9', () => {
  it('has the last state that was durable, or the one being written', () =>
    inScratch(async (directory) => {
      let durable = 0
      for (let round = 0; round < 8; round += 1) {
        const writer = spawnWriter('loop', directory)
        durable = await killAfter(writer, { writes: 1 + round * 3, before: durable })
        const keys = await openIdentity(directory, () => assert.fail('a new identity was made'))
        assert.equal(keys.id, selfKeys.id)
        const store = await openStore(directory, keys.id)
        const { own } = await store.load()
        assert.ok(
          own.incarnation === durable || own.incarnation === durable + 1,
          `${own.incarnation} after ${durable}`,
        )
        durable = own.incarnation
        assert.deepEqual((await readdir(directory)).sort(), ['identity', 'own'])
      }
    }))

  it('has a whole identity or none when it is killed while it starts', () =>
    inScratch(async (scratch) => {
      for (let round = 0; round < 6; round += 1) {
        const directory = join(scratch, String(round))
        const writer = spawnWriter('loop', directory)
        await untilPresent(scratch, String(round))
        writer.kill('SIGKILL')
        await once(writer, 'close')
        assert.equal((await openIdentity(directory, () => selfKeys.seed)).id, selfKeys.id)
      }
    }))
})

describe('store on a disk that fails', () => {
  it('says what to do when the filesystem is read-only', () =>
    inScratch(async (directory) => {
      const output = await outputOf(
        spawnWriterOn({ options: 'size=1m,ro', mode: 'once' }, directory),
      )
      assert.match(output, /^identity: unwritable: .*identity cannot be written \(EROFS\): mount/m)
      assert.match(output, /^own: unwritable: .*own cannot be written \(EROFS\)/m)
    }))

  it('says what to do when the disk is full, and goes on with what fits', () =>
    inScratch(async (directory) => {
      const output = await outputOf(spawnWriterOn({ options: 'size=64k', mode: 'once' }, directory))
      assert.match(output, /^known: unwritable: .*known cannot be written \(ENOSPC\): free space/m)
      for (const step of ['identity', 'own', 'own again']) {
        assert.match(output, new RegExp(`^${step}: ok$`, 'm'))
      }
      assert.match(output, /^loaded 2$/m)
    }))

  it('says what to do when it has no permission', () =>
    inScratch(async (directory) => {
      const output = await outputOf(spawnWriter('unprivileged', directory))
      assert.match(output, /^identity: unwritable: .*identity cannot be written \(EACCES\): give/m)
      assert.match(output, /^own: unwritable: /m)
    }))
})

/** Kills the writer once it has reported that many writes; the last number that it reported. */
async function killAfter(
  writer: ChildProcess,
  when: { writes: number; before: number },
): Promise<number> {
  assert.ok(writer.stdout)
  let last = when.before
  let writes = 0
  for await (const line of createInterface({ input: writer.stdout })) {
    if (line === 'ready') continue
    last = Number(line)
    writes += 1
    if (writes === when.writes) writer.kill('SIGKILL')
  }
  return last
}

/** Resolves as soon as `name` is in the directory: the writer is then in the middle of its start. */
async function untilPresent(directory: string, name: string): Promise<void> {
  while (!(await readdir(directory)).includes(name)) {
    // Each turn reads the directory again; the test's own time limit bounds it.
  }
}
