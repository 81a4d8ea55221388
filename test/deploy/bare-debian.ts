/** A directory that holds a Debian of this machine's own packages: the essential ones, and those that are asked for. */

import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Outcome } from '../../simulations/chaos/docker.ts'

const run = promisify(execFile)

/** What a login of root has. */
export const environment = {
  PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/root',
  DEBIAN_FRONTEND: 'noninteractive',
}

interface Installed {
  readonly name: string
  readonly essential: boolean
  /** In Debian's words: one of each. */
  readonly depends: readonly (readonly string[])[]
  readonly provides: readonly string[]
}

const information = '/var/lib/dpkg/info'
const merged = ['bin', 'sbin', 'lib', 'lib64']
/** Nothing that runs reads them. */
const superfluous = /^\/usr\/share\/(doc|man|info|locale|zoneinfo)\//

export class BareDebian {
  readonly root: string
  readonly #packages = new Set<string>()

  private constructor(root: string) {
    this.root = root
  }

  static async make(root: string, packages: readonly string[] = []): Promise<BareDebian> {
    for (const name of merged) {
      await mkdir(join(root, 'usr', name), { recursive: true })
      await symlink(`usr/${name}`, join(root, name))
    }
    const machine = new BareDebian(root)
    await machine.add(packages)
    for (const name of ['passwd', 'group']) {
      const template = join(root, `usr/share/base-passwd/${name}.master`)
      await cp(template, join(root, 'etc', name))
    }
    for (const folder of ['proc', 'sys', 'dev', 'run', 'tmp', 'mnt'])
      await mkdir(join(root, folder), { recursive: true })
    return machine
  }

  /** With all that they depend on. */
  async add(packages: readonly string[]): Promise<void> {
    const known = await installed()
    const wanted = closure(known, packages).filter((name) => !this.#packages.has(name))
    for (const name of wanted) this.#packages.add(name)
    await this.#copyFiles(wanted)
    const { stdout } = await run('dpkg-query', ['--status', ...this.#packages])
    await writeFile(join(this.root, 'var/lib/dpkg/status'), stdout)
    await run('chroot', [this.root, 'ldconfig'])
  }

  /** Ends its processes with itself; `namespace` is the network that it sees. */
  command(words: readonly string[], namespace?: string): [string, ...string[]] {
    const script = `mount -t proc proc ${this.root}/proc && mount --rbind /dev ${this.root}/dev && exec chroot ${this.root} "$@"`
    const inside = ['unshare', '--mount', 'sh', '-c', script, 'sh', ...words] as const
    if (namespace === undefined) return [...inside]
    return ['nsenter', `--net=/run/netns/${namespace}`, ...inside]
  }

  /** Resolves whatever the outcome. */
  run(...words: readonly string[]): Promise<Outcome> {
    return outcomeOf(this.command(words))
  }

  /** All that is there, but for what dpkg writes down. */
  async files(): Promise<string[]> {
    const entries = await readdir(this.root, { recursive: true, withFileTypes: true })
    return entries
      .map((entry) => join(entry.parentPath, entry.name).slice(this.root.length))
      .filter((path) => !/^\/var\/(lib\/dpkg|log)\//.test(path))
      .sort()
  }

  async #copyFiles(packages: readonly string[]): Promise<void> {
    const names = await readdir(information)
    const ofPackage = Map.groupBy(names, (name) => name.replace(/(:[a-z0-9]+)?\.[a-z0-9]+$/, ''))
    // The names of files have an architecture in them since format 1.
    const own = ['format', ...packages.flatMap((name) => ofPackage.get(name) ?? [])]
    const lists = own.filter((name) => name.endsWith('.list'))
    const texts = await Promise.all(lists.map((name) => readFile(join(information, name), 'utf8')))
    const paths = texts
      .flatMap((text) => text.split('\n'))
      .filter((path) => path !== '' && !superfluous.test(path) && existsSync(path))
      .map((path) => path.replace(/^\/(bin|sbin|lib|lib64)(?=\/)/, '/usr/$1').slice(1))
      .filter((path) => !merged.includes(path))
    const list = [...new Set(paths), ...own.map((name) => join(information, name).slice(1))]
    const archive = spawn('tar', ['-C', '/', '--no-recursion', '-cf', '-', '-T', '-'], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const unpack = spawn('tar', ['-C', this.root, '-xf', '-'], {
      stdio: [archive.stdout, 'inherit', 'inherit'],
    })
    archive.stdin.end(list.join('\n'))
    const [code] = await once(unpack, 'close')
    if (code !== 0) throw new Error(`tar ends with ${code}`)
  }
}

/** Resolves whatever the outcome. */
export function outcomeOf(command: readonly [string, ...string[]]): Promise<Outcome> {
  const [program, ...words] = command
  return new Promise((resolve) => {
    execFile(program, words, { env: environment, timeout: 120_000 }, (error, stdout, stderr) => {
      const exitCode = typeof error?.code === 'number' ? error.code : error ? -1 : 0
      resolve({ exitCode, stdout, stderr })
    })
  })
}

async function installed(): Promise<readonly Installed[]> {
  const fields = ['Package', 'Essential', 'Pre-Depends', 'Depends', 'Provides', 'db:Status-Status']
  const format = `${fields.map((field) => `\${${field}}`).join('\\t')}\\n`
  const { stdout } = await run('dpkg-query', ['--show', '--showformat', format])
  return stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .filter((parts) => parts[5] === 'installed')
    .map(([name = '', essential, before = '', depends = '', provides = '']) => ({
      name,
      essential: essential === 'yes',
      depends: [...names(before), ...names(depends)],
      provides: names(provides).flat(),
    }))
}

/** Without versions and architectures. */
const names = (field: string): string[][] =>
  field
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => part.split('|').map((name) => name.trim().replace(/[ (:].*/, '')))

/** Throws where one of `packages` is not installed here. */
function closure(known: readonly Installed[], packages: readonly string[]): string[] {
  const byName = new Map(known.map((each) => [each.name, each]))
  for (const each of known)
    for (const name of each.provides) if (!byName.has(name)) byName.set(name, each)
  const found = new Set<string>()
  const pending = [
    ...known.filter(({ essential }) => essential).map(({ name }) => name),
    ...packages,
  ]
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    const each = byName.get(name)
    if (!each) throw new Error(`this machine has no package ${name}`)
    if (found.has(each.name)) continue
    found.add(each.name)
    for (const choices of each.depends)
      pending.push(...choices.filter((choice) => byName.has(choice)).slice(0, 1))
  }
  return [...found].sort()
}
