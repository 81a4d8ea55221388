/** Which group of this host may use a socket. */

import { chownSync, readFileSync } from 'node:fs'
import { SocketError } from './socket.ts'

/** By name, as /etc/group has it, or by number. Throws a SocketError where the host has no such group. */
export function groupId(group: string, flag: '--socket-group' | '--socket-read-group'): number {
  if (/^[0-9]+$/.test(group)) return Number(group)
  for (const line of readFileSync('/etc/group', 'utf8').split('\n')) {
    const [name, , id] = line.split(':')
    if (name === group && id) return Number(id)
  }
  throw new SocketError(
    'socket-unusable',
    `/etc/group has no group ${group}`,
    `make it (groupadd ${group}), or give ${flag} the number of a group`,
  )
}

/** The socket was made for its owner's group: until here the other one could not open it. */
export function giveToGroup(path: string, group: number): void {
  try {
    chownSync(path, process.geteuid?.() ?? 0, group)
  } catch (thrown) {
    throw new SocketError(
      'socket-unusable',
      `cannot give ${path} to group ${group} (${thrown instanceof Error ? thrown.message : thrown})`,
      'run the agent as root, or as a member of that group',
    )
  }
}
