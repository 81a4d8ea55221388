/** What a report of a fault needs, in one file that holds no secret and, if asked, no name and no address. */

import { randomBytes, randomUUID } from 'node:crypto'
import { access, link, open, rm } from 'node:fs/promises'
import { hostname, release } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { ApiError, connectApi } from '../../adapters/api/client.ts'
import type { EventMessage, LeaseMessage, SettingMessage } from '../../adapters/api/definition.ts'
import { codeOf } from '../../adapters/doctor/fact.ts'
import { ask } from '../../adapters/doctor/program.ts'
import { answerMs } from '../session.ts'
import { eventJson } from '../watch.ts'
import { type Anonymize, anonymizer } from './anonymize.ts'
import { type Entry, packed } from './archive.ts'
import type { Facts, Line, Verdict, Way } from './check.ts'
import { namesIn } from './names.ts'
import { reportText } from './report.ts'

export interface Report {
  readonly verdict: Verdict
  readonly lines: readonly Line[]
  readonly reachability: readonly Way[]
}

export interface BundleOptions {
  readonly path: string
  readonly socket: string
  readonly anonymize: boolean
  /** What must not stand in it, wherever it came from. */
  readonly secrets: readonly string[]
  readonly facts: Facts
  /** Of an agent that would be started like this, for where none answers. */
  readonly settings: readonly SettingMessage[]
  readonly report: Report
}

/** Why no bundle can be written there; empty where one can. */
export async function refusal(path: string): Promise<string> {
  const isThere = await access(path).then(
    () => true,
    () => false,
  )
  return isThere ? `${path} is there already: remove it, or name another file` : ''
}

/** Resolves with what went wrong; empty: it is written. */
export async function packBundle(options: BundleOptions): Promise<string> {
  const { facts, path, socket } = options
  const told = await askFurther(socket)
  const settings = facts.agent?.settings ?? options.settings
  const missing = [...(facts.agent ? [] : [`agent: ${facts.absence}`]), ...told.missing]
  const contents: Contents = {
    objects: {
      'doctor.json': options.report,
      'settings.json': settings,
      'versions.json': await versions(facts),
      'sysctl.json': Object.fromEntries(facts.sysctls),
      ...(facts.agent && {
        'status.json': facts.agent.status,
        'claims.json': facts.agent.claims,
        'routes.json': facts.agent.routes,
        'peers.json': facts.agent.peers,
      }),
      ...(told.leases && { 'leases.json': told.leases }),
    },
    texts: {
      'doctor.txt': stripVTControlCharacters(
        reportText(options.report.lines, facts.ways).join('\n'),
      ),
    },
    lines: { 'events.jsonl': told.events.map((event) => JSON.parse(eventJson(event))) },
  }
  await addHost(contents, facts, missing)
  contents.texts['missing.txt'] = missing.join('\n')
  const replace = options.anonymize
    ? anonymizer(
        namesIn({
          agent: facts.agent,
          leases: told.leases?.leases ?? [],
          events: told.events,
          settings,
          links: [...facts.links.keys()],
          hostname: hostname(),
        }),
        randomBytes(32),
      )
    : (text: string) => text
  const entries = entriesOf(contents, (text) => replace(scrubbed(text, options.secrets)))
  try {
    await writeNew(path, await packed(entries, Date.now()))
    return ''
  } catch (thrown) {
    const code = codeOf(thrown)
    if (code === 'EEXIST') return `${path} is there already: remove it, or name another file`
    return `${path} cannot be written (${code}): name a file where you may write`
  }
}

interface Contents {
  readonly objects: Record<string, unknown>
  readonly texts: Record<string, string>
  /** One JSON document a line. */
  readonly lines: Record<string, readonly unknown[]>
}

function entriesOf({ objects, texts, lines }: Contents, clean: Anonymize): Entry[] {
  const entry = (name: string, text: string): Entry => ({ name: `${folder}/${name}`, text })
  return [
    ...Object.entries(objects).map(([name, value]) =>
      entry(name, `${JSON.stringify(cleaned(value, clean), null, 2)}\n`),
    ),
    ...Object.entries(texts).map(([name, text]) => entry(name, `${clean(text)}\n`)),
    ...Object.entries(lines).map(([name, values]) =>
      entry(name, values.map((value) => `${JSON.stringify(cleaned(value, clean))}\n`).join('')),
    ),
  ]
}

const folder = 'starling-doctor'

/** All texts of a value: keys stay, for they are no names but of settings of the kernel, which have interfaces in them. */
function cleaned(value: unknown, clean: Anonymize): unknown {
  if (typeof value === 'string') return clean(value)
  if (Array.isArray(value)) return value.map((each) => cleaned(each, clean))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key.includes('/') ? clean(key) : key,
      cleaned(inner, clean),
    ]),
  )
}

/** Settings come masked; this is for what somebody wrote where no secret belongs, a name or a comment of a rule. */
function scrubbed(text: string, secrets: readonly string[]): string {
  const known = secrets.reduce((left, secret) => left.replaceAll(secret, mask), text)
  return known
    .replace(/starling-token:[A-Za-z0-9_-]+/g, `starling-token:${mask}`)
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*-----END [A-Z ]*PRIVATE KEY-----/g, mask)
}

const mask = '********'

/** What the lines of the doctor do not need. */
async function askFurther(socket: string): Promise<{
  readonly leases: { readonly leases: readonly LeaseMessage[] } | undefined
  readonly events: readonly EventMessage[]
  readonly missing: readonly string[]
}> {
  try {
    const client = await connectApi(socket)
    try {
      const [leases, { events }] = await Promise.all([
        client.call('Leases', {}, answerMs),
        client.call('Events', { last: 0 }, answerMs),
      ])
      return { leases, events, missing: [] }
    } finally {
      client.close()
    }
  } catch (thrown) {
    if (!(thrown instanceof ApiError)) throw thrown
    return { leases: undefined, events: [], missing: [`leases, events: ${thrown.message}`] }
  }
}

async function addHost(contents: Contents, facts: Facts, missing: string[]): Promise<void> {
  const shows = [
    ...[4, 6].flatMap((family) => [
      { name: `ip-route${family}.json`, words: [`-${family}`, 'route', 'show', 'table', 'all'] },
      { name: `ip-rule${family}.json`, words: [`-${family}`, 'rule'] },
    ]),
    ...['addr', 'link', 'neigh'].map((what) => ({ name: `ip-${what}.json`, words: [what] })),
  ]
  for (const { name, words } of shows) {
    const shown = await ask('ip', '-j', ...words)
    if (shown.isKnown) contents.objects[name] = JSON.parse(shown.value.trim() || '[]')
    else missing.push(`${name}: ${shown.why}; ${shown.mend}`)
  }
  const ruleset = await ask('nft', 'list', 'ruleset')
  if (ruleset.isKnown) contents.texts['nft.txt'] = ruleset.value
  else missing.push(`nft.txt: ${ruleset.why}; ${ruleset.mend}`)
  if (facts.iptables.isKnown) {
    for (const { program, saved: text } of facts.iptables.value) {
      contents.texts[`${program}-save.txt`] = text
    }
  } else missing.push(`iptables: ${facts.iptables.why}; ${facts.iptables.mend}`)
}

async function versions(facts: Facts): Promise<object> {
  const said = await Promise.all(
    [['ip', '-V'] as const, ['nft', '-v'] as const, ['iptables', '-V'] as const].map(
      async ([program, flag]) => {
        const answer = await ask(program, flag)
        return [program, answer.isKnown ? answer.value.trim() : answer.why] as const
      },
    ),
  )
  return {
    starling: facts.ownSoftware,
    agent: facts.agent?.status.software ?? '',
    node: process.version,
    architecture: process.arch,
    kernel: release(),
    ...Object.fromEntries(said),
  }
}

/** Nobody sees half of it, nobody else reads it, and nothing that is there is overwritten. */
async function writeNew(path: string, contents: Buffer): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomUUID()}`)
  try {
    const file = await open(temporary, 'wx', 0o600)
    try {
      await file.writeFile(contents)
      await file.sync()
    } finally {
      await file.close()
    }
    // Unlike a rename it fails where the name is taken.
    await link(temporary, path)
  } finally {
    await rm(temporary, { force: true })
  }
}
