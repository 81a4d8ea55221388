/** The command line: which commands there are and what each takes. */

import { Command, CommanderError } from 'commander'
import { version } from '../version.ts'
import { addAdmin } from './admin-commands.ts'
import { addChange } from './change-commands.ts'
import { addContainers } from './container-commands.ts'
import { addExamples } from './examples.ts'
import { exitCode } from './exit-code.ts'
import { takesSettings } from './means.ts'
import { addSee } from './see-commands.ts'
import { addWords } from './word-commands.ts'

/** Performs one command line and returns its exit code. */
export async function runCli(args: readonly string[]): Promise<number> {
  endQuietlyWithReader()
  if (args.length === 0) return (await import('./first-steps.ts')).firstSteps()
  const [command, ...rest] = args
  const asksForHelp = rest.includes('--help') || rest.includes('-h')
  if (command === 'config' && !asksForHelp) return (await import('./config.ts')).config(rest)
  if (command === 'doctor' && !asksForHelp) return (await import('./doctor/doctor.ts')).doctor(rest)
  const outcome = { code: exitCode.fine as number }
  const program = createProgram(outcome)
  const [subject = ''] = command === 'help' ? rest : args
  if (takesSettings.includes(subject)) {
    ;(await import('./settings-help.ts')).describeSettings(program)
  }
  try {
    await program.parseAsync([...args], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown
    // Commander has printed its message; help that was asked for is no failure.
    return thrown.exitCode === 0 ? exitCode.fine : exitCode.usage
  }
  return outcome.code
}

/** Without the settings, which are many. */
export function createProgram(outcome: { code: number }): Command {
  const program = new Command('starling')
    .description('Container subnets and routes for every host of a cluster.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .exitOverride()
    .helpCommand(false)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error:/, 'starling:')) })
    .addHelpText(
      'after',
      '\nExit codes: 0 success, 1 refused or something is wrong, 2 wrong usage or configuration, 3 no agent answers.',
    )
  program
    .command('agent')
    .description('Run the agent of this host.')
    .option('--dry-run', 'print what it would change on this host, change nothing, and end')
    .option('--json', 'with --dry-run: print JSON')
    .helpGroup('Agent:')
  program
    .command('config')
    .description('Print the effective settings and where each comes from.')
    .option('--json', 'print JSON')
    .helpGroup('Agent:')
  program
    .command('doctor')
    .description('Look at this host and the way to others, and say how to mend what is wrong.')
    .option('--json', 'print JSON')
    .option('--all', 'ask the gateways of all nodes, not of 64')
    .option('--bundle <file>', 'write what a bug report needs, without secrets, to a new .tar.gz')
    .option('--anonymize', 'in the bundle, replace names and addresses')
    .helpGroup('See:')

  const run =
    <Arguments extends unknown[]>(perform: (...given: Arguments) => Promise<number>) =>
    async (...given: Arguments): Promise<void> => {
      outcome.code = await perform(...given)
    }
  const means = { program, run }
  addSee(means)
  addChange(means)
  addContainers(means)
  addAdmin(means)
  addWords(means)
  addExamples(program)
  return program
}

/** `starling routes | head` is no failure of ours. */
function endQuietlyWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(exitCode.fine)
    throw error
  })
}
