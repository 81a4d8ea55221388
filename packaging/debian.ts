/** A Debian package of starling that brings its own Node: the same bytes from the same sources and SOURCE_DATE_EPOCH. */

import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmod,
  copyFile,
  cp,
  lstat,
  lutimes,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, extname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { createProgram } from '../src/cli/cli.ts'
import { completionScript, type Shell } from '../src/cli/completion/completion.ts'
import { foldersNeeded, lockOf } from './lock.ts'
import { manifestOf, printed, shippedManifest } from './manifest.ts'
import { manual, wrapped } from './manual.ts'
import type { Platform } from './native.ts'

const run = promisify(execFile)

interface Package {
  readonly project: string
  readonly destination: string
  readonly platform: Platform['name']
  /** Its program for that platform. */
  readonly node: string
  /** Another than the project's. */
  readonly version?: string
}

interface Kind {
  readonly architecture: 'amd64' | 'arm64'
  readonly triplet: string
}

export const debian: Readonly<Record<Platform['name'], Kind>> = {
  'linux-x64': { architecture: 'amd64', triplet: 'x86_64-linux-gnu' },
  'linux-arm64': { architecture: 'arm64', triplet: 'aarch64-linux-gnu' },
}

const maintainer = 'The starling authors <authors@starling.invalid>'
/** What Node loads, in the versions that it is built against. */
const depends = 'libc6 (>= 2.34), libgcc-s1 (>= 3.4), libstdc++6 (>= 10.2)'
const home = 'usr/lib/starling'
const documents = 'usr/share/doc/starling'
/** Where each shell of Debian looks. */
const completions: Readonly<Record<Shell, string>> = {
  bash: 'bash-completion/completions/starling',
  zsh: 'zsh/vendor-completions/_starling',
  fish: 'fish/vendor_completions.d/starling.fish',
}
/** What Node loads of a package; others read its sources, and compile them. */
const loaded = ['.js', '.json', '.node']

/** Writes it into `destination`, and resolves with its path. */
export async function makeDeb(wanted: Package): Promise<string> {
  const { project, destination, platform, version = (await manifestOf(project)).version } = wanted
  const { architecture } = debian[platform]
  const date = sourceDate()
  const root = await mkdtemp(join(tmpdir(), 'starling-deb-'))
  const file = join(destination, `starling_${version}_${architecture}.deb`)
  try {
    await addProgram(root, wanted)
    await addService(root, project)
    await addDocuments(root, { project, version, date })
    await addCompletions(root)
    await addControl(root, { project, version, architecture })
    await settle(root, date)
    // Node is most of it: xz takes a minute for a third less.
    const words = ['--root-owner-group', '-Zgzip', '-z1', '--build', root, file]
    await run('dpkg-deb', words, { env: { ...process.env, SOURCE_DATE_EPOCH: seconds(date) } })
    return file
  } finally {
    await rm(root, { recursive: true, force: true })
  }
}

const seconds = (date: Date): string => String(Math.floor(date.getTime() / 1_000))

function sourceDate(): Date {
  const epoch = process.env.SOURCE_DATE_EPOCH
  if (epoch === undefined || epoch === '') return new Date()
  if (!/^[0-9]+$/.test(epoch)) throw new Error(`SOURCE_DATE_EPOCH=${epoch}: give seconds`)
  return new Date(Number(epoch) * 1_000)
}

async function addProgram(root: string, { project, platform, node }: Package): Promise<void> {
  const at = (path: string): string => join(root, home, path)
  await mkdir(at('bin'), { recursive: true })
  await copyFile(node, at('bin/node'))
  const isForeign = (path: string): boolean =>
    /\/(prebuilds|native)\/[^/]+$/.test(path) && basename(path) !== platform
  const ours = (path: string): boolean => !isForeign(path) && basename(path) !== 'cache'
  await cp(join(project, 'dist'), at('dist'), { recursive: true, filter: ours })
  await rm(at('dist/THIRD-PARTY-LICENSES.txt'))
  const manifest = await shippedManifest(project)
  await writeFile(at('package.json'), printed(manifest))
  for (const folder of foldersNeeded(await lockOf(project), Object.keys(manifest.dependencies))) {
    for (const file of await filesBelow(join(project, folder))) {
      if (isForeign(dirname(file)) || !(await isLoaded(file))) continue
      await place(root, join(home, relative(project, file)), dirname(file))
    }
  }
  const addon = at(`node_modules/netlink/prebuilds/${platform}/node.napi.node`)
  const strip = `${debian[platform].triplet}-strip`
  await run(strip, ['--strip-unneeded', '--remove-section=.comment', at('bin/node'), addon])
  await bindToNode(at('dist/starling.js'))
  // What a start compiles is kept where it may be written, and is no part of the package.
  await mkdir(join(root, 'var/cache/starling'), { recursive: true })
  await symlink('/var/cache/starling', at('dist/cache'))
  await mkdir(join(root, 'usr/bin'), { recursive: true })
  await symlink('../lib/starling/dist/starling.js', join(root, 'usr/bin/starling'))
}

async function isLoaded(file: string): Promise<boolean> {
  if (!loaded.includes(extname(file)) || file.includes('/@types/')) return false
  // A package's own programs are of no use here.
  return !(await readFile(file, 'latin1')).startsWith('#!')
}

/** Whatever Node the machine has besides. */
async function bindToNode(program: string): Promise<void> {
  const code = await readFile(program, 'utf8')
  const bound = code.replace(/^(#!\/usr\/bin\/env -S )node /, `$1/${home}/bin/node `)
  if (bound === code) throw new Error(`${program} does not begin with what starts Node`)
  await writeFile(program, bound)
}

async function addService(root: string, project: string): Promise<void> {
  await place(root, 'usr/lib/systemd/system/starling.service', join(project, 'deploy/systemd'))
  await place(root, 'usr/lib/sysctl.d/50-starling.conf', join(project, 'deploy/systemd'))
  await place(root, 'etc/default/starling', join(project, 'packaging/debian/default'))
}

/** From the folder `from`, under the same name. */
async function place(root: string, path: string, from: string): Promise<void> {
  await mkdir(join(root, dirname(path)), { recursive: true })
  await copyFile(join(from, basename(path)), join(root, path))
}

async function addDocuments(
  root: string,
  { project, version, date }: { project: string; version: string; date: Date },
): Promise<void> {
  const at = (name: string): string => join(root, documents, name)
  await mkdir(at(''), { recursive: true })
  await cp(join(project, 'docs'), at('docs'), { recursive: true })
  const licence = await readFile(join(project, 'LICENSE'), 'utf8')
  await writeFile(at('copyright'), `${licence}\n${await text(project, 'copyright')}`)
  await writeZipped(at('node-licence.gz'), await readFile(nodeLicence(project), 'utf8'))
  const others = await readFile(join(project, 'dist/THIRD-PARTY-LICENSES.txt'), 'utf8')
  await writeZipped(at('third-party-licences.gz'), others)
  const news = await readFile(join(project, 'CHANGELOG.md'), 'utf8')
  await writeZipped(at('changelog.gz'), changelog(news, { version, date }))
  await mkdir(join(root, 'usr/share/man/man1'), { recursive: true })
  await writeZipped(join(root, 'usr/share/man/man1/starling.1.gz'), manual(date))
  await mkdir(join(root, 'usr/share/lintian/overrides'), { recursive: true })
  const overrides = join(root, 'usr/share/lintian/overrides/starling')
  await writeFile(overrides, await text(project, 'lintian-overrides'))
}

async function addCompletions(root: string): Promise<void> {
  for (const [shell, path] of Object.entries(completions) as [Shell, string][]) {
    const file = join(root, 'usr/share', path)
    await mkdir(dirname(file), { recursive: true })
    await writeFile(file, completionScript(createProgram({ code: 0 }), shell))
  }
}

/** The same for every platform. */
const nodeLicence = (project: string): string =>
  join(project, `node_modules/node-linux-${process.arch}/LICENSE`)

const text = (project: string, name: string): Promise<string> =>
  readFile(join(project, 'packaging/debian', name), 'utf8')

const writeZipped = (file: string, content: string): Promise<void> =>
  // Without a time in it.
  writeFile(file, gzipSync(content, { level: 9 }))

/** The latest version's part of ours, as Debian writes it. */
function changelog(news: string, { version, date }: { version: string; date: Date }): string {
  const [, latest = ''] = news.split(/^## .*$/m)
  const entries = latest
    .trim()
    .split(/^- /m)
    .slice(1)
    .map((entry) => wrapped(entry).join('\n    '))
    .join('\n  * ')
  const when = date.toUTCString().replace('GMT', '+0000')
  return `starling (${version}) stable; urgency=medium\n\n  * ${entries}\n\n -- ${maintainer}  ${when}\n`
}

async function addControl(
  root: string,
  { project, version, architecture }: { project: string; version: string; architecture: string },
): Promise<void> {
  const at = (name: string): string => join(root, 'DEBIAN', name)
  const installed = await filesBelow(root)
  const sizes = await Promise.all(installed.map(async (file) => (await lstat(file)).size))
  const kibibytes = sizes.reduce((sum, size) => sum + Math.ceil(size / 1_024), 0)
  await mkdir(at(''))
  const { description } = await manifestOf(project)
  const [synopsis = ''] = description.split(': ')
  const detail = await text(project, 'description')
  const control = [
    ['Package', 'starling'],
    ['Version', version],
    ['Architecture', architecture],
    ['Maintainer', maintainer],
    ['Installed-Size', kibibytes],
    ['Depends', depends],
    ['Suggests', 'containernetworking-plugins, iptables, nftables'],
    ['Section', 'net'],
    ['Priority', 'optional'],
    ['Description', `${synopsis}\n${detail.trimEnd().replace(/^/gm, ' ')}`],
  ]
  await writeFile(at('control'), control.map(([name, value]) => `${name}: ${value}\n`).join(''))
  await writeFile(at('conffiles'), '/etc/default/starling\n')
  for (const script of ['postinst', 'prerm', 'postrm']) {
    await copyFile(join(project, 'packaging/debian', script), at(script))
    await chmod(at(script), 0o755)
  }
  await writeFile(at('md5sums'), await sums(root, installed))
}

async function sums(root: string, files: readonly string[]): Promise<string> {
  const lines: string[] = []
  for (const file of files) {
    const path = relative(root, file)
    if (path.startsWith('etc/') || (await lstat(file)).isSymbolicLink()) continue
    const sum = createHash('md5')
      .update(await readFile(file))
      .digest('hex')
    lines.push(`${sum}  ${path}\n`)
  }
  return lines.join('')
}

/** Ascending. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

/** Modes and times that do not tell who built it, and when. */
async function settle(path: string, date: Date): Promise<void> {
  const stats = await lstat(path)
  if (stats.isDirectory())
    for (const name of await readdir(path)) await settle(join(path, name), date)
  const isProgram = stats.isDirectory() || ((stats.mode & 0o100) !== 0 && extname(path) !== '.node')
  if (!stats.isSymbolicLink()) await chmod(path, isProgram ? 0o755 : 0o644)
  await lutimes(path, date, date)
}
