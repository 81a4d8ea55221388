/** Commands that explain the others, and complete their words. */

import type { Means } from './means.ts'

export function addWords({ program, run }: Means): void {
  program
    .command('help')
    .description('Explain a command, or a code such as route-alien; needs no agent.')
    .argument('[command|code...]')
    .helpGroup('Help:')
    .action(run(async (topic: string[]) => (await import('./help.ts')).help(program, topic)))
}
