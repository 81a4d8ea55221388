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

/** Whether a container without a name that is gone would be missed here. */
export const seesProcesses = async (): Promise<boolean> => (await readProcesses()).isWhole

async function answer(question: ContainerQuestion, sight: Sight): Promise<ContainerAnswer> {
  const { address, path, inode } = question
  const place = ofProcess.test(path) ? processes : dirname(path)
  const by = await sight.nameOf(place)
  if ((await inodeOf(path)) === inode) return { address, life: 'alive', by }
  const view = await sight.view(place)
  // A process may be in a namespace whose name is gone, and a namespace may have another name.
  const isThere = view.inodes.has(inode) || (await sight.view(processes)).inodes.has(inode)
  if (isThere) return { address, life: 'elsewhere', by }
  return { address, life: view.isWhole ? 'gone' : 'unknown', by }
}

/** The place in which namespaces without a name are found. */
const processes = '/proc'
const first = '1'
/** Why there is nothing to be seen of a process that is none any more. */
const ended = ['ENOENT', 'ESRCH']

/** What is to be seen in one place. */
interface View {
  /** Namespaces that are there, as `device:inode`. */
  readonly inodes: ReadonlySet<string>
  /** What is not there is nowhere. */
  readonly isWhole: boolean
}

const blind: View = { inodes: new Set(), isWhole: false }

/** What one look sees; each place is read once, and only where it is needed. */
class Sight {
  readonly #names = new Map<string, Promise<string>>()
  readonly #views = new Map<string, Promise<View>>()

  /** The same as long as the same things are visible there; empty: nothing is. */
  nameOf(place: string): Promise<string> {
    return once(this.#names, place, readName)
  }

  view(place: string): Promise<View> {
    return once(this.#views, place, place === processes ? readProcesses : readDirectory)
  }
}

function once<T>(
  known: Map<string, Promise<T>>,
  place: string,
  read: (place: string) => Promise<T>,
): Promise<T> {
  const earlier = known.get(place)
  if (earlier) return earlier
  const result = read(place)
  known.set(place, result)
  return result
}

async function readName(place: string): Promise<string> {
  const inode = await inodeOf(place === processes ? '/proc/self/ns/pid' : place)
  return inode === undefined ? '' : `${place} ${inode}`
}

async function readDirectory(path: string): Promise<View> {
  try {
    const own = await stat(path)
    const inodes = new Set<string>()
    let isWhole = true
    for (const name of await readdir(path)) {
      const inode = await inodeOf(join(path, name))
      // A name without a namespace mounted on it: mounts of the host do not come through to here.
      if (inode === undefined || inode.startsWith(`${own.dev}:`)) isWhole = false
      else inodes.add(inode)
    }
    return { inodes, isWhole }
  } catch {
    // Not there, or not readable: nothing is known by it.
    return blind
  }
}

async function readProcesses(): Promise<View> {
  try {
    const inodes = new Set<string>()
    const names = await readdir(processes)
    // Where processes of others are hidden, the first one is.
    let isWhole = names.includes(first)
    for (const name of names) {
      if (!/^[0-9]+$/.test(name)) continue
      const { inode, why = '' } = await inodeOrWhy(join(processes, name, 'ns/net'))
      if (inode !== undefined) inodes.add(inode)
      // A process that may not be looked at may be in any namespace; one that ended meanwhile is in none, and the first
      // one, which may have more rights than root in a container, is in the host's.
      else if (!ended.includes(why) && name !== first) isWhole = false
    }
    return { inodes, isWhole }
  } catch {
    // A host that hides /proc shows nothing.
    return blind
  }
}

const inodeOf = async (path: string): Promise<string | undefined> => (await inodeOrWhy(path)).inode

async function inodeOrWhy(path: string): Promise<{ inode?: string; why?: string }> {
  try {
    const { dev, ino } = await stat(path)
    return { inode: `${dev}:${ino}` }
  } catch (error) {
    return { why: error instanceof Error && 'code' in error ? String(error.code) : '' }
  }
}
