/** The published package works where nothing of this repository is. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { withLab } from './lab.ts'

const run = promisify(execFile)
const repository = new URL('../..', import.meta.url).pathname

test('the bundle is ASCII, which V8 holds in half the memory', async () => {
  const dist = join(repository, 'dist')
  const programs = (await readdir(dist)).filter((name) => name.endsWith('.js'))
  assert.ok(programs.includes('starling.js'))
  for (const name of programs) {
    const code = await readFile(join(dist, name))
    assert.ok(
      code.every((byte) => byte < 0x80),
      name,
    )
  }
})

test('npm pack, install elsewhere, run', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'starling-package-'))
  try {
    await run('npm', ['pack', '--ignore-scripts', '--pack-destination', directory], {
      cwd: repository,
    })
    await writeFile(join(directory, 'package.json'), '{"private":true}')
    await run(
      'npm',
      ['install', '--no-audit', '--no-fund', '--prefer-offline', 'starling-0.1.0.tgz'],
      {
        cwd: directory,
      },
    )
    const executable = join(directory, 'node_modules', '.bin', 'starling')
    const help = await run(process.execPath, [executable, '--help'], { cwd: directory })
    assert.match(help.stdout, /Usage: starling/)
    const config = await run(process.execPath, [executable, 'config', '--json'], { cwd: directory })
    assert.match(config.stdout, /172\.16\.0\.0\/12/)
    await withLab('package', async (lab) => {
      const host = await lab.addHost()
      await host.startAgent(['--seed', host.address], executable)
      await host.note('claim-confirmed')
      assert.equal(await host.stopAgent(), 0)
    })
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})
