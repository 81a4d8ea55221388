/** Directories and child processes of the store's tests. */

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** Runs `use` with an empty directory that is removed afterwards. */
export async function inScratch<T>(use: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'starling-store-'))
  try {
    return await use(directory)
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

const writer = fileURLToPath(new URL('./writer.ts', import.meta.url))

/** A process that writes into `directory`; see writer.ts for the modes. */
export const spawnWriter = (mode: string, directory: string): ChildProcess =>
  spawn(process.execPath, [writer, mode, directory], { stdio: ['ignore', 'pipe', 'inherit'] })

/** The same on a filesystem of its own, mounted at `directory` for that process alone. */
export const spawnWriterOn = (
  mount: { readonly options: string; readonly mode: string },
  directory: string,
): ChildProcess =>
  spawn(
    'unshare',
    [
      '--mount',
      'sh',
      '-ec',
      'mount -t tmpfs -o "$1" tmpfs "$2"; exec "$3" "$4" "$5" "$2"',
      'sh',
      mount.options,
      directory,
      process.execPath,
      writer,
      mount.mode,
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )

/** Everything that the process prints, once it has ended. */
export async function outputOf(child: ChildProcess): Promise<string> {
  const parts: Buffer[] = []
  child.stdout?.on('data', (part: Buffer) => parts.push(part))
  await once(child, 'close')
  return Buffer.concat(parts).toString()
}
