/** The man page, made of the commands, settings and examples that the command line knows. */

import type { Argument, Command, Option } from 'commander'
import { createProgram } from '../src/cli/cli.ts'
import { isShown } from '../src/cli/completion/grammar.ts'
import { examples } from '../src/cli/examples.ts'
import { describeSettings } from '../src/cli/settings-help.ts'

/** Written by hand, for no command knows it. */
const files: readonly (readonly [path: string, about: string])[] = [
  ['/etc/default/starling', 'Settings of the service, as variables.'],
  ['/run/starling/starling.sock', 'Socket of the agent.'],
  ['/var/lib/starling', "This node's identity, its claim, what it knows of others, and leases."],
]

const variables: readonly (readonly [name: string, about: string])[] = [
  ['STARLING_SOCKET', 'Socket of the agent, for all commands and for the agent itself.'],
  ['STARLING_CONFIG', 'File that the agent reads its settings from.'],
  ['DOCKER_HOST', 'Socket of dockerd, for docker network.'],
  ['NO_COLOR', 'Colour is used on a terminal alone, and not where this is set.'],
]

const exitCodes: readonly (readonly [code: string, about: string])[] = [
  ['0', 'Fine.'],
  ['1', 'The agent refused, or something is not well.'],
  ['2', 'The command line or the configuration is wrong.'],
  ['3', 'No agent answered.'],
]

/** In mdoc, for section 1. */
export function manual(date: Date): string {
  const program = createProgram({ code: 0 })
  const agent = program.commands.find((command) => command.name() === 'agent')
  if (!agent) throw new Error('the command line has no agent')
  describeSettings(program)
  const day = date.toLocaleDateString('en-US', { dateStyle: 'long', timeZone: 'UTC' })
  const lines = [
    `.Dd ${day}`,
    '.Dt STARLING 1',
    '.Os',
    '.Sh NAME',
    '.Nm starling',
    // No full stop, as man pages have it.
    `.Nd ${escaped(program.description().replace(/\.$/, ''))}`,
    '.Sh SYNOPSIS',
    '.Nm',
    '.Ar command',
    '.Op Ar options',
    '.Sh COMMANDS',
    'Each takes',
    '.Fl -help ,',
    'which shows examples, too.',
    'The codes of problems, events and failures are explained by',
    '.Nm',
    '.Cm help',
    '.Ar code .',
    ...list(leaves(program).flatMap(commandLines)),
    '.Sh SETTINGS',
    'Of',
    '.Nm',
    '.Cm agent',
    'and',
    '.Nm',
    '.Cm config .',
    'Flags go over variables, such as',
    '.Ev STARLING_SEED ,',
    'variables go over the file.',
    ...groupsOf(agent).flatMap(([group, options]) => [
      `.Ss ${escaped(group)}`,
      ...list(options.flatMap(optionLines)),
    ]),
    '.Sh ENVIRONMENT',
    'Every setting of the agent is also a variable.',
    'Besides there are:',
    ...list(variables.flatMap(([name, about]) => [`.It Ev ${name}`, ...sentences(about)])),
    '.Sh FILES',
    ...list(files.flatMap(([path, about]) => [`.It Pa ${path}`, ...sentences(about)])),
    '.Sh EXIT STATUS',
    ...list(exitCodes.flatMap(([code, about]) => [`.It ${code}`, ...sentences(about)])),
    '.Sh EXAMPLES',
    // No space before the first.
    ...leaves(program)
      .flatMap(({ name }) => exampleLines(name))
      .slice(1),
    '.Sh SEE ALSO',
    'The documentation in',
    '.Pa /usr/share/doc/starling/docs ,',
    'of which',
    '.Pa operations.md',
    'says what to do about each problem.',
  ]
  return `${lines.join('\n')}\n`
}

const list = (items: readonly string[]): string[] => ['.Bl -tag -width Ds', ...items, '.El']

/** The commands that do something, with their whole names: those that have commands below do nothing themselves. */
function leaves(command: Command, above = ''): { name: string; command: Command }[] {
  return command.commands.filter(isShown).flatMap((each) => {
    const name = `${above}${each.name()}`
    return each.commands.length > 0 ? leaves(each, `${name} `) : [{ name, command: each }]
  })
}

function commandLines({ name, command }: { name: string; command: Command }): string[] {
  // Those of the agent are a section of their own.
  const options = name === 'agent' ? [] : command.options
  return [
    `.It Cm ${name}${command.registeredArguments.map(argumentWords).join('')}`,
    ...sentences(command.description()),
    ...(options.length > 0 ? list(options.flatMap(optionLines)) : []),
  ]
}

const exampleLines = (name: string): string[] =>
  (examples.get(name) ?? []).flatMap(({ about, line }) => [
    '.Pp',
    ...sentences(about),
    '.Bd -literal -offset indent -compact',
    escaped(line),
    '.Ed',
  ])

function argumentWords(argument: Argument): string {
  const words = ` Ar ${escaped(argument.name().replaceAll('|', ' | '))}${argument.variadic ? ' ...' : ''}`
  return argument.required ? words : ` Op${words}`
}

function optionLines(option: Option): string[] {
  // "--timeout <seconds>", "-V, --version", "--address <address...>"
  const words = option.flags.split(/,? +/).map((word) => {
    const value = /^[<[](.*?)(\.\.\.)?[>\]]$/.exec(word)
    if (!value) return `Fl ${escaped(word.slice(1))}`
    return `Ar ${escaped(value[1] ?? '')}${value[2] ? ' ...' : ''}`
  })
  const usual = [option.defaultValue].flat().join(', ')
  return [
    `.It ${words.join(' ')}`,
    ...sentences(option.description),
    ...(usual === '' ? [] : sentences(`Default: ${usual}.`)),
  ]
}

function groupsOf(command: Command): [string, Option[]][] {
  const groups = new Map<string, Option[]>()
  for (const option of command.options) {
    const group = (option.helpGroupHeading ?? 'Options:').replace(/:$/, '')
    groups.set(group, [...(groups.get(group) ?? []), option])
  }
  return [...groups]
}

/** Each on lines of its own, none of them too long, as mdoc asks. */
function sentences(text: string): string[] {
  return text
    .replace(/^[a-z]/, (letter) => letter.toUpperCase())
    .replace(/([^.!?:])$/, '$1.')
    .split(/(?<=[.!?]) +(?=[A-Z0-9])/)
    .flatMap(wrapped)
    .map(escaped)
}

/** In lines of at most 72 characters, but for longer words. */
export const wrapped = (text: string): string[] =>
  text.replace(/\s+/g, ' ').match(/\S.{0,70}\S(?= |$)|\S+/g) ?? []

/** No control line, no escape and no macro, whatever the text says. */
const escaped = (text: string): string =>
  text.replaceAll('\\', '\\e').replace(/^(?=[.'])|^(?=[A-Z][a-z]$)/, '\\&')
