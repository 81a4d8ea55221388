/** The completion script for fish. */

import { type Flag, type Step, shortened, type Word, withAllBelow } from './grammar.ts'

export const fishScript = (program: Step): string => `# fish completion of starling
# Written by: starling completion fish

function __starling_words
    # The words of the line that are no options
    commandline -opc | string match --invert -- '-*'
end

function __starling_at
    # Whether the line has come to exactly this command
    set -l words (__starling_words)
    test "$words[2..]" = "$argv"
end

function __starling_in
    # Whether the line has come to this command, or behind it
    set -l words (__starling_words)
    string match --quiet -- "$argv *" "$words[2..] "
end

function __starling_ask
    starling complete $argv[1] -- (commandline -opc) 2>/dev/null
end

complete -c starling -f
${withAllBelow(program).flatMap(stepLines).join('\n')}
`

function stepLines({ path, steps, flags, values }: Step): string[] {
  const at = `-n '__starling_at${path.map((word) => ` ${word}`).join('')}'`
  const within = path.length === 0 ? at : `-n '__starling_in ${path.join(' ')}'`
  return [
    ...steps.map(
      (step) =>
        `complete -c starling ${at} -f -a ${step.path.at(-1)} -d ${quoted(shortened(step.about))}`,
    ),
    ...flags.map((flag) => `complete -c starling ${within} ${flagText(flag)}`),
    ...values.slice(0, 1).map((value) => `complete -c starling ${within} ${wordText(value)}`),
  ]
}

function flagText({ names, about, value }: Flag): string {
  const spelt = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  )
  const takes = value === undefined ? '' : ` -r ${wordText(value)}`
  return `${spelt.join(' ')}${takes} -d ${quoted(shortened(about))}`
}

function wordText(word: Word): string {
  switch (word.type) {
    case 'anything':
      return '-f'
    case 'one-of':
      return `-f -a ${quoted(word.words.join(' '))}`
    case 'file':
      return '-F'
    case 'directory':
      return `-f -a '(__fish_complete_directories)'`
    case 'asked':
      return `-f -a '(__starling_ask ${word.what})'`
    default:
      return word satisfies never
  }
}

const quoted = (text: string): string => `'${text.replace(/[\\']/g, '\\$&')}'`
