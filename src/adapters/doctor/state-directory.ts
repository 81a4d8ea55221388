/** The directory of what must survive: how much room is left, and how long a write takes to be durable. */

import { spawn } from 'node:child_process'
import { statfs } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { codeOf, type Fact, known, unknown } from './fact.ts'

export interface StateDirectory {
  /** The directory, or the nearest one above it that is there. */
  readonly path: string
  readonly freeBytes: number
  /** Files that may still be made; undefined: the file system has no such number. */
  readonly freeFiles: number | undefined
}

export async function readStateDirectory(wanted: string): Promise<Fact<StateDirectory>> {
  for (let path = wanted; ; path = dirname(path)) {
    try {
      const { bavail, bsize, files, ffree } = await statfs(path)
      const freeFiles = files === 0 ? undefined : ffree
      return known({ path, freeBytes: bavail * bsize, freeFiles })
    } catch (thrown) {
      const code = codeOf(thrown)
      if (code !== 'ENOENT' || path === dirname(path)) {
        return unknown(`${path} cannot be looked at (${code})`, 'run it as root')
      }
    }
  }
}

/** How long one fsync took, or the code of the failure: ETIMEDOUT where it took longer than `patienceMs`. */
export type Write = { readonly ms: number } | { readonly error: string }

export const patienceMs = 5_000

/**
 * Writes a block to a file of its own, which it removes. In a process of its own: a disk that hangs keeps whoever waits
 * for it from ending, and that must not be the one that tells of it.
 */
export function writeOnce(directory: string): Promise<Write> {
  const path = join(directory, `.doctor-${process.pid}-${Date.now()}`)
  return new Promise((resolve) => {
    const child = spawn(process.execPath, ['-e', program, path], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      child.unref()
      child.stdout.destroy()
      resolve({ error: 'ETIMEDOUT' })
    }, patienceMs)
    let said = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text
    })
    child.on('error', (error) => {
      clearTimeout(timer)
      resolve({ error: codeOf(error) })
    })
    child.on('close', () => {
      clearTimeout(timer)
      const ms = Number(said)
      resolve(said !== '' && Number.isFinite(ms) ? { ms } : { error: said.trim() || 'EIO' })
    })
  })
}

const program = `
const { openSync, writeSync, fsyncSync, closeSync, unlinkSync } = require('node:fs')
const path = process.argv[1]
let file
try {
  file = openSync(path, 'wx', 0o600)
  writeSync(file, Buffer.alloc(4096))
  const begun = performance.now()
  fsyncSync(file)
  process.stdout.write(String(performance.now() - begun))
} catch (error) {
  process.stdout.write(error.code)
} finally {
  if (file !== undefined) {
    closeSync(file)
    unlinkSync(path)
  }
}`
