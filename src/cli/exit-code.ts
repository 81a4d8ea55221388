/** What the exit codes of all commands mean; docs/cli.md says the same to users. */

export const exitCode = {
  fine: 0,
  /** The agent answered: something is wrong, or it refused. */
  failed: 1,
  /** The command line or the configuration is wrong; starling.ts ends with it on an older Node. */
  usage: 2,
  /** No agent answered. */
  unreachable: 3,
} as const
