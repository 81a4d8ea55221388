/** Settings from the command line. */

import { parseArgs } from 'node:util'
import { type FieldKey, fieldKeys, fields } from './fields.ts'
import { fileFlag, flagOf, nearest } from './names.ts'
import type { Problem } from './problem.ts'
import { type Reading, type Source, splitList, type Written } from './source.ts'

export interface FlagSource extends Source {
  /** The value of `--config`. */
  readonly file: string | undefined
}

/** Reads all of `args`; `others` are flags without a value that the caller handles itself. */
export function readFlags(args: readonly string[], others: readonly string[]): FlagSource {
  const readings = new Map<FieldKey, Reading>()
  const problems: Problem[] = []
  let file: string | undefined
  let previous: Token | undefined
  for (const token of joined(tokenize(args, others))) {
    const before = previous
    previous = token
    if (token.kind === 'positional') {
      if (!belongsToMistake(before, others)) {
        problems.push({
          where: `argument ${JSON.stringify(token.value)}`,
          message: 'is not expected',
          mend: 'every setting is a flag with a value, such as --seed 10.0.1.70',
        })
      }
      continue
    }
    if (token.kind !== 'option') continue
    const flag = token.rawName
    if (others.includes(flag)) continue
    const key = keyByFlag.get(flag)
    const value = token.value ?? (isSwitch(flag) ? 'true' : undefined)
    if (key === undefined && flag !== fileFlag) {
      problems.push(unknownFlag(flag, others))
    } else if (value === undefined || isKnown(value, others)) {
      problems.push({ where: flag, message: 'has no value', mend: `write ${flag} VALUE` })
    } else if (key === undefined) {
      file = value
    } else {
      const written = writtenAt(key, flag, value)
      const earlier = readings.get(key)
      if (earlier && !fields[key].list) {
        problems.push({ where: flag, message: 'is given twice', mend: 'give it once' })
      }
      const values = [...(earlier?.values ?? []), ...written]
      readings.set(key, { from: 'flag', where: flag, values })
    }
  }
  return { readings, problems, file }
}

type Token =
  | { readonly kind: 'option'; readonly rawName: string; readonly value: string | undefined }
  | { readonly kind: 'positional'; readonly value: string }
  | { readonly kind: 'option-terminator' }

const keyByFlag: ReadonlyMap<string, FieldKey> = new Map(fieldKeys.map((key) => [flagOf(key), key]))

function tokenize(args: readonly string[], others: readonly string[]): readonly Token[] {
  const options = new Map<string, { type: 'string' | 'boolean' }>()
  for (const flag of [...keyByFlag.keys(), fileFlag]) {
    options.set(flag.slice(2), { type: isSwitch(flag) ? 'boolean' : 'string' })
  }
  for (const flag of others) options.set(flag.slice(2), { type: 'boolean' })
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(options),
    strict: false,
    tokens: true,
  })
  return tokens as readonly Token[]
}

/** A switch may be followed by its value: `--discover off`. */
function joined(tokens: readonly Token[]): readonly Token[] {
  return tokens.flatMap((token, index): Token[] => {
    const [before, after] = [tokens[index - 1], tokens[index + 1]]
    if (token.kind === 'option' && isBare(token) && after?.kind === 'positional') {
      return [isValueOf(token, after.value) ? { ...token, value: after.value } : token]
    }
    const isTaken =
      token.kind === 'positional' &&
      before?.kind === 'option' &&
      isBare(before) &&
      isValueOf(before, token.value)
    return isTaken ? [] : [token]
  })
}

type OptionToken = Extract<Token, { kind: 'option' }>

const isBare = ({ rawName, value }: OptionToken): boolean =>
  value === undefined && isSwitch(rawName)

function isValueOf({ rawName }: OptionToken, word: string): boolean {
  const key = keyByFlag.get(rawName)
  return key !== undefined && fields[key].type.safeParse([word]).success
}

function isSwitch(flag: string): boolean {
  const key = keyByFlag.get(flag)
  return key !== undefined && fields[key].isSwitch
}

const isKnown = (word: string, others: readonly string[]): boolean =>
  keyByFlag.has(word) || word === fileFlag || others.includes(word)

/** The word after an unknown flag, or after a flag that took another for its value: one mistake, one problem. */
const belongsToMistake = (before: Token | undefined, others: readonly string[]): boolean =>
  before?.kind === 'option' &&
  (!isKnown(before.rawName, others) ||
    (before.value !== undefined && isKnown(before.value, others)))

function unknownFlag(flag: string, others: readonly string[]): Problem {
  const known = nearest(flag, [...keyByFlag.keys(), fileFlag, ...others])
  return {
    where: flag,
    message: 'is an unknown flag',
    mend: known ? `did you mean ${known}?` : 'starling agent --help lists them all',
  }
}

function writtenAt(key: FieldKey, flag: string, value: string): Written[] {
  const texts = fields[key].list ? splitList(value) : [value]
  return texts.map((text) => ({ text, where: flag }))
}
