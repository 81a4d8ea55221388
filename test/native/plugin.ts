/** The CNI plugin as it is compiled from its source, run by hand. */

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { compileNative } from '../../packaging/native.ts'

export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

const project = new URL('../..', import.meta.url).pathname

export class Plugin {
  readonly directory = mkdtempSync(join(tmpdir(), 'starling-plugin-'))
  readonly socket = join(this.directory, 'cni.sock')
  readonly queue = join(this.directory, 'del')

  async compile(): Promise<void> {
    const { made } = await compileNative(project, this.directory)
    const mine = `linux-${process.arch}`
    assert.ok(
      made.some(({ name }) => name === mine),
      `${mine} is compiled`,
    )
  }

  get program(): string {
    return join(this.directory, `linux-${process.arch}`, 'starling-ipam')
  }

  /** `env` alone, and the socket. */
  start(env: Readonly<Record<string, string>>, program = this.program): ChildProcess {
    return spawn(program, [], {
      env: { STARLING_CNI_SOCKET: this.socket, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
  }

  async run(
    env: Readonly<Record<string, string>>,
    stdin: string | Buffer = '{}',
    program = this.program,
  ): Promise<Ended> {
    const child = this.start(env, program)
    child.stdin?.end(stdin)
    return ended(child)
  }

  remove(): void {
    rmSync(this.directory, { recursive: true, force: true })
  }
}

export async function ended(child: ChildProcess): Promise<Ended> {
  const began = performance.now()
  assert.ok(child.stdin && child.stdout && child.stderr)
  // A plugin may end before it has read all.
  child.stdin.on('error', () => {})
  const closed = once(child, 'close')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [exitCode] = (await closed) as [number | null]
  return { exitCode, stdout, stderr, ms: performance.now() - began }
}
