/** The installation of the plugin: whoever looks meanwhile sees all of it or what was there before. */

import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, before, beforeEach, describe, it } from 'node:test'
import { installPlugin, uninstall } from '../../../src/adapters/cni/installation.ts'
import { requireNative } from '../../cni/plugins.ts'

let directory: string
let binary: string

before(requireNative)
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'starling-installation-'))
  binary = join(directory, 'starling-ipam')
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

describe('the installation of the plugin', () => {
  it('shows nobody half of it, and may be done by several at a time', async () => {
    const former = 'an earlier version'
    writeFileSync(binary, former)
    const sizes = new Set<number>()
    let isDone = false
    const installed = Promise.all(
      Array.from({ length: 8 }, () => installPlugin(directory, undefined)),
    ).finally(() => {
      isDone = true
    })
    while (!isDone) {
      sizes.add(statSync(binary).size)
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(new Set(await installed), new Set([binary]))
    const whole = statSync(binary).size
    assert.deepEqual(
      [...sizes].filter((size) => size !== former.length && size !== whole),
      [],
    )
    assert.deepEqual(readdirSync(directory), ['starling-ipam'])
  })

  it('is executable whatever the process takes away from new files, and becomes so again', async () => {
    const mask = process.umask(0o077)
    try {
      await installPlugin(directory, '/run/other/cni.sock')
    } finally {
      process.umask(mask)
    }
    assert.equal(statSync(binary).mode & 0o777, 0o755)
    assert.equal(readFileSync(`${binary}.socket`, 'utf8'), '/run/other/cni.sock\n')
    const { ino } = statSync(binary)
    await installPlugin(directory, undefined)
    assert.equal(statSync(binary).ino, ino, 'the same is not written again')
    assert.deepEqual(readdirSync(directory), ['starling-ipam'])
  })

  it('is undone without what others have put there', async () => {
    await installPlugin(directory, undefined)
    writeFileSync(join(directory, '.bridge'), '')
    const removed = await uninstall({ binDir: directory, confDir: join(directory, 'none') })
    assert.deepEqual(removed, [binary])
    assert.deepEqual(readdirSync(directory), ['.bridge'])
  })
})
