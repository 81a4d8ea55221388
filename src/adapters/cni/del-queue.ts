/** The DELs that no agent answered: files of the plugin, each executed once and removed. */

import { readdirSync, statSync } from 'node:fs'
import { readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { callBytesMax } from '../../cni/call.ts'

export class DelQueue {
  readonly #directory: string
  readonly #execute: (body: Buffer) => Promise<string | undefined>
  #next: Promise<ReadonlySet<string>> | undefined
  #running: Promise<unknown> = Promise.resolve()

  /** `execute` resolves with the name of what cannot be done yet: that file stays for the next time. */
  constructor(directory: string, execute: (body: Buffer) => Promise<string | undefined>) {
    this.#directory = directory
    this.#execute = execute
  }

  /**
   * Every file that is there when this is called has been executed when it resolves, but for those that it names. Rejects
   * where the directory cannot be read.
   */
  async drain(): Promise<ReadonlySet<string>> {
    // Nearly always; no other thread is woken for that. What is under way keeps its file until it is done.
    if (isEmpty(this.#directory)) return nothing
    // Whoever comes while the directory is read may have seen a file that was put there since.
    this.#next ??= this.#running.then(() => this.#begin())
    return this.#next
  }

  #begin(): Promise<ReadonlySet<string>> {
    this.#next = undefined
    const attempt = this.#all()
    this.#running = Promise.allSettled([attempt])
    return attempt
  }

  async #all(): Promise<ReadonlySet<string>> {
    const names = (await present(readdir(this.#directory))) ?? []
    // All at once, so that they share their commits.
    const left = await Promise.all(
      names.map((name) => (name.startsWith('.') ? this.#sweep(name) : this.#one(name))),
    )
    return new Set(left.filter((key) => key !== undefined))
  }

  /**
   * The plugin may put a further DEL of this name in its place at any time: the file is taken away under another name
   * first, so that what is removed in the end is what was executed.
   */
  async #one(name: string): Promise<string | undefined> {
    const taken = name.endsWith(takenSuffix) ? name : `${name}${takenSuffix}`
    if (taken !== name) await rename(join(this.#directory, name), join(this.#directory, taken))
    const path = join(this.#directory, taken)
    const { size } = await stat(path)
    const later = size > callBytesMax ? undefined : await this.#execute(await readFile(path))
    if (later === undefined) await unlink(path)
    return later
  }

  /** What a plugin that was killed left half written. */
  async #sweep(name: string): Promise<undefined> {
    const path = join(this.#directory, name)
    const stats = await present(stat(path))
    if (stats && Date.now() - stats.mtimeMs > leftAfterMs) await present(unlink(path))
    return undefined
  }
}

const nothing: ReadonlySet<string> = new Set()

/** The directory is beside the sockets, in memory where it is not put elsewhere. */
const isEmpty = (directory: string): boolean =>
  !statSync(directory, { throwIfNoEntry: false }) || readdirSync(directory).length === 0

const takenSuffix = '.taken'
const leftAfterMs = 60_000

/** Undefined: it is not there. */
async function present<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found
  } catch (thrown) {
    if (thrown instanceof Error && 'code' in thrown && thrown.code === 'ENOENT') return undefined
    throw thrown
  }
}
