/** docs/cli.md lists exactly the commands that exist and exactly the JSON fields that they print. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { nodeOf } from '../core/specimens.ts'
import { type FakeAgent, startFakeAgent, troubledView } from './fake-agent.ts'
import { type FakeEngine, startFakeEngine } from './fake-engine.ts'
import { run, start } from './run.ts'

const documented = sections(readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8'))

let agent: FakeAgent
let engine: FakeEngine
before(async () => {
  agent = await startFakeAgent(troubledView())
  engine = await startFakeEngine()
})
after(async () => {
  await engine.stop()
  await agent.stop()
})

test('every command has a section, and every section is a command', async () => {
  const { out } = await run(['--help'])
  const commands = [...out.matchAll(/^ {2}([a-z]+)(?: |$)/gm)].map(([, name]) => name)
  assert.deepEqual([...documented.keys()].sort(), commands.sort())
})

/** These print no JSON. */
const forPeople = ['agent', 'help', 'completion', 'top']

for (const [command, fields] of documented) {
  if (forPeople.includes(command)) continue
  test(`the JSON of ${command} has the documented fields and no others`, async () => {
    assert.deepEqual([...fieldsOf(await json(command))].sort(), [...fields].sort())
  })
}

async function json(command: string): Promise<unknown> {
  const env = { STARLING_SOCKET: agent.socket }
  if (command === 'watch') {
    const child = start(['watch', '--json'], env)
    await once(child.stderr, 'data')
    agent.note({ code: 'kernel-forbidden' })
    const [line] = (await once(child.stdout, 'data')) as [Buffer]
    child.kill('SIGTERM')
    await once(child, 'close')
    return JSON.parse(line.toString())
  }
  const argument = {
    announce: ['10.9.0.0/16'],
    withdraw: ['10.9.0.0/16'],
    evict: ['b'],
    ip: ['list'],
  }
  if (command === 'admin') {
    const directory = mkdtempSync(join(tmpdir(), 'starling-docs-'))
    try {
      const dir = ['--dir', directory]
      await run(['admin', 'init', ...dir])
      const words = ['--name', 'b', '--prefix', '172.16.4.0/22', '--announce', '10.9.0.0/16']
      const paper = join(directory, 'paper')
      await run(['admin', 'admit', nodeId, ...words, ...dir, '--out', paper])
      return JSON.parse((await run(['admin', 'show', paper, '--json'])).out)
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
  if (command === 'docker') {
    const words = ['docker', 'network', 'pods', '--docker-host', engine.host, '--json']
    return JSON.parse((await run(words, env)).out)
  }
  if (command === 'cni') {
    const directory = mkdtempSync(join(tmpdir(), 'starling-docs-'))
    try {
      writeFileSync(join(directory, '00-other.conf'), '{}')
      const places = ['--bin-dir', directory, '--conf-dir', directory]
      return JSON.parse((await run(['cni', 'install', ...places, '--json'], env)).out)
    } finally {
      rmSync(directory, { recursive: true })
    }
  }
  if (command === 'explain') {
    // No one address of this cluster is both claimed and announced by itself.
    const [claimed, announced, prefix, node, way] = await Promise.all(
      [['172.16.8.5'], ['10.9.0.1'], ['172.16.8.0/22'], ['b'], ['172.16.0.9', '172.16.4.7']].map(
        async (words) => JSON.parse((await run(['explain', ...words, '--json'], env)).out),
      ),
    )
    // As in other commands.
    const known = { route: null, owner: null, routes: null, peer: null }
    const { announcers } = announced
    // Of the same shape, and nobody claims what is excluded.
    const excludedBy = announcers
    return { ...prefix, ...node, ...way, ...claimed, announcers, excludedBy, ...known }
  }
  const args = command in argument ? argument[command as keyof typeof argument] : []
  const { out } = await run([command, ...args, '--json'], env)
  return JSON.parse(out)
}

/** Of no node in particular. */
const nodeId = nodeOf(1).id

/** The paths of all leaves; an object that may be null is a leaf too, and an empty one is one alone. */
function fieldsOf(value: unknown, path = ''): Set<string> {
  if (Array.isArray(value)) {
    const inner = value.flatMap((each) => [...fieldsOf(each, `${path}[]`)])
    return new Set(path.endsWith('value') ? [path] : inner)
  }
  if (value === null || typeof value !== 'object') return new Set([path])
  const entries = Object.entries(value)
  if (entries.length === 0) return new Set([path])
  const prefix = path === '' ? '' : `${path}.`
  return new Set(entries.flatMap(([key, inner]) => [...fieldsOf(inner, `${prefix}${key}`)]))
}

/** The first column of each command's table. */
function sections(text: string): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const section of text.split(/^## /m).slice(1)) {
    const [name = ''] = section.split('\n', 1)
    if (!/^[a-z]+$/.test(name)) continue
    found.set(
      name,
      [...section.matchAll(/^\| `([^`]+)` \|/gm)].map(([, field]) => field ?? ''),
    )
  }
  return found
}
