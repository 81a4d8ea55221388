/** Commands that explain the others, and complete their words. */

import { Argument } from 'commander'
import type { Shell } from './completion/completion.ts'
import type { Asked } from './completion/grammar.ts'
import type { Means } from './means.ts'

export function addWords({ program, run }: Means): void {
  program
    .command('help')
    .description('Explain a command, or a code such as route-alien; needs no agent.')
    .argument('[command|code...]')
    .helpGroup('Help:')
    .action(run(async (topic: string[]) => (await import('./help.ts')).help(program, topic)))
  program
    .command('completion')
    .description('Print the script by which a shell completes commands, options and names.')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .helpGroup('Help:')
    .action(
      run(async (shell: Shell) =>
        (await import('./completion/completion.ts')).completion(program, shell),
      ),
    )
  // For those scripts.
  program
    .command('complete', { hidden: true })
    .addArgument(new Argument('<what>').choices(['nodes', 'announced', 'places']))
    .argument('[words...]')
    .action(
      run(async (what: Asked, words: string[]) =>
        (await import('./completion/complete.ts')).complete(what, words),
      ),
    )
}
