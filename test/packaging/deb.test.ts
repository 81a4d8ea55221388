/** How the Debian package is made: the same bytes wherever that is, and what Debian's own tools have nothing to say against. */

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { makeDeb } from '../../packaging/debian.ts'
import { fieldKeys } from '../../src/config/fields.ts'
import { flagOf } from '../../src/config/names.ts'

const run = promisify(execFile)
const project = join(import.meta.dirname, '../..')
/** So that nothing depends on when it was built. */
process.env.SOURCE_DATE_EPOCH = '1700000000'

describe('npm run deb', () => {
  let directory: string
  /** Of little use, and made in no time: a program of Debian's stands for Node. */
  let small: string

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'starling-deb-test-'))
    const wanted = { project, destination: directory, node: '/usr/bin/env' } as const
    small = await makeDeb({ ...wanted, platform: 'linux-x64' })
  })
  after(() => rm(directory, { recursive: true, force: true }))

  it('makes the same bytes at another place, by another umask and in another time zone', async () => {
    const copy = join(directory, 'project')
    const isSource = (from: string) => !['.git', 'dist', 'node_modules'].includes(basename(from))
    await cp(project, copy, { recursive: true, filter: isSource })
    await mkdir(join(copy, 'node_modules'))
    const program = `
      import { makeDeb } from './packaging/debian.ts'
      await makeDeb({ project: '.', destination: '.', platform: 'linux-x64', node: '/usr/bin/env' })`
    const script = `mount --bind ${project}/node_modules node_modules && umask 077 &&
      ${process.execPath} build.ts && ${process.execPath} --input-type=module -e "$0"`
    const env = { ...process.env, TZ: 'Asia/Tokyo', STARLING_SOCKET: '' }
    await run('unshare', ['--mount', 'sh', '-c', script, program], { cwd: copy, env })
    const [here, there] = await Promise.all(
      [small, join(copy, basename(small))].map((file) => readFile(file)),
    )
    assert.ok(here?.equals(there ?? Buffer.of()), 'both are the same')
  })

  it('satisfies lintian', async () => {
    const words = ['--allow-root', '--fail-on', 'error,warning', small]
    const { stdout } = await run('lintian', words).catch((failed: { stdout: string }) => failed)
    assert.equal(stdout, '')
  })

  it('brings a man page of every command and setting that mandoc finds nothing wrong with', async () => {
    const { stdout: page } = await run(
      'sh',
      ['-c', `dpkg-deb --fsys-tarfile ${small} | tar -xO ./usr/share/man/man1/starling.1.gz`],
      { encoding: 'buffer' },
    )
    const file = join(directory, 'starling.1')
    await writeFile(file, gunzipSync(page))
    assert.equal((await run('mandoc', ['-Tlint', file])).stdout, '')
    const { stdout } = await run('mandoc', ['-Tascii', '-Owidth=300', file])
    const shown = stdout.replace(/.[\b]/g, '')
    for (const name of ['agent', 'status', 'ip allocate id', 'admin install', 'cni uninstall'])
      assert.match(shown, new RegExp(`^ +${name}\\b`, 'm'))
    for (const key of fieldKeys) assert.match(shown, new RegExp(`^ +${flagOf(key)}\\b`, 'm'))
  })

  it('brings what bash, zsh and fish complete, where each of them looks', async () => {
    const { stdout } = await run('dpkg-deb', ['--contents', small])
    for (const path of [
      'bash-completion/completions/starling',
      'zsh/vendor-completions/_starling',
      'fish/vendor_completions.d/starling.fish',
    ])
      assert.ok(stdout.includes(` ./usr/share/${path}\n`), path)
  })

  it('assembles one for arm64 of what is built for that', async () => {
    const plugin = 'dist/native/linux-arm64/starling-ipam'
    const wanted = { project, destination: directory, platform: 'linux-arm64' } as const
    const file = await makeDeb({ ...wanted, node: join(project, plugin) })
    const root = join(directory, 'arm64')
    await run('dpkg-deb', ['--raw-extract', file, root])
    assert.match(await readFile(join(root, 'DEBIAN/control'), 'utf8'), /^Architecture: arm64$/m)
    const home = join(root, 'usr/lib/starling')
    const programs = [
      'bin/node',
      plugin,
      'node_modules/netlink/prebuilds/linux-arm64/node.napi.node',
    ]
    for (const name of programs) {
      const machine = (await readFile(join(home, name))).readUInt16LE(18)
      assert.equal(machine, 183, `${name} is for AArch64`)
    }
  })
})
