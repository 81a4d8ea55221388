/** Signs and shows an operator's papers, with a key that never leaves this machine; installs them on a host. */

import { randomBytes } from 'node:crypto'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { type Prefix, parsePrefix } from '../core/ip/prefix.ts'
import { printable } from '../core/printable.ts'
import { type Certificate, paperLimits, type Revocation } from '../core/trust/paper.ts'
import {
  makeToken,
  operatorText,
  paperReader,
  papersIn,
  paperText,
  parseToken,
  signCertificate,
  signRevocation,
  type Token,
  tokenText,
} from '../wire/paper.ts'
import { isNodeId, keyPairFromSeed, nodeIdOf } from '../wire/signature.ts'
import { exitCode } from './exit-code.ts'
import { type Operator, openOperator, parseTime } from './operator-key.ts'
import { actionMs, fail, printJson, type Shared, withAgent } from './session.ts'

interface Offline {
  readonly json?: true
}

interface Signing extends Offline {
  readonly dir: string
  readonly out?: string
}

export interface InitOptions extends Offline {
  readonly dir: string
  readonly cluster: string
}

export interface AdmitOptions extends Signing {
  readonly name: string
  readonly prefix?: readonly string[]
  readonly announce?: readonly string[]
  readonly until?: string
}

export type RevokeOptions = Signing

export interface TokenOptions extends Signing {
  readonly count: number
  readonly until?: string
  readonly namePattern: string
}

export type ShowOptions = Offline

const namePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

export async function init(options: InitOptions): Promise<number> {
  const { dir, cluster } = options
  if (!namePattern.test(cluster)) return fail(options, 'usage', `${cluster} is not a cluster name`)
  const seed = randomBytes(32)
  const key = operatorText(keyPairFromSeed(seed).publicKey)
  const file = join(dir, 'key')
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await writeFile(file, printKey({ cluster, key, seed }), { flag: 'wx', mode: 0o600 })
  } catch (thrown) {
    const isThere = (thrown as NodeJS.ErrnoException).code === 'EEXIST'
    const message = isThere
      ? `${dir} already has an operator key, which is kept: name another directory with --dir`
      : `cannot write ${file}: ${String(thrown)}`
    return fail(options, isThere ? 'exists' : 'unwritable', message)
  }
  if (options.json) printJson({ operatorKey: key, cluster, file })
  else {
    console.log(`operator key of cluster ${cluster}: ${file}`)
    console.log('keep it off the hosts of the cluster, and keep a copy. Configure on every host:')
    console.log(`  operatorKey: ${key}`)
  }
  return exitCode.fine
}

const printKey = (of: { cluster: string; key: string; seed: Uint8Array }): string =>
  [
    'starling operator key 1',
    "# The private key of the cluster's operator. Keep it off the hosts of the cluster.",
    `cluster ${of.cluster}`,
    `public ${of.key}`,
    `seed ${Buffer.from(of.seed).toString('hex')}`,
    '',
  ].join('\n')

export async function admit(node: string, options: AdmitOptions): Promise<number> {
  if (!isNodeId(node)) return fail(options, 'usage', `${node} is not a node id`)
  const { name } = options
  if (!namePattern.test(name)) return fail(options, 'usage', `${name} is not a node name`)
  const pinned = prefixesOf(options.prefix)
  const announce = prefixesOf(options.announce)
  if (typeof pinned === 'string') return fail(options, 'usage', pinned)
  if (typeof announce === 'string') return fail(options, 'usage', announce)
  if (new Set(pinned.map(({ family }) => family)).size < pinned.length) {
    return fail(options, 'usage', 'a node has one subnet per family: give --prefix once for each')
  }
  if (announce.length > paperLimits.announce) {
    return fail(options, 'usage', `a certificate holds at most ${paperLimits.announce} prefixes`)
  }
  return signing(options, (operator, serial, notAfterMs) => {
    const { cluster, keys } = operator
    const content = { cluster, serial, node, name, pinned, announce, notAfterMs }
    const bytes = signCertificate(content, keys)
    const lines = [`# certificate of ${name} (${node}), cluster ${cluster}`, paperText(bytes)]
    return { lines, json: { kind: 'certificate', node, name, serial, paper: paperText(bytes) } }
  })
}

export async function revoke(id: string, options: RevokeOptions): Promise<number> {
  if (!isNodeId(id)) return fail(options, 'usage', `${id} is not the id of a node or a token`)
  return signing(options, ({ cluster, keys }, serial) => {
    const bytes = signRevocation({ cluster, serial, subject: id }, keys)
    const lines = [`# revocation of ${id}, cluster ${cluster}`, paperText(bytes)]
    return { lines, json: { kind: 'revocation', subject: id, serial, paper: paperText(bytes) } }
  })
}

export async function token(options: TokenOptions): Promise<number> {
  const { count, namePattern: names } = options
  if (!/^[A-Za-z0-9._*-]{1,64}$/.test(names)) {
    return fail(
      options,
      'usage',
      `${names} is not a name pattern: use letters, digits, . _ - and *`,
    )
  }
  return signing(options, ({ cluster, keys }, serial, notAfterMs) => {
    const grant = { cluster, serial, names, notAfterMs }
    const made = Array.from({ length: count }, () => makeToken(grant, keys, randomBytes(32)))
    const json = made.map((each) => ({ id: nodeIdOf(each.keys.publicKey), token: tokenText(each) }))
    return { lines: made.map(tokenText), json: { kind: 'tokens', serial, tokens: json } }
  })
}

export async function show(file: string, options: ShowOptions): Promise<number> {
  const written = await contents(file)
  if (written === undefined) return fail(options, 'unreadable', `cannot read ${file}`)
  const shown: Shown[] = []
  const read = paperReader([])
  for (const line of written.split('\n').map((each) => each.trim())) {
    if (line === '' || line.startsWith('#')) continue
    const made = parseToken(line)
    const [bytes] = papersIn(line) ?? []
    const paper = bytes && read(bytes)
    if (made) shown.push(shownToken(made))
    else if (typeof paper === 'object') shown.push(shownPaper(paper))
    else {
      const why = paper === undefined ? 'is neither a certificate, a revocation nor a token' : paper
      return fail(options, 'malformed', `a line of ${file} is refused: ${why}`)
    }
  }
  if (options.json) printJson({ papers: shown })
  else for (const each of shown) console.log(shownText(each))
  return exitCode.fine
}

export async function install(file: string, shared: Shared): Promise<number> {
  const written = await contents(file)
  if (written === undefined) return fail(shared, 'unreadable', `cannot read ${file}`)
  const papers = papersIn(written)
  if (!papers || papers.length === 0) {
    const message = `${file} holds neither a certificate nor a revocation: give it what starling admin admit or revoke printed`
    return fail(shared, 'usage', message)
  }
  return withAgent(shared, async (agent) => {
    const { message } = await agent.call('InstallCertificate', { papers }, actionMs)
    if (shared.json) printJson({ message })
    else console.log(printable(message))
    return exitCode.fine
  })
}

interface Shown {
  readonly kind: 'certificate' | 'revocation' | 'token'
  readonly cluster: string
  readonly serial: number
  /** Of the node or the token. */
  readonly id: string
  readonly name: string
  readonly prefixes: readonly string[]
  readonly announce: readonly string[]
  /** Empty: for ever. */
  readonly until: string
  readonly token: string
}

const plain = { name: '', prefixes: [], announce: [], until: '', token: '' } as const

function shownPaper(paper: Certificate | Revocation): Shown {
  const { kind, cluster, serial } = paper
  if (kind === 'revocation') return { ...plain, kind, cluster, serial, id: paper.subject }
  const { node: id, name, pinned, announce, notAfterMs, token: by = '' } = paper
  return {
    kind,
    cluster,
    serial,
    id,
    name,
    prefixes: pinned.map((prefix) => prefix.text),
    announce: announce.map((prefix) => prefix.text),
    until: timeText(notAfterMs),
    token: by,
  }
}

function shownToken({ keys, grant }: Token): Shown {
  const { cluster, serial, names: name, notAfterMs } = grant
  const until = timeText(notAfterMs)
  return { ...plain, kind: 'token', cluster, serial, id: nodeIdOf(keys.publicKey), name, until }
}

function shownText(shown: Shown): string {
  const facts: readonly (readonly [string, string])[] = [
    [shown.kind, shown.id],
    ['name', shown.name],
    ['cluster', shown.cluster],
    ['serial', `${shown.serial}`],
    ['subnet', shown.prefixes.join(', ')],
    ['announces', shown.announce.join(', ')],
    ['until', shown.until],
    ['by token', shown.token],
  ]
  return facts
    .filter(([, value]) => value !== '')
    .map(([label, value]) => `${label.padEnd(12)}${printable(value)}`)
    .join('\n')
}

function timeText(ms: number | undefined): string {
  if (ms === undefined) return ''
  const time = new Date(ms)
  return Number.isNaN(time.getTime()) ? `${ms}` : time.toISOString()
}

async function signing(
  options: Signing & { readonly until?: string },
  make: (
    operator: Operator,
    serial: number,
    notAfterMs: number | undefined,
  ) => { lines: readonly string[]; json: object },
): Promise<number> {
  const notAfterMs = options.until === undefined ? undefined : parseTime(options.until)
  if (options.until !== undefined && notAfterMs === undefined) {
    const message = `${options.until} is not a time in the future: write a date (2027-01-31) or a time from now (12h, 90d)`
    return fail(options, 'usage', message)
  }
  const operator = await openOperator(options.dir)
  if (typeof operator === 'string') return fail(options, 'no-operator-key', operator)
  const { lines, json } = make(operator, await operator.nextSerial(), notAfterMs)
  const printed = options.json ? `${JSON.stringify(json, null, 2)}\n` : `${lines.join('\n')}\n`
  if (options.out === undefined) process.stdout.write(printed)
  else {
    try {
      // A token is a secret, and nothing that is there is lost.
      await writeFile(options.out, printed, { flag: 'wx', mode: 0o600 })
    } catch (thrown) {
      return fail(options, 'unwritable', `cannot write ${options.out}: ${String(thrown)}`)
    }
  }
  return exitCode.fine
}

/** A text: which of them is none. */
function prefixesOf(written: readonly string[] = []): readonly Prefix[] | string {
  const prefixes: Prefix[] = []
  for (const each of written.flatMap((part) => part.split(','))) {
    const prefix = parsePrefix(each)
    if (!prefix) return `${each} is not a prefix: write address/length, such as 10.9.0.0/16`
    prefixes.push(prefix)
  }
  return prefixes
}

async function contents(file: string): Promise<string | undefined> {
  try {
    return file === '-' ? await text(process.stdin) : await readFile(file, 'utf8')
  } catch {
    // Whatever the reason, the caller names the file.
    return undefined
  }
}
