/** Takes a unix socket path for one server, or says who has it. */

import { lstat, mkdir, unlink } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { dirname } from 'node:path'

export class SocketError extends Error {
  readonly code: 'already-running' | 'not-a-socket' | 'socket-unusable'

  constructor(code: SocketError['code'], problem: string, mend: string) {
    super(`${problem}: ${mend}`)
    this.name = 'SocketError'
    this.code = code
  }
}

/**
 * Listens with mode 0660, or 0600 where it is for root alone. A file that a dead server left is replaced; a live one is an
 * error. `flag` is the setting that an operator would change.
 */
export async function listenOnSocket(
  server: Server,
  path: string,
  flag: '--socket' | '--state-dir' | '--docker-plugin' = '--socket',
  mode: 0o660 | 0o600 = 0o660,
): Promise<void> {
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o755 })
    await clearSocket(path)
    await listen(server, path, mode)
  } catch (thrown) {
    if (thrown instanceof SocketError) throw thrown
    const reason = thrown instanceof Error ? thrown.message : String(thrown)
    throw new SocketError(
      'socket-unusable',
      `cannot listen on ${path} (${reason})`,
      `set ${flag} to a path that the agent can create`,
    )
  }
}

/** Removes what a dead server left. Rejects with a SocketError where a live one answers. */
export async function clearSocket(path: string): Promise<void> {
  const stats = await lstat(path).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return undefined
    throw thrown
  })
  if (!stats) return
  if (!stats.isSocket()) {
    throw new SocketError(
      'not-a-socket',
      `${path} exists and is no socket`,
      'remove it or set --socket to another path',
    )
  }
  if (await isAnswered(path)) {
    throw new SocketError(
      'already-running',
      `another agent already runs on ${path}`,
      'stop that one, or give this one its own --socket and --state-dir',
    )
  }
  await unlink(path)
}

/** A full backlog or a frozen server is alive too; only a refusal means that nobody listens. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT')
    })
  })
}

function listen(server: Server, path: string, mode: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    // bind() takes place inside this call, so the socket has its final mode from its first moment;
    // meanwhile no other JavaScript runs that could create a file under this mask.
    const before = process.umask(0o777 & ~mode)
    try {
      server.listen(path, () => {
        server.off('error', reject)
        resolve()
      })
    } finally {
      process.umask(before)
    }
  })
}
