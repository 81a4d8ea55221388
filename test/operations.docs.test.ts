/** docs/operations.md has a section for every problem that `starling status` can name, in the words that it has there. */

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe as suite, test } from 'node:test'
import type { Inability } from '../src/adapters/host/abilities.ts'
import type { NodeId } from '../src/core/claim/record.ts'
import { describe } from '../src/core/note.ts'
import type { Problem, ProblemCode } from '../src/core/problem.ts'

type Examples = {
  readonly [Code in ProblemCode]: readonly Extract<Problem, { readonly code: Code }>[]
}

const node = '12D3KooWLhh2RuxogPeWuRhmnAoUxM6LFyVSyD6RN8t4JquV1FJa' as NodeId
const other = '12D3KooWH9UZkpCx1e8cDP4xTxEKsSXZAANfZsxEdPVrU4swVbKf' as NodeId
const prefix = '172.16.8.0/22'
const pool = '172.16.0.0/12 divided into /22'
const [name, rivalName] = ['h3', 'h9']
const subject = '10.0.1.73'

/** The compiler asks for each code, and knows no others. */
const examples: Examples = {
  'addresses-lost': [{ code: 'addresses-lost', addresses: 2 }],
  'announce-not-allowed': [{ code: 'announce-not-allowed', prefixes: ['192.168.7.0/24'] }],
  'announcement-refused': [
    {
      code: 'announcement-refused',
      prefix: '172.16.0.64/26',
      why: 'inside-subnet',
      by: '172.16.0.0/22 of h1',
    },
  ],
  'bridge-failed': [{ code: 'bridge-failed', name: 'starling0', error: 'EEXIST' }],
  'certificate-expires': [{ code: 'certificate-expires', node, name, inMs: 100 * 3_600_000 }],
  'claim-contested': [
    {
      code: 'claim-contested',
      prefix,
      holder: node,
      name,
      rival: other,
      rivalName,
      via: '10.0.1.79:42232',
    },
  ],
  'clock-skew': [{ code: 'clock-skew', node, name, aheadMs: -90_000 }],
  'clock-unset': [{ code: 'clock-unset', node, name }],
  'dial-forbidden': [
    {
      code: 'dial-forbidden',
      subject: '203.0.113.9',
      reason: 'it lies on no network that records may name',
    },
  ],
  'door-shut': [
    {
      code: 'door-shut',
      subject: 'Docker',
      reason: 'cannot listen on /run/docker/plugins/starling.sock (EROFS)',
    },
  ],
  'entry-rejected': [{ code: 'entry-rejected', from: node, why: 'foreign-cluster' }],
  'eviction-pending': [
    { code: 'eviction-pending', node, name, author: other, inMs: 59_000, via: '' },
  ],
  'eviction-refused': [{ code: 'eviction-refused', node, author: other, via: '10.0.1.71:42232' }],
  'exclusions-ignored': [{ code: 'exclusions-ignored', node, name, pool, via: '10.0.1.73:42232' }],
  'exclusions-overridden': [{ code: 'exclusions-overridden', prefix, names: 'h1, h2' }],
  'exclusions-too-broad': [{ code: 'exclusions-too-broad', pool }],
  'firewall-failed': [
    { code: 'firewall-failed', part: 'masquerade', error: 'nft is not there' },
    { code: 'firewall-failed', part: 'opening', error: 'iptables is not there' },
  ],
  'forwarding-off': [
    { code: 'forwarding-off', error: 'net.ipv4.ip_forward cannot be set to 1 (EROFS)' },
  ],
  'handshake-failed': [
    {
      code: 'handshake-failed',
      subject,
      reason:
        'the host answers, but has not answered the handshake yet: its cluster key may be another one, or it is not a starling agent',
    },
  ],
  'join-held': [{ code: 'join-held', seeds: ['10.0.1.71', '10.0.1.72'] }],
  'joined-alone': [{ code: 'joined-alone', waitedMs: 30_000 }],
  'kernel-unreadable': [{ code: 'kernel-unreadable', reason: 'ENOBUFS' }],
  'leaks-held-back': [{ code: 'leaks-held-back', leases: 12 }],
  'leases-slow': [{ code: 'leases-slow' }],
  'leases-unreadable': [
    {
      code: 'leases-unreadable',
      reason:
        '/var/lib/starling/leases is gone, though addresses were granted: restore it from a backup, or rebuild it from what runs: starling ip adopt',
    },
  ],
  'leases-unwritable': [{ code: 'leases-unwritable', reason: 'ENOSPC' }],
  'monitor-died': [{ code: 'monitor-died', subject: 'kernel monitor', reason: 'SIGKILL' }],
  'network-preceded': [
    {
      code: 'network-preceded',
      subject: '/etc/cni/net.d',
      reason: '/etc/cni/net.d/05-other.conflist',
    },
  ],
  'network-unwritten': [
    {
      code: 'network-unwritten',
      subject: '/etc/cni/net.d',
      reason: "EROFS: read-only file system, mkdir '/etc/cni/net.d': let starling write there",
    },
  ],
  'node-down': (['agent-down', 'host-down', 'displaced'] as const).map((state) => ({
    code: 'node-down',
    node,
    name,
    state,
    by: ['h1', 'h2'],
  })),
  'node-twice': [{ code: 'node-twice', node, name }],
  'nodes-full': [{ code: 'nodes-full', most: 4096, node, from: other, via: '10.0.1.71:42232' }],
  'not-admitted': [
    {
      code: 'not-admitted',
      subject,
      reason: 'it has no certificate of the operator',
    },
  ],
  'not-admitted-self': [
    { code: 'not-admitted-self', node, name, why: 'no-certificate', certified: '' },
    { code: 'not-admitted-self', node, name, why: 'wrong-name', certified: rivalName },
  ],
  'open-admission': [{ code: 'open-admission', addresses: ['203.0.113.9'] }],
  'peer-flooding': [{ code: 'peer-flooding', subject, reason: 'forged signatures' }],
  'peer-refused': [
    { code: 'peer-refused', node, name, address: '10.0.1.73:42232', why: 'expired' },
  ],
  'pool-full': [{ code: 'pool-full', pool }],
  'pool-mismatch': [
    { code: 'pool-mismatch', node, name, theirs: '10.64.0.0/12 divided into /22', ours: pool },
  ],
  purged: [{ code: 'purged', routes: 2 }],
  'record-refused': [
    { code: 'record-refused', node, name, why: 'wrong-name', from: other, via: '10.0.1.71:42232' },
  ],
  'route-alien': [{ code: 'route-alien', prefix, origin: node }],
  'route-dead': [{ code: 'route-dead', prefix }],
  'route-failed': [{ code: 'route-failed', prefix, error: 'ENOMEM' }],
  'route-off-link': [{ code: 'route-off-link', prefix, nextHop: '192.0.2.9', origin: node }],
  'route-refused': [
    {
      code: 'route-refused',
      prefix: '203.0.113.0/24',
      origin: node,
      kind: 'extra',
      why: 'accept-list',
      via: '10.0.1.73:42232',
    },
    { code: 'route-refused', prefix, origin: node, kind: 'claim', why: 'local-network' },
  ],
  'route-shadowed': [
    {
      code: 'route-shadowed',
      prefix,
      by: '172.16.9.0/24 via 10.0.1.72 dev eth0',
      part: 'some',
    },
    { code: 'route-shadowed', prefix, by: '172.16.8.0/22 dev wg0 table 52', part: 'all' },
  ],
  'routes-full': [{ code: 'routes-full', most: 4096, leftOut: 7, node, name }],
  'seed-unreachable': [
    {
      code: 'seed-unreachable',
      subject: '10.0.1.72',
      reason: 'connection refused: no agent listens there',
    },
  ],
  'seed-unresolvable': [
    {
      code: 'seed-unresolvable',
      subject: 'nobody.invalid',
      reason: 'no name server answers for nobody.invalid',
    },
  ],
  'store-unwritable': [{ code: 'store-unwritable', subject: 'known nodes', reason: 'ENOSPC' }],
  'subnet-exhausted': [{ code: 'subnet-exhausted', prefix }],
  'token-used-twice': [
    {
      code: 'token-used-twice',
      token: other,
      admitted: node,
      admittedName: name,
      refused: node,
      refusedName: rivalName,
    },
  ],
  'uplink-missing': [
    { code: 'uplink-missing', lack: { type: 'none' } },
    { code: 'uplink-missing', lack: { type: 'several', names: ['eth0', 'eth1'] } },
    { code: 'uplink-missing', lack: { type: 'absent', wanted: 'eth9', names: ['eth0'] } },
  ],
}

const inabilities: Readonly<Record<Inability['code'], true>> = {
  'see-namespaces': true,
  'see-processes': true,
}

const path = new URL('../docs/operations.md', import.meta.url)

suite('the problems of docs/operations.md', () => {
  test('are those that status can name, by their codes in alphabetical order', () => {
    assert.deepEqual([...sections().keys()], Object.keys(examples).sort())
  })

  test('are quoted as status says them', () => {
    const page = readFileSync(path, 'utf8')
    const renewed = page.replace(
      /^(### `([a-z-]+)`\n\n)(?:(?: {4}.*\n)+\n)?/gm,
      (whole, heading: string, code: string) => {
        const notes: readonly Problem[] | undefined = examples[code as ProblemCode]
        return notes ? `${heading}${notes.map(quoted).join('')}\n` : whole
      },
    )
    if (process.env.UPDATE_DOCS) writeFileSync(path, renewed)
    else assert.equal(page, renewed, 'run this test with UPDATE_DOCS=1')
  })

  test('each have a cause, and commands that check and mend', () => {
    for (const [code, text] of sections()) {
      const entries = [...text.matchAll(/^- (Cause|Check|Mend): (.+)$/gm)]
      const lines = new Map(entries.map(([, label, line]) => [label, line ?? '']))
      assert.deepEqual([...lines.keys()], ['Cause', 'Check', 'Mend'], code)
      assert.match(lines.get('Check') ?? '', /`[^`]+`/, `${code}: a command that checks`)
    }
  })

  test('are followed by what status says that the agent cannot do', () => {
    const page = readFileSync(path, 'utf8')
    for (const code of Object.keys(inabilities)) assert.ok(page.includes(`| \`${code}\` |`), code)
  })
})

function quoted(note: Problem): string {
  const { level, message, mend } = describe(note)
  const mark = level === 'error' ? 'error' : 'warning'
  return `    ${mark.padEnd(8)} ${message} [${note.code}]\n${' '.repeat(13)}-> ${mend}\n`
}

function sections(): Map<string, string> {
  const [, ...found] = readFileSync(path, 'utf8').split(/^### `/m)
  return new Map(
    found.map((text) => [text.slice(0, text.indexOf('`')), text.split(/^## /m)[0] ?? '']),
  )
}
