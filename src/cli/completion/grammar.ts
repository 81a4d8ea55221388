/** What can stand where on the command line, for those who write completions of it. */

import type { Argument, Command, Option } from 'commander'

/** What a word may be. */
export type Word =
  | { readonly type: 'anything' | 'file' | 'directory' }
  | { readonly type: 'one-of'; readonly words: readonly string[] }
  /** Only a running agent knows them: `starling complete` asks it. */
  | { readonly type: 'asked'; readonly what: Asked }

export type Asked = 'nodes' | 'announced' | 'places'

export interface Flag {
  /** Such as `-V` and `--version`. */
  readonly names: readonly string[]
  readonly about: string
  /** Undefined: it takes no value. */
  readonly value: Word | undefined
  readonly isRepeatable: boolean
}

export interface Step {
  /** From the program on: `ip`, `list`. */
  readonly path: readonly string[]
  readonly about: string
  readonly steps: readonly Step[]
  readonly flags: readonly Flag[]
  readonly values: readonly Word[]
  /** Whether the last of the values may be given again and again. */
  readonly isVariadic: boolean
}

/** `topics`: what `starling help` explains besides commands. */
export function grammarOf(program: Command, topics: readonly string[]): Step {
  const commands = program.commands.filter(isShown).map((each) => each.name())
  return stepOf(program, [], new Map([['help', oneOf([...commands, ...topics])]]))
}

/** What a shell has room for of a description: its first sentence. */
export const shortened = (about: string): string =>
  about.replace(/([a-z)])[.:;] .*$/s, '$1').replace(/\.$/, '')

export const withAllBelow = (step: Step): Step[] => [step, ...step.steps.flatMap(withAllBelow)]

function stepOf(command: Command, path: readonly string[], known: ReadonlyMap<string, Word>): Step {
  const name = path.join(' ')
  const { registeredArguments: values } = command
  return {
    path,
    about: command.description(),
    steps: command.commands
      .filter(isShown)
      .map((each) => stepOf(each, [...path, each.name()], known)),
    flags: command.createHelp().visibleOptions(command).map(flagOf),
    values: values.map((value) => known.get(name) ?? valueWord(name, value)),
    isVariadic: values.at(-1)?.variadic === true,
  }
}

/** Commander keeps to itself what it hides. */
export const isShown = (command: Command): boolean => command.name() !== 'complete'

function flagOf(option: Option): Flag {
  const names = [option.short, option.long].filter((each) => each !== undefined)
  const value = /[<[](.*?)(\.\.\.)?[>\]]$/.exec(option.flags)?.[1]
  return {
    names,
    about: option.description,
    value: value === undefined ? undefined : flagWord(value),
    isRepeatable: option.variadic || /Repeatable\./.test(option.description),
  }
}

/** By the name that help gives a value. */
function flagWord(name: string): Word {
  if (name === 'path' || name === 'file') return { type: 'file' }
  if (name === 'directory') return { type: 'directory' }
  return name.includes('|') ? oneOf(name.split('|')) : { type: 'anything' }
}

function valueWord(command: string, argument: Argument): Word {
  if (argument.argChoices) return oneOf(argument.argChoices)
  if (command === 'evict') return { type: 'asked', what: 'nodes' }
  if (command === 'withdraw') return { type: 'asked', what: 'announced' }
  if (command === 'explain') return { type: 'asked', what: 'places' }
  return argument.name() === 'file' ? { type: 'file' } : { type: 'anything' }
}

const oneOf = (words: readonly string[]): Word => ({ type: 'one-of', words })
