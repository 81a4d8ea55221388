/** The file that is sent to strangers: whole, readable by tar, new, and without what is nobody's business. */

import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type FakeAgent, startFakeAgent, troubledView } from '../fake-agent.ts'
import { run } from '../run.ts'

const directory = mkdtempSync(join(tmpdir(), 'starling-bundle-'))
const key = '5ec2e7'.repeat(11).slice(0, 64)
const token = `starling-token:${'c29tZSBzZWNyZXQ'.repeat(4)}`
const id = '77ab01c0ffee'

let agent: FakeAgent
before(async () => {
  const view = troubledView()
  agent = await startFakeAgent({ ...view, name: 'a-node-of-ours' })
  agent.recent = [
    { note: { code: 'node-joined', node: view.self, name: 'long-gone' }, timeMs: 0 },
    { note: { code: 'bridge-failed', name: 'starling0', error: `${key} ${token}` }, timeMs: 0 },
    {
      note: {
        code: 'lease-leaked',
        address: '172.16.0.77',
        door: 'cni',
        network: 'backoffice',
        id,
        ifname: 'eth0',
      },
      timeMs: 0,
    },
    {
      note: { code: 'seed-unresolvable', subject: 'seed.example.org:99', reason: 'no' },
      timeMs: 0,
    },
  ]
})
after(async () => {
  await agent.stop()
  rmSync(directory, { recursive: true })
})

const doctor = (...words: string[]) =>
  run(['doctor', ...words], {
    STARLING_SOCKET: agent.socket,
    STARLING_CLUSTER_KEY: key,
    STARLING_STATE_DIR: directory,
  })

const contents = (path: string): string => execFileSync('tar', ['-xzOf', path]).toString()

test('a bundle has what a report needs and no secret, and is readable by its owner alone', async () => {
  const path = join(directory, 'out.tar.gz')
  const { err } = await doctor('--bundle', path)
  assert.match(err, /wrote .*out\.tar\.gz/)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  assert.deepEqual(
    readdirSync(directory).filter((name) => name.startsWith('.')),
    [],
    'nothing is left beside it',
  )
  const names = execFileSync('tar', ['-tzf', path]).toString().split('\n')
  for (const name of [
    'doctor.txt',
    'status.json',
    'events.jsonl',
    'ip-route4.json',
    'settings.json',
    'sysctl.json',
    'nft.txt',
    'versions.json',
    'leases.json',
    'peers.json',
  ]) {
    assert.ok(names.includes(`starling-doctor/${name}`), name)
  }
  const text = contents(path)
  assert.match(text, /a-node-of-ours/)
  assert.match(text, /"code":"node-joined"/)
  for (const secret of [key, token, token.slice('starling-token:'.length)]) {
    assert.ok(!text.includes(secret), 'no secret, wherever somebody wrote it')
  }
})

test('an anonymous one has no name and no address, and still tells which belong together', async () => {
  const path = join(directory, 'anonymous.tar.gz')
  await doctor('--bundle', path, '--anonymize')
  const text = contents(path)
  const told = [
    'a-node-of-ours',
    'long-gone',
    'backoffice',
    id,
    'example.org',
    'starling.corp.example',
    agent.view.self,
    // As a value: a machine may be called as a word of the report.
    JSON.stringify(hostname()),
  ]
  for (const name of [...told, '10.0.1.7', '77ab01']) {
    assert.ok(!text.includes(name), text.slice(text.indexOf(name) - 200, text.indexOf(name) + 60))
  }
  const json = (name: string) =>
    JSON.parse(execFileSync('tar', ['-xzOf', path, `starling-doctor/${name}`]).toString())
  const { name, claims } = json('status.json')
  const own = json('claims.json').find((claim: { own: boolean }) => claim.own)
  assert.equal(own.prefix, claims[0].prefix)
  assert.match(name, /^node\d+$/)
  assert.ok(
    json('leases.json').leases[0].address.startsWith(own.prefix.split('.').slice(0, 2).join('.')),
  )
})

test('what is there is not overwritten, and half a command line is refused', async () => {
  const path = join(directory, 'there.tar.gz')
  writeFileSync(path, 'precious')
  const { code, err } = await doctor('--bundle', path)
  assert.deepEqual([code, readFileSync(path, 'utf8')], [1, 'precious'])
  assert.match(err, /is there already: remove it, or name another file/)
  for (const words of [['--bundle'], ['--bundle', '--json'], ['--anonymize'], ['--bundel', 'x']]) {
    assert.equal((await doctor(...words)).code, 2, words.join(' '))
  }
})

test('the verdict comes last, and the exit code is 1 where something fails', async () => {
  const { code, out } = await doctor()
  assert.equal(code, 1)
  assert.match(out.trim().split('\n').at(-1) ?? '', /^SOMETHING FAILS {2}\d+ fail, \d+ warn, /)
  assert.match(out, /^ {2}fail {5}problem .*\n? *.*\[leases-unreadable\]/m)
})
