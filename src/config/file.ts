/** Settings from a YAML file, and the key from a file of its own. */

import { readFileSync } from 'node:fs'
import { isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml'
import { type FieldKey, fieldKeys, fields } from './fields.ts'
import { nearest } from './names.ts'
import type { Problem } from './problem.ts'
import type { Reading, Source, Written } from './source.ts'
import { key as clusterKey } from './text.ts'

export function readFile(path: string, namedBy: string): Source {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    const message = `cannot read ${path}: ${errorText(thrown)}`
    return empty([{ where: namedBy, message, mend: 'name a readable file' }])
  }
  return readYaml(text, path)
}

/** The cluster key in `path`, or what is wrong with the file. */
export function readKeyFile(path: string, where: string): string | Problem {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    const message = `cannot read ${path}: ${errorText(thrown)}`
    return { where, message, mend: 'name a file that the agent can read' }
  }
  const result = clusterKey.safeParse(text.trim())
  if (result.success) return result.data
  return {
    where: path,
    message: 'does not hold exactly 64 hex digits',
    mend: `make a key with: openssl rand -hex 32 > ${path}`,
  }
}

/** The keys in `path`, one a line, or what is wrong with the file. */
export function readKeysFile(path: string, where: string): readonly string[] | Problem {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (thrown) {
    const message = `cannot read ${path}: ${errorText(thrown)}`
    return { where, message, mend: 'name a file that the agent can read' }
  }
  const lines = text.split('\n').map((line) => line.trim())
  const results = lines.filter((line) => line !== '').map((line) => clusterKey.safeParse(line))
  const keys = results.flatMap((result) => (result.success ? [result.data] : []))
  if (keys.length === results.length && keys.length <= acceptedMax) return keys
  return {
    where: path,
    message: `does not hold up to ${acceptedMax} lines of exactly 64 hex digits`,
    mend: 'write one key a line',
  }
}

const acceptedMax = 4

/** Words rather than numbers of the operating system. */
function errorText(thrown: unknown): string {
  const code = (thrown as NodeJS.ErrnoException).code
  if (code === 'ENOENT') return 'it does not exist'
  if (code === 'EACCES') return 'permission denied'
  if (code === 'EISDIR') return 'it is a directory'
  return thrown instanceof Error ? thrown.message : String(thrown)
}

function readYaml(text: string, path: string): Source {
  const lines = new LineCounter()
  // Every scalar stays as it was written: a key of 64 decimal digits is no number, `no` is no boolean.
  const document = parseDocument(text, { schema: 'failsafe', lineCounter: lines })
  const at = (offset: number): string => `${path}:${lines.linePos(offset).line}`
  if (document.errors.length > 0) {
    return empty(
      document.errors.map((error) => ({
        where: at(error.pos[0]),
        message: error.message.split(/ at line |\n/)[0] ?? 'is no YAML',
        mend: 'correct the YAML',
      })),
    )
  }
  const root = document.contents
  if (root === null) return empty([])
  if (!isMap(root)) {
    return empty([{ where: path, message: 'is no map', mend: 'write lines of key: value' }])
  }
  const readings = new Map<FieldKey, Reading>()
  const problems: Problem[] = []
  for (const pair of root.items) {
    const keyNode = pair.key as Node | null
    const where = at(keyNode?.range?.[0] ?? 0)
    const name = isScalar(keyNode) ? String(keyNode.value) : ''
    const key = fieldKeys.find((known) => known === name)
    if (key === undefined) {
      problems.push(unknownKey(name, where))
      continue
    }
    const values = valuesOf(key, pair.value as Node | null, at)
    if (Array.isArray(values)) readings.set(key, { from: 'file', where, values })
    else problems.push({ where, message: `${key} ${values.message}`, mend: values.mend })
  }
  return { readings, problems }
}

const empty = (problems: readonly Problem[]): Source => ({ readings: new Map(), problems })

function valuesOf(
  key: FieldKey,
  node: Node | null,
  at: (offset: number) => string,
): Written[] | { message: string; mend: string } {
  if (node === null || (isScalar(node) && node.value === '')) {
    return { message: 'has no value', mend: 'write one or remove the line' }
  }
  const { list } = fields[key]
  const nodes = list && isSeq(node) ? node.items : [node]
  const values: Written[] = []
  for (const item of nodes) {
    if (!isScalar(item)) {
      return list
        ? { message: 'is no list of plain values', mend: `write ${key}: [a, b]` }
        : { message: 'is no plain value', mend: `write ${key}: VALUE` }
    }
    values.push({ text: String(item.value), where: at(item.range?.[0] ?? 0) })
  }
  return values
}

function unknownKey(name: string, where: string): Problem {
  const known = nearest(name, fieldKeys)
  return {
    where,
    message: `${JSON.stringify(name)} is an unknown key`,
    mend: known ? `did you mean ${known}?` : 'docs/configuration.md lists them all',
  }
}
