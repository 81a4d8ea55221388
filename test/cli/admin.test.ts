/** `starling admin`: the operator's machine, and the way into an agent. */

import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { paperReader, papersIn, parseOperator, parseToken } from '../../src/wire/paper.ts'
import { nodeOf } from '../core/specimens.ts'
import { type FakeAgent, startFakeAgent } from './fake-agent.ts'
import { run } from './run.ts'

const node = nodeOf(1).id
const directory = mkdtempSync(join(tmpdir(), 'starling-admin-'))
const office = join(directory, 'office')
let operatorKey: Uint8Array
before(async () => {
  const { code, out, err } = await run(['admin', 'init', '--dir', office, '--cluster', 'blue'])
  assert.equal(code, 0, err)
  const written = /operatorKey: (\S+)/.exec(out)?.[1] ?? ''
  const key = parseOperator(written)
  assert.ok(key, out)
  operatorKey = key
})
after(() => rmSync(directory, { recursive: true }))

async function sign(...words: readonly string[]): Promise<string> {
  const { code, out, err } = await run(['admin', ...words, '--dir', office])
  assert.equal(code, 0, err)
  return out
}

function readOne(written: string) {
  const [bytes] = papersIn(written) ?? []
  assert.ok(bytes)
  const paper = paperReader([operatorKey])(bytes)
  assert.ok(typeof paper === 'object', String(paper))
  return paper
}

describe('starling admin', () => {
  it('makes a key that only its owner reads, once', async () => {
    const file = join(office, 'key')
    assert.equal(statSync(file).mode & 0o777, 0o600)
    assert.equal(statSync(office).mode & 0o777, 0o700)
    const kept = readFileSync(file)
    const again = await run(['admin', 'init', '--dir', office])
    assert.equal(again.code, 1)
    assert.match(again.err, /already has an operator key/)
    assert.deepEqual(readFileSync(file), kept)
  })

  it('signs what it is told of a node', async () => {
    const prefixes = ['--prefix', '172.16.4.0/22', 'fd00:1::/64']
    const announce = ['--announce', '10.9.0.0/16,10.8.0.0/16']
    const paper = readOne(
      await sign('admit', node, '--name', 'h7', ...prefixes, ...announce, '--until', '2999-01-31'),
    )
    assert.ok(paper.kind === 'certificate')
    assert.deepEqual(
      [paper.node, paper.name, paper.cluster, paper.notAfterMs],
      [node, 'h7', 'blue', Date.UTC(2999, 0, 31)],
    )
    assert.deepEqual(
      paper.pinned.map(({ text }) => text),
      ['172.16.4.0/22', 'fd00:1::/64'],
    )
    assert.deepEqual(
      paper.announce.map(({ text }) => text),
      ['10.9.0.0/16', '10.8.0.0/16'],
    )
  })

  it('signs with serials that rise, so that a revocation ends what went before', async () => {
    const first = readOne(await sign('admit', node, '--name', 'h7'))
    const out = readOne(await sign('revoke', node))
    const second = readOne(await sign('admit', node, '--name', 'h7'))
    assert.ok(out.kind === 'revocation' && out.subject === node)
    assert.ok(first.serial < out.serial && out.serial < second.serial)
  })

  it('makes as many tokens as it is asked for', async () => {
    const written = await sign('token', '--count', '3', '--name-pattern', 'h*', '--until', '2d')
    const tokens = written.trim().split('\n').map(parseToken)
    assert.equal(new Set(tokens.map((token) => token?.keys.id)).size, 3)
    for (const token of tokens) {
      assert.equal(token?.grant.names, 'h*')
      const inMs = (token?.grant.notAfterMs ?? 0) - Date.now()
      assert.ok(inMs > 1.9 * 86_400_000 && inMs <= 2 * 86_400_000)
    }
  })

  it('shows what is in a file, and refuses what is nothing', async () => {
    const file = join(directory, 'papers')
    const written = [
      await sign('admit', node, '--name', 'h7', '--prefix', '172.16.4.0/22'),
      await sign('revoke', node),
      await sign('token'),
    ]
    writeFileSync(file, written.join(''))
    const { code, out } = await run(['admin', 'show', file])
    assert.equal(code, 0)
    assert.match(
      out,
      /certificate +12D3.*\nname +h7\ncluster +blue\nserial +\d+\nsubnet +172\.16\.4\.0\/22/,
    )
    assert.match(out, /revocation +12D3/)
    assert.match(out, /token +12D3.*\nname +\*/)
    writeFileSync(file, 'nothing\n')
    assert.equal((await run(['admin', 'show', file])).code, 1)
    assert.match((await run(['admin', 'show', '/nowhere'])).err, /cannot read/)
  })

  it('writes over no file, and one that only its owner reads', async () => {
    const file = join(directory, 'out')
    await sign('token', '--out', file)
    assert.equal(statSync(file).mode & 0o777, 0o600)
    const again = await run(['admin', 'token', '--dir', office, '--out', file])
    assert.equal(again.code, 1)
  })

  for (const [what, words, pattern] of [
    ['an id of nobody', ['admit', 'h7', '--name', 'h7'], /is not a node id/],
    ['a name that is none', ['admit', node, '--name', 'h 7'], /is not a node name/],
    ['a prefix that is none', ['admit', node, '--name', 'h', '--prefix', 'x'], /is not a prefix/],
    [
      'two subnets of one family',
      ['admit', node, '--name', 'h', '--prefix', '10.0.0.0/24', '10.0.1.0/24'],
      /one subnet per family/,
    ],
    [
      'a time that is over',
      ['admit', node, '--name', 'h', '--until', '2001-01-01'],
      /is not a time in the future/,
    ],
    ['a revocation of nobody', ['revoke', 'h7'], /is not the id/],
  ] as const) {
    it(`refuses ${what}`, async () => {
      const { code, err } = await run(['admin', ...words, '--dir', office])
      assert.equal(code, 2, err)
      assert.match(err, pattern)
    })
  }

  it('says how to make a key where there is none', async () => {
    const words = ['admin', 'revoke', node, '--dir', join(directory, 'nowhere')]
    assert.match((await run(words)).err, /starling admin init/)
  })
})

describe('starling admin install', () => {
  let agent: FakeAgent
  before(async () => {
    agent = await startFakeAgent()
  })
  after(() => agent.stop())

  it('gives the agent what is in the file, and prints what it says', async () => {
    const file = join(directory, 'paper')
    const written = await sign('admit', node, '--name', 'h7')
    writeFileSync(file, written)
    const { code, out } = await run(['admin', 'install', file, '--socket', agent.socket])
    assert.equal(code, 0)
    assert.match(out, /did install/)
    const [command] = agent.commands
    assert.ok(command?.type === 'install')
    assert.deepEqual(command.papers, papersIn(written))
  })

  it('asks no agent about a file without papers', async () => {
    const file = join(directory, 'none')
    writeFileSync(file, '# nothing\n')
    const { code, err } = await run(['admin', 'install', file, '--socket', agent.socket])
    assert.equal(code, 2)
    assert.match(err, /holds neither a certificate nor a revocation/)
  })
})
