/** What a viewer must be told so that it knows what the board says: all of it, or what has changed. */

import { printable } from '../../core/printable.ts'

/** A head, and lists whose rows have keys. */
export interface Board {
  readonly head: object
  readonly lists: Readonly<Record<string, ReadonlyMap<string, object>>>
}

/** A board as text, row by row: what two of them differ in is told by comparing texts. */
export interface Written {
  readonly head: string
  readonly lists: ReadonlyMap<string, ReadonlyMap<string, string>>
}

export function written({ head, lists }: Board): Written {
  return {
    head: JSON.stringify(head),
    lists: new Map(
      Object.entries(lists).map(([name, rows]) => [
        name,
        new Map(rows.entries().map(([key, row]) => [key, textOf(row)])),
      ]),
    ),
  }
}

/** A row that stays the same object has not changed. */
function textOf(row: object): string {
  const known = texts.get(row)
  if (known !== undefined) return known
  const text = JSON.stringify(row)
  texts.set(row, text)
  return text
}

const texts = new WeakMap<object, string>()

/** Of all, as `changes` has it. */
export function whole({ head, lists }: Written): string {
  const parts = [...lists].map(([name, rows]) => part(name, [...rows], []))
  return `{"head":${printableJson(head)},"lists":{${parts.join(',')}}}`
}

/** `{ head?, lists: { NAME: { set: [[key, row]...], gone: [key...] } } }` as JSON; undefined: nothing has changed. */
export function changes(before: Written, after: Written): string | undefined {
  const parts: string[] = []
  for (const [name, rows] of after.lists) {
    const old = before.lists.get(name) ?? new Map<string, string>()
    const set = [...rows.entries().filter(([key, row]) => old.get(key) !== row)]
    const gone = [...old.keys().filter((key) => !rows.has(key))]
    if (set.length + gone.length > 0) parts.push(part(name, set, gone))
  }
  const head = before.head === after.head ? '' : `"head":${printableJson(after.head)},`
  if (head === '' && parts.length === 0) return undefined
  return `{${head}"lists":{${parts.join(',')}}}`
}

/** Any other JSON that a browser is sent. */
export const told = (value: object): string => printableJson(JSON.stringify(value))

function part(
  name: string,
  set: readonly (readonly [string, string])[],
  gone: readonly string[],
): string {
  const rows = set.map(([key, row]) => printableJson(`[${JSON.stringify(key)},${row}]`))
  return `${JSON.stringify(name)}:{"set":[${rows.join(',')}],"gone":${printableJson(JSON.stringify(gone))}}`
}

/**
 * Names and errors come from other machines: none may turn the direction of text, or hide a part of it. JSON writes the
 * lower control characters as escapes, after an even number of backslashes.
 */
function printableJson(json: string): string {
  if (plain.test(json)) return json
  return printable(
    json.replace(/\\(?:[bfnrt]|u00[01][0-9a-f]|(.))/g, (sequence, other: string | undefined) =>
      other === undefined ? '?' : sequence,
    ),
  )
}

/** What most rows are made of: the rest of it is not looked at. */
const plain = /^[ -[\]-~]*$/
