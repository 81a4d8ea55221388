/** `starling completion`: prints the script by which a shell completes words of `starling`. */

import type { Command } from 'commander'
import { exitCode } from '../exit-code.ts'
import { codeNames } from '../help.ts'
import { describeSettings } from '../settings-help.ts'
import { bashScript } from './bash.ts'
import { fishScript } from './fish.ts'
import { grammarOf } from './grammar.ts'
import { zshScript } from './zsh.ts'

const scripts = { bash: bashScript, zsh: zshScript, fish: fishScript } as const

export type Shell = keyof typeof scripts

export function completion(program: Command, shell: Shell): number {
  process.stdout.write(completionScript(program, shell))
  return exitCode.fine
}

/** `program` has no settings yet. */
export function completionScript(program: Command, shell: Shell): string {
  describeSettings(program)
  return scripts[shell](grammarOf(program, codeNames))
}
