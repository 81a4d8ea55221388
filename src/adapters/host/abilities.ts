/** What an agent can do only where its container was given a view of the host: each missing mount is one thing less. */

import { readdir, readlink, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { seesProcesses } from './containers.ts'

/** Something that this agent cannot do. */
export interface Inability {
  /** Stable. */
  readonly code: 'see-namespaces' | 'see-processes'
  readonly message: string
  readonly mend: string
}

/** Where `ip netns add` and CNI runtimes give namespaces names. */
const named = '/run/netns'
/** Of the namespaces that the kernel makes at boot (linux/proc_ns.h). */
const firstPidNamespace = 'pid:[4026531836]'

export async function readInabilities(): Promise<Inability[]> {
  const isAmongAll = (await link('/proc/self/ns/pid')) === firstPidNamespace
  const isOnHost =
    isAmongAll && (await link('/proc/1/ns/mnt')) === (await link('/proc/self/ns/mnt'))
  const found: Inability[] = []
  if (!isOnHost && !(await seesNamespaces())) {
    found.push({
      code: 'see-namespaces',
      message: 'the agent does not notice when containers of CNI runtimes are gone',
      mend: `mount ${named}:${named}:ro,rslave into the agent's container`,
    })
  }
  if (!isAmongAll || !(await seesProcesses())) {
    found.push({
      code: 'see-processes',
      message:
        'the agent does not notice when containers of ctr are gone: their namespaces have no names',
      mend: isAmongAll
        ? 'give the agent CAP_SYS_PTRACE, and under systemd ProtectProc=default besides (systemctl edit starling)'
        : "start the agent's container with --pid host and --cap-add SYS_PTRACE",
    })
  }
  return found
}

/** A name that is no mount here shows that mounts of the host do not come through. */
async function seesNamespaces(): Promise<boolean> {
  try {
    const { dev } = await stat(named)
    const names = await readdir(named)
    const all = await Promise.all(names.map((name) => stat(join(named, name))))
    return all.every((each) => each.dev !== dev)
  } catch {
    // Not mounted, or what was listed went meanwhile.
    return false
  }
}

async function link(path: string): Promise<string> {
  try {
    return await readlink(path)
  } catch {
    // Of a process that may not be looked at.
    return ''
  }
}
