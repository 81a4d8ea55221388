/** What a dockerd of our own may leave when it or its starter is killed, and its removal. */

import { readdir, readFile, rm, rmdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { ip, namespacesNamed, pidsIn } from '../lab/iproute.ts'
import { execute, printed } from './docker.ts'

export interface Place {
  /** Also the name of the cgroup that holds its containers. */
  readonly namespace: string
  readonly directory: string
}

/** Again until no process is left: one may have been in the making. */
export async function removeRemains(place: Place): Promise<void> {
  const isThere = (await namespacesNamed(place.namespace)).includes(place.namespace)
  for (let left = await processes(place, isThere); left.length > 0; ) {
    for (const pid of left) kill(pid)
    left = await processes(place, isThere)
  }
  await removeMounts(place.directory)
  if (isThere) await ip(`netns del ${place.namespace}`)
  await removeControlGroups(place.namespace)
  await rm(place.directory, { recursive: true, force: true })
}

/** The daemon and its shims are in its network namespace, the containers in its control group. */
async function processes(place: Place, isThere: boolean): Promise<number[]> {
  const found = isThere ? await pidsIn(place.namespace) : []
  for (const name of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue
    const groups = await readPresent(`/proc/${name}/cgroup`)
    if (groups.includes(`/${place.namespace}/`)) found.push(Number(name))
  }
  return found
}

/** All namespaces whose names begin with `prefix`, with whatever runs in them: also those of a run that was killed. */
export async function removeNamespaces(prefix: string): Promise<void> {
  for (const namespace of await namespacesNamed(prefix)) {
    for (const pid of await pidsIn(namespace)) kill(pid)
    await ip(`netns del ${namespace}`)
  }
}

/** Whatever is mounted below it. */
export async function removeMounts(directory: string): Promise<void> {
  for (const mounted of await mountsBelow(directory)) {
    const command = ['umount', '--lazy', mounted] as const
    printed(command, await execute(command))
  }
}

/** The deepest first. */
async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readPresent('/proc/self/mountinfo')
  return table
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((mounted) => mounted.startsWith(`${directory}/`))
    .sort()
    .reverse()
}

/** Docker removes the groups of its containers and leaves their parent, in every hierarchy. */
async function removeControlGroups(name: string): Promise<void> {
  const root = '/sys/fs/cgroup'
  for (const entry of [basename(root), ...(await readdir(root))]) {
    const top = entry === basename(root) ? join(root, name) : join(root, entry, name)
    for (const group of await groupsFrom(top)) await rmdir(group)
  }
}

async function groupsFrom(top: string): Promise<string[]> {
  try {
    const entries = await readdir(top, { withFileTypes: true })
    const below = entries.filter((entry) => entry.isDirectory())
    const nested = await Promise.all(below.map(({ name }) => groupsFrom(join(top, name))))
    return [...nested.flat(), top]
  } catch (error) {
    if (isGone(error)) return []
    throw error
  }
}

/** Empty where there is no such file. */
async function readPresent(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (isGone(error)) return ''
    throw error
  }
}

/** At once, whatever it is doing. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    // It ended between being listed and being killed: that is what was wanted.
    if (!isGone(error)) throw error
  }
}

/** A process or a file that went while we looked. */
const isGone = (error: unknown): boolean =>
  error instanceof Error &&
  'code' in error &&
  ['ENOENT', 'ESRCH', 'ENOTDIR'].includes(String(error.code))
