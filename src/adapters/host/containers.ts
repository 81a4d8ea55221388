/** Tells by the network namespaces of the host whether containers live. */

import { readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ContainerAnswer, ContainerQuestion } from '../../core/ipam/container.ts'
import type { Containers } from '../../ports/containers.ts'

/** `/proc/4711/ns/net`: a namespace without a name, found by a process in it. */
const ofProcess = /^\/proc\/[0-9]+\/ns\/net$/

export const hostContainers: Containers = {
  async look(questions) {
    const sight = new Sight()
    return Promise.all(questions.map((question) => answer(question, sight)))
  },
}

async function answer(question: ContainerQuestion, sight: Sight): Promise<ContainerAnswer> {
  const { address, path, inode } = question
  const view = ofProcess.test(path) ? await sight.processes() : await sight.directory(dirname(path))
  const by = view.name
  if ((await inodeOf(path)) === inode) return { address, life: 'alive', by }
  if (await sight.holds(inode, view)) return { address, life: 'alive', by }
  return { address, life: view.isWhole ? 'gone' : 'unknown', by }
}

/** One place where namespaces are found. */
interface View {
  /** The same as long as the same things are visible in it; empty: nothing is. */
  readonly name: string
  /** Namespaces that are there, as `device:inode`. */
  readonly inodes: ReadonlySet<string>
  /** What is not there is nowhere. */
  readonly isWhole: boolean
}

const blind: View = { name: '', inodes: new Set(), isWhole: false }

/** What one look sees; each place is read once, and only where it is needed. */
class Sight {
  readonly #directories = new Map<string, Promise<View>>()
  #processes: Promise<View> | undefined

  directory(path: string): Promise<View> {
    const known = this.#directories.get(path)
    if (known) return known
    const view = readDirectory(path)
    this.#directories.set(path, view)
    return view
  }

  processes(): Promise<View> {
    this.#processes ??= readProcesses()
    return this.#processes
  }

  /** A process may be in a namespace whose name is gone, and a namespace may have a name when its first process is gone. */
  async holds(inode: string, view: View): Promise<boolean> {
    if (view.inodes.has(inode)) return true
    return (await this.processes()).inodes.has(inode)
  }
}

async function readDirectory(path: string): Promise<View> {
  try {
    const own = await stat(path)
    const inodes = new Set<string>()
    let isWhole = true
    for (const name of await readdir(path)) {
      const inode = await inodeOf(join(path, name))
      // A name without a namespace mounted on it: mounts of the host do not come through to here.
      if (inode === undefined || isOn(own.dev, inode)) isWhole = false
      else inodes.add(inode)
    }
    return { name: `${path} ${own.dev}:${own.ino}`, inodes, isWhole }
  } catch {
    // Not there, or not readable: nothing is known by it.
    return blind
  }
}

async function readProcesses(): Promise<View> {
  try {
    const own = await stat('/proc/self/ns/pid')
    const inodes = new Set<string>()
    let isWhole = true
    for (const name of await readdir('/proc')) {
      if (!/^[0-9]+$/.test(name)) continue
      const seen = await inodeOrWhy(`/proc/${name}/ns/net`)
      if (seen.inode !== undefined) inodes.add(seen.inode)
      // A process that ended meanwhile is in no namespace; one that may not be looked at may be in any.
      else if (seen.why !== 'ENOENT' && seen.why !== 'ESRCH') isWhole = false
    }
    return { name: `/proc ${own.dev}:${own.ino}`, inodes, isWhole }
  } catch {
    // A host that hides /proc shows nothing.
    return blind
  }
}

const isOn = (device: number, inode: string): boolean => inode.startsWith(`${device}:`)

const inodeOf = async (path: string): Promise<string | undefined> => (await inodeOrWhy(path)).inode

async function inodeOrWhy(path: string): Promise<{ inode?: string; why?: string }> {
  try {
    const { dev, ino } = await stat(path)
    return { inode: `${dev}:${ino}` }
  } catch (error) {
    return { why: error instanceof Error && 'code' in error ? String(error.code) : '' }
  }
}
