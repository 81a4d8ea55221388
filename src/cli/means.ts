/** What the groups of commands are made of: options that many take, and how a command is run. */

import { type Command, Option } from 'commander'
import { defaultSocket } from '../config/socket-path.ts'

export interface Means {
  readonly program: Command
  /** Performs a command, and keeps its exit code. */
  readonly run: <Given extends unknown[]>(
    perform: (...given: Given) => Promise<number>,
  ) => (...given: Given) => Promise<void>
}

/** These read their flags themselves, to report every problem at once; commander only has their help. */
export const takesSettings: readonly string[] = ['agent', 'config', 'doctor']

/** For a command that talks to the agent. */
export const shared = (command: Command, about: string): Command =>
  withSocket(command.option('--json', 'print JSON'), about)

/** For one that prints nothing for programs. */
export const withSocket = (command: Command, about: string): Command =>
  command.description(about).addOption(
    // An empty variable counts as absent, as it does for the agent.
    new Option('--socket <path>', 'unix socket of the agent (STARLING_SOCKET)').default(
      process.env.STARLING_SOCKET || defaultSocket,
    ),
  )
