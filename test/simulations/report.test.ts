/** The page that `--report` writes: whole, with nothing to load, and with what the scenario did. */

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

const runner = fileURLToPath(new URL('../../simulations/sim/run.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'starling-report-'))
after(() => rmSync(directory, { recursive: true }))

const run = (...args: string[]) =>
  spawnSync(process.execPath, [runner, ...args], { encoding: 'utf8' })

describe('npm run sim -- --report', () => {
  it('writes one page with curves over time and the faults as marks', () => {
    const file = join(directory, 'one.html')
    const { status } = run('--scenario', 'hosts-die', '--nodes', '4', '--report', file)
    assert.equal(status, 0)
    const page = readFileSync(file, 'utf8')
    assert.doesNotMatch(page, /<script|<link|https?:/)
    assert.doesNotMatch(page, /NaN|undefined|Infinity/)
    for (const title of ['agreed, and kernels complete', 'messages', 'bytes', 'conflicts']) {
      assert.ok(page.includes(`<b>${title}</b>`), title)
    }
    assert.match(page, /<title>[0-9.]+: power off host-00/)
    assert.match(page, /every checker is content/)
  })

  it('writes one page across sizes', () => {
    const file = join(directory, 'sizes.html')
    const { status } = run('--sizes', '4,8,16', '--report', file)
    assert.equal(status, 0)
    const page = readFileSync(file, 'utf8')
    assert.match(page, /clusters of 4, 8, 16 nodes/)
    assert.match(page, /<b>time to settle, first phase<\/b>/)
    assert.doesNotMatch(page, /NaN|undefined|Infinity/)
  })

  it('says why where it cannot', () => {
    const missing = run('--nodes', '3', '--report', join(directory, 'none', 'x.html'))
    assert.equal(missing.status, 1)
    assert.match(missing.stderr, /--report: cannot write .*ENOENT/)
    assert.equal(run('--sizes', '4,8').status, 2)
    assert.equal(run('--sizes', '4,x', '--report', 'x.html').status, 2)
  })
})
