/** The published package works where nothing of this repository is. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { foldersNeeded, lockOf } from '../../packaging/lock.ts'
import { manifestOf } from '../../packaging/manifest.ts'
import { platforms } from '../../packaging/native.ts'
import { version } from '../../src/version.ts'
import { withLab } from './lab.ts'

const run = promisify(execFile)
const tarballName = `starling-${version}.tgz`
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

test('the tarball is installed elsewhere as one package beside netlink, and runs', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'starling-package-'))
  try {
    const before = await manifests(repository)
    // Without the build that comes first: other tests run what is in dist.
    await run(process.execPath, [join(repository, 'packaging/pack.ts'), directory])
    assert.deepEqual(await manifests(repository), before, 'the repository is as it was')
    const tarball = join(directory, tarballName)
    const { stdout: packed } = await run('tar', ['--list', '--file', tarball])
    for (const file of [
      'README.md',
      'LICENSE',
      'docs/cli.md',
      'dist/page/page.js.gz',
      'dist/THIRD-PARTY-LICENSES.txt',
    ])
      assert.ok(packed.includes(`package/${file}\n`), file)
    for (const { name } of platforms)
      assert.ok(packed.includes(`package/dist/native/${name}/starling-ipam\n`), name)
    assert.doesNotMatch(packed, /dist\/cache/, 'no code that this machine has compiled')

    await writeFile(join(directory, 'package.json'), '{"private":true}')
    await run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], {
      cwd: directory,
    })
    const installed = join(directory, 'node_modules')
    const { dependencies } = await manifestOf(join(installed, 'starling'))
    assert.deepEqual(Object.keys(dependencies), ['netlink'])
    const needed = foldersNeeded(await lockOf(repository), ['netlink']).map(
      (folder) => folder.split('node_modules/').at(-1) ?? '',
    )
    assert.deepEqual(await packagesIn(installed), [...needed, 'starling'].sort())

    const executable = join(installed, '.bin', 'starling')
    const help = await run(process.execPath, [executable, '--help'], { cwd: directory })
    assert.match(help.stdout, /Usage: starling/)
    const explained = await run(process.execPath, [executable, 'help', 'route-alien'])
    assert.match(explained.stdout, /^Cause {2}/m)
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

test('the command that README packs with works, and changes nothing, also where it fails', async () => {
  const readme = await readFile(join(repository, 'README.md'), 'utf8')
  const [, script = ''] = /from: npm run (\S+)$/m.exec(readme) ?? []
  const directory = await mkdtemp(join(tmpdir(), 'starling-package-'))
  // It builds, and other tests run what is in the repository's dist.
  const project = join(directory, 'project')
  try {
    await cp(repository, project, {
      recursive: true,
      filter: (from) => !['.git', 'dist', 'node_modules'].includes(basename(from)),
    })
    await symlink(join(repository, 'node_modules'), join(project, 'node_modules'))
    const state = async () => [
      ...(await readdir(project)).filter((name) => name !== 'dist'),
      ...(await manifests(project)),
    ]
    // Through npm, which runs scripts of certain names before and after others.
    const pack = () => run('npm', ['run', script, '--', directory], { cwd: project })
    const before = await state()
    await pack()
    assert.deepEqual(await tarballsIn(directory), [tarballName])
    assert.deepEqual(await state(), before)

    await rm(join(directory, tarballName))
    await rm(join(project, 'LICENSE'))
    await assert.rejects(pack(), /LICENSE/)
    assert.deepEqual(await tarballsIn(directory), [])
    assert.deepEqual(
      await state(),
      before.filter((name) => name !== 'LICENSE'),
    )
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

test('npm pack in the repository names the command that packs, and makes no tarball', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'starling-package-'))
  try {
    const refused = await run('npm', ['pack', '--pack-destination', directory], { cwd: repository })
      .then(() => '')
      .catch((error: { stderr: string }) => error.stderr)
    assert.match(refused, /^starling is not packed from its sources: npm run tarball, /m)
    assert.deepEqual(await readdir(directory), [])
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
})

const tarballsIn = async (directory: string): Promise<string[]> =>
  (await readdir(directory)).filter((name) => name.endsWith('.tgz'))

const manifests = (project: string): Promise<string[]> =>
  Promise.all(
    ['package.json', 'package-lock.json'].map((name) => readFile(join(project, name), 'utf8')),
  )

/** Names of the packages at the top of a node_modules. */
async function packagesIn(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.'))
  const nested = names.map(async (name) =>
    name.startsWith('@')
      ? (await readdir(join(folder, name))).map((inner) => `${name}/${inner}`)
      : [name],
  )
  return (await Promise.all(nested)).flat().sort()
}
