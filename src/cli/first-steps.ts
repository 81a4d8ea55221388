/** `starling` alone: what it is, whether an agent runs here, and what to do first. */

import { connect } from 'node:net'
import { defaultSocket } from '../config/socket-path.ts'
import { printable } from '../core/printable.ts'
import { exitCode } from './exit-code.ts'

export async function firstSteps(): Promise<number> {
  const socket = process.env.STARLING_SOCKET || defaultSocket
  const isThere = await isAnswered(socket)
  console.log(
    'starling gives every host of a cluster a subnet for its containers, and routes to all others.',
  )
  console.log(`\n${(isThere ? afterwards(socket) : first).map(lineText).join('\n')}`)
  return exitCode.fine
}

type Line = string | readonly [command: string, about: string]

const all: Line = ['starling --help', 'all commands; starling COMMAND --help: one, with examples']

const first: readonly Line[] = [
  'No agent runs on this host. Run one on every host, as root, with one or two of the hosts as seeds:',
  ['starling agent --seed HOST', 'HOST: name or address of a seed'],
  'Then, in another terminal:',
  ['starling status --wait', 'wait until this host has its subnet and its routes'],
  all,
]

const afterwards = (socket: string): readonly Line[] => [
  `An agent runs on this host, on ${printable(socket)}:`,
  ['starling status', 'is all well, and what to do where it is not'],
  ['starling peers', 'the hosts of the cluster'],
  ['starling ip list', 'addresses of the containers of this host'],
  all,
]

const lineText = (line: Line): string =>
  typeof line === 'string' ? line : `  ${line[0].padEnd(28)}${line[1]}`

/** Whoever may not connect knows that something is there. */
function isAnswered(socket: string): Promise<boolean> {
  return new Promise((resolve) => {
    const connection = connect(socket)
    connection.once('connect', () => {
      connection.destroy()
      resolve(true)
    })
    connection.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code === 'EACCES'))
  })
}
