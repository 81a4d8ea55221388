/** One small file that is replaced as a whole: a crash at any point leaves the old contents or the new. */

import { randomBytes } from 'node:crypto'
import { link, open, readdir, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorName, type StoreError, unreadable, unwritable } from './store-error.ts'

export class DurableFile {
  readonly #place: Place
  #encodeNewest: () => Uint8Array = () => new Uint8Array()
  /** The write that has not begun; callers that come meanwhile share it. At most one runs and one waits. */
  #next: Promise<void> | undefined
  /** Settles with the write that runs, whatever its outcome. */
  #running: Promise<unknown> = Promise.resolve()

  constructor(place: Place) {
    this.#place = place
  }

  /** Resolves once this or newer contents survive a power cut. Rejects with a StoreError. */
  replace(encode: () => Uint8Array): Promise<void> {
    this.#encodeNewest = encode
    this.#next ??= this.#running.then(() => this.#replaceByNewest())
    return this.#next
  }

  #replaceByNewest(): Promise<void> {
    this.#next = undefined
    const attempt = replaceFile(this.#place, this.#encodeNewest())
    // A failure belongs to the callers of this write; the next one tries again.
    this.#running = Promise.allSettled([attempt])
    return attempt
  }
}

/** The file `name` of the state directory. */
export interface Place {
  readonly directory: string
  readonly name: string
}

export const pathOf = (place: Place): string => join(place.directory, place.name)

/** The contents, or undefined where there is no such file. Rejects with a StoreError. */
export async function readPresent(place: Place): Promise<Buffer | undefined> {
  try {
    return await readFile(pathOf(place))
  } catch (thrown) {
    if (errorName(thrown) === 'ENOENT') return undefined
    throw unreadable(pathOf(place), thrown)
  }
}

/** Writes a file that must not be there yet; false: it is. Durable, and never seen in part. */
export async function createFile(place: Place, contents: Uint8Array): Promise<boolean> {
  const temporary = temporaryOf(place)
  try {
    await writeDurably(temporary, contents)
    await link(temporary, pathOf(place))
    await rm(temporary)
    await syncDirectory(place.directory)
    return true
  } catch (thrown) {
    // ENOENT: another process that was first has swept our temporary file.
    const isSecond = ['EEXIST', 'ENOENT'].includes(errorName(thrown))
    await discard(temporary)
    if (isSecond && (await readPresent(place))) return false
    throw unwritable(pathOf(place), thrown)
  }
}

/** Removes what writes of processes that are gone left behind. */
export async function removeLeftovers(directory: string): Promise<void> {
  for (const name of await namesIn(directory)) {
    const writer = Number(/\.([0-9]+)\.tmp$/.exec(name)?.[1])
    if (writer && !isRunning(writer)) await discard(join(directory, name))
  }
}

/** Names of the files in a directory; none where there is no directory. Rejects with a StoreError. */
export async function namesIn(directory: string): Promise<readonly string[]> {
  try {
    return await readdir(directory)
  } catch (thrown) {
    if (errorName(thrown) === 'ENOENT') return []
    throw unreadable(directory, thrown)
  }
}

export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function replaceFile(place: Place, contents: Uint8Array): Promise<void> {
  const temporary = temporaryOf(place)
  try {
    await writeDurably(temporary, contents)
    await rename(temporary, pathOf(place))
    await syncDirectory(place.directory)
  } catch (thrown) {
    await discard(temporary)
    throw unwritable(pathOf(place), thrown)
  }
}

async function writeDurably(path: string, contents: Uint8Array): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    await handle.writeFile(contents)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

// Two agents that are pointed at one directory by mistake must not write into each other's file,
// and in containers both may have the same process number.
const temporaryOf = (place: Place): string =>
  `${pathOf(place)}.${randomBytes(4).toString('hex')}.${process.pid}.tmp`

/** Best effort: a temporary file that stays is ignored, and swept at a later start. */
async function discard(path: string): Promise<StoreError | undefined> {
  try {
    await rm(path, { force: true })
    return undefined
  } catch (thrown) {
    return unwritable(path, thrown)
  }
}

/** Our own number counts as gone: we have written nothing yet, and in a container every agent has the same one. */
function isRunning(pid: number): boolean {
  if (pid === process.pid) return false
  try {
    return process.kill(pid, 0)
  } catch (thrown) {
    return errorName(thrown) === 'EPERM'
  }
}
