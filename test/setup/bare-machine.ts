/** A machine without any programs: in a mount namespace of its own, which ends with the process inside, /usr/bin and others are empty. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'

export interface Ended {
  readonly exitCode: number | null
  readonly stderr: string
  readonly stdout: string
}

const project = join(import.meta.dirname, '../..')
/** All that is there besides what a test installs. */
const shell = ['sh', 'chmod', 'sleep']
/** What is empty there. Each is there on a machine that `npm run setup` has seen. */
const folders = [
  ...['/usr/include', '/usr/aarch64-linux-gnu/include', '/usr/lib/cni'],
  ...['grpc', 'google/protobuf'].map((name) => `/usr/lib/python3/dist-packages/${name}`),
  // Last, for these hold what mounts.
  ...['/usr/sbin', '/usr/bin'],
]

export class BareMachine {
  readonly #directory = mkdtempSync(join(tmpdir(), 'starling-setup-'))
  readonly policy = this.#file('/usr/sbin/policy-rc.d')

  constructor() {
    for (const folder of [...folders, '/usr/include/google/protobuf']) {
      mkdirSync(this.#file(folder), { recursive: true })
    }
    for (const name of shell) copyFileSync(`/bin/${name}`, this.#file(`/usr/bin/${name}`))
    writeFileSync(this.#file('/usr/bin/apt-log'), '')
  }

  /** A program of shell's own words alone. */
  install(name: string, script = ''): void {
    writeFileSync(this.#file(name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  }

  uninstall(name: string): void {
    rmSync(this.#file(name))
  }

  /** An apt-get that keeps what it is told; `script` is what it does at "install". */
  installAptGet(script: string): void {
    this.install(
      '/usr/bin/apt-get',
      `echo "$@" >> /usr/bin/apt-log\n[ "$1" = install ] || exit 0\n${script}`,
    )
  }

  get log(): string[] {
    return readFileSync(this.#file('/usr/bin/apt-log'), 'utf8').split('\n').filter(Boolean)
  }

  /** Runs a file of the project there; `options` are Node's. */
  start(file: string, options: readonly string[] = []): ChildProcess {
    const mounts = folders
      .map((folder) => `mount --bind ${this.#file(folder)} ${folder}`)
      .join(' && ')
    const words = ['--mount', 'sh', '-c', `${mounts} && exec "$@"`, 'sh', process.execPath]
    return spawn('unshare', [...words, ...options, join(project, file)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: '/usr/sbin:/usr/bin' },
    })
  }

  async run(file: string, options: readonly string[] = []): Promise<Ended> {
    return ended(this.start(file, options))
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true, force: true })
  }

  #file(path: string): string {
    return join(this.#directory, path)
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  if (!child.stdout || !child.stderr) throw new TypeError('the child has no pipes')
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [exitCode] = (await closed) as [number | null]
  return { exitCode, stdout, stderr }
}
