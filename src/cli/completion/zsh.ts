/** The completion script for zsh. */

import { type Flag, type Step, shortened, type Word, withAllBelow } from './grammar.ts'

export const zshScript = (program: Step): string => `#compdef starling
# zsh completion of starling
# Written by: starling completion zsh

_starling_ask() {
  # The last argument is ours, those before it are for compadd. $_starling_line is the whole line: $words begins with the command
  local -a found
  found=("\${(@f)$(starling complete $argv[-1] -- "\${_starling_line[@]}" 2>/dev/null)}")
  found=(\${found:#})
  (($#found)) && compadd "\${(@)argv[1,-2]}" -a found
}

${withAllBelow(program).map(stepFunction).join('\n\n')}

_starling() {
  local -a _starling_line=($words)
  _starling_at
}

# Sourced, or autoloaded by the completion system
if [[ $funcstack[1] == _starling ]]; then
  _starling "$@"
else
  compdef _starling starling
fi
`

function stepFunction({ path, steps, flags, values, isVariadic }: Step): string {
  const name = nameOf(path)
  const specs = [
    ...flags.map(flagSpec),
    ...(steps.length > 0
      ? [`'1: :->command'`, `'*:: :->below'`]
      : values.map((value, at) => {
          const place = isVariadic && at === values.length - 1 ? '*' : at + 1
          return `'${place}: :${action(value)}'`
        })),
  ]
  const below =
    steps.length === 0
      ? ''
      : `
  case $state in
  command)
    local -a commands=(
${steps.map((step) => `      ${quoted(`${step.path.at(-1)}:${shortened(step.about)}`)}`).join('\n')}
    )
    _describe command commands ;;
  below)
    case $line[1] in
${steps.map((step) => `    ${step.path.at(-1)}) ${nameOf(step.path)} ;;`).join('\n')}
    esac ;;
  esac`
  return `${name}() {
  local context state state_descr line
  typeset -A opt_args
  _arguments ${steps.length > 0 ? '-C ' : ''}-s ${specs.map((spec) => `\\\n    ${spec}`).join(' ')}${below}
}`
}

const nameOf = (path: readonly string[]): string => ['_starling_at', ...path].join('_')

function flagSpec({ names, about, value, isRepeatable }: Flag): string {
  const text = `[${shortened(about).replace(/[\][:\\]/g, '\\$&')}]${value ? `: :${action(value)}` : ''}`
  const others = isRepeatable ? '*' : names.length > 1 ? `(${names.join(' ')})` : ''
  // With `=` the value may stand in the same word, or in the next.
  const spelt = names.map((name) => (value && name.startsWith('--') ? `${name}=` : name))
  if (spelt.length === 1) return quoted(`${others}${spelt[0]}${text}`)
  return `${quoted(others)}{${spelt.join(',')}}${quoted(text)}`
}

function action(word: Word): string {
  switch (word.type) {
    case 'anything':
      // A blank: a word that nothing is proposed for.
      return ' '
    case 'one-of':
      return `(${word.words.join(' ')})`
    case 'file':
      return '_files'
    case 'directory':
      return '_files -/'
    case 'asked':
      return `_starling_ask ${word.what}`
    default:
      return word satisfies never
  }
}

const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`
