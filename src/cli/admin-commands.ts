/** `starling admin`: what the operator does on a machine of his own, and how its outcome gets into a cluster. */

import { homedir } from 'node:os'
import { join } from 'node:path'
import { type Command, InvalidArgumentError, Option } from 'commander'
import type {
  AdmitOptions,
  InitOptions,
  RevokeOptions,
  ShowOptions,
  TokenOptions,
} from './admin.ts'
import { type Means, shared } from './means.ts'
import type { Shared } from './session.ts'

export function addAdmin({ program, run }: Means): void {
  const admin = program
    .command('admin')
    .description('Admit nodes by name; for the machine of the operator, off the cluster.')
    .helpGroup('Admission:')
  const directory = () =>
    new Option('--dir <directory>', 'where the operator key is').default(
      join(homedir(), '.starling-operator'),
    )
  const offline = (name: string, about: string): Command =>
    admin.command(name).description(about).option('--json', 'print JSON')
  const signing = (name: string, about: string): Command =>
    offline(name, about)
      .addOption(directory())
      .option('--out <file>', 'write to a file that is not there yet')

  offline('init', "Make an operator's key.")
    .addOption(directory())
    .option('--cluster <name>', 'cluster whose nodes it admits', 'starling')
    .action(run(async (options: InitOptions) => (await import('./admin.ts')).init(options)))
  signing('admit', 'Sign the certificate of a node.')
    .argument('<node-id>', 'id of the node, which starling status shows there')
    .requiredOption('--name <name>', 'name of the node')
    .option('--prefix <prefix...>', 'subnet that the node must claim, one per family')
    .option('--announce <prefixes...>', 'further prefixes that it may announce', commas)
    .option('--until <time>', 'a date, or a time from now such as 90d')
    .action(
      run(async (node: string, options: AdmitOptions) =>
        (await import('./admin.ts')).admit(node, options),
      ),
    )
  signing('revoke', 'Revoke a node or a join token: sign its end.')
    .argument('<id>', 'of a node or a token')
    .action(
      run(async (id: string, options: RevokeOptions) =>
        (await import('./admin.ts')).revoke(id, options),
      ),
    )
  signing('token', 'Make join tokens: each admits one node.')
    .option('--count <number>', 'how many', count, 1)
    .option(
      '--until <time>',
      'until when their nodes are admitted: a date, or a time from now such as 90d',
    )
    .option(
      '--name-pattern <pattern>',
      'names that their nodes may have; * stands for any text',
      '*',
    )
    .action(run(async (options: TokenOptions) => (await import('./admin.ts')).token(options)))
  offline('show', 'Print what certificates, revocations and tokens in a file say.')
    .argument('<file>', '- means standard input')
    .action(
      run(async (file: string, options: ShowOptions) =>
        (await import('./admin.ts')).show(file, options),
      ),
    )
  shared(
    admin.command('install'),
    'Give a running agent its certificate, or the cluster a revocation.',
  )
    .argument('<file>', '- means standard input')
    .action(
      run(async (file: string, options: Shared) =>
        (await import('./admin.ts')).install(file, options),
      ),
    )
}

function count(text: string): number {
  const value = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0
  if (value >= 1 && value <= 1_000) return value
  throw new InvalidArgumentError('Give a number from 1 to 1000.')
}

const commas = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(',').filter((part) => part !== ''),
]
