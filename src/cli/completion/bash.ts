/** The completion script for bash, which needs no more than bash. */

import { type Flag, type Step, type Word, withAllBelow } from './grammar.ts'

/**
 * Words are split at blanks by ourselves: bash splits them at every colon too, and addresses have colons. What an agent
 * says is compared as text, never given to `compgen -W`, which would run what stands in it.
 */
export const bashScript = (program: Step): string => `# bash completion of starling
# Written by: starling completion bash

_starling_at() {
  # What the command $1 knows: further commands, options, what its values are
  commands='' options='' values=''
  case $1 in
${withAllBelow(program).map(stepCase).join('\n')}
  esac
}

_starling_option() {
  # What the value of option $2 of command $1 is; empty: it takes none
  case "$1 $2" in
${withAllBelow(program).flatMap(optionCases).join('\n')}
  *) kind='' ;;
  esac
}

_starling_propose() {
  # $1: what is wanted, as _starling_at says it; $2: what is written of it
  local word
  case $1 in
  any) ;;
  file)
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$2") ;;
  directory)
    compopt -o filenames 2>/dev/null
    while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -d -- "$2") ;;
  ask:*)
    while IFS= read -r word; do
      [[ $word == "$2"* ]] && COMPREPLY+=("$word")
    done < <(starling complete "\${1#ask:}" -- "\${words[@]}" 2>/dev/null) ;;
  *)
    for word in $1; do [[ $word == "$2"* ]] && COMPREPLY+=("$word"); done ;;
  esac
}

_starling() {
  local line=\${COMP_LINE:0:COMP_POINT} words written path='' count=0 word kind='' dropped
  local commands options values
  COMPREPLY=()
  read -ra words <<<"$line"
  # Behind a blank a new word begins
  [[ $line == *[[:blank:]] ]] && words+=('')
  written=\${words[-1]}
  _starling_at ''
  for word in "\${words[@]:1:\${#words[@]}-2}"; do
    if [[ $kind != '' ]]; then kind=''; continue; fi
    if [[ $word == -* ]]; then
      [[ $word == *=* ]] || _starling_option "$path" "$word"
    elif [[ " $commands " == *" $word "* ]]; then
      path="\${path:+$path }$word"
      _starling_at "$path"
    else
      count=$((count + 1))
    fi
  done
  if [[ $kind == '' && $written == --*=* ]]; then
    _starling_option "$path" "\${written%%=*}"
    written=\${written#*=}
    _starling_propose "\${kind:-any}" "$written"
  elif [[ $kind != '' ]]; then
    _starling_propose "$kind" "$written"
  elif [[ $written == -* ]]; then
    _starling_propose "$options" "$written"
  elif [[ $commands != '' ]]; then
    _starling_propose "$commands" "$written"
  else
    local -a each
    IFS=';' read -ra each <<<"$values"
    [[ $values == *';*' ]] && ((count >= \${#each[@]} - 1)) && count=$((\${#each[@]} - 2))
    _starling_propose "\${each[count]-any}" "$written"
  fi
  # bash replaces only what follows the last colon
  if [[ $written == *:* && $COMP_WORDBREAKS == *:* ]]; then
    dropped=\${written%"\${written##*:}"}
    COMPREPLY=("\${COMPREPLY[@]#"$dropped"}")
  fi
}

complete -F _starling starling
`

function stepCase({ path, steps, flags, values, isVariadic }: Step): string {
  const commands = steps.map((step) => step.path.at(-1)).join(' ')
  const options = flags.flatMap(({ names }) => names).join(' ')
  const kinds = [...values.map(kindOf), ...(isVariadic ? ['*'] : [])].join(';')
  return `  '${path.join(' ')}') commands='${commands}' options='${options}' values='${kinds}' ;;`
}

const optionCases = ({ path, flags }: Step): string[] =>
  flags.filter(takesValue).map(({ names, value }) => {
    const patterns = names.map((name) => `'${path.join(' ')} ${name}'`).join(' | ')
    return `  ${patterns}) kind='${kindOf(value)}' ;;`
  })

const takesValue = (flag: Flag): flag is Flag & { value: Word } => flag.value !== undefined

/** `any`: nothing is proposed for it; no command is called so. */
function kindOf(word: Word): string {
  switch (word.type) {
    case 'anything':
      return 'any'
    case 'one-of':
      return word.words.join(' ')
    case 'asked':
      return `ask:${word.what}`
    case 'file':
    case 'directory':
      return word.type
    default:
      return word satisfies never
  }
}
