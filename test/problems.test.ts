/** Every problem that `starling status` can name is caused by a test on real agents, kernels or sockets: which one. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import type { ProblemCode } from '../src/core/problem.ts'

const causes = 'e2e/problems.test.ts'
const misconfigured = 'e2e/misconfigured.test.ts'
const admission = 'e2e/admission.test.ts'
const changes = 'e2e/host-changes.test.ts'
const uplink = 'e2e/uplink.test.ts'
const leases = 'e2e/leases.test.ts'
const network = 'adapters/cni/kept-network.test.ts'

/** The compiler asks for each code, and knows no others. */
const causedBy = {
  'addresses-lost': 'e2e/halves.test.ts',
  'announce-not-allowed': causes,
  'announcement-refused': causes,
  'bridge-failed': causes,
  'certificate-expires': causes,
  'claim-contested': causes,
  'clock-skew': causes,
  'clock-unset': causes,
  'dial-forbidden': causes,
  'discovery-failed': 'e2e/discover.test.ts',
  'door-shut': 'e2e/docker.test.ts',
  'entry-rejected': causes,
  'eviction-pending': causes,
  'eviction-refused': causes,
  'exclusions-ignored': causes,
  'exclusions-overridden': causes,
  'exclusions-too-broad': causes,
  'firewall-failed': causes,
  'forwarding-off': causes,
  'handshake-failed': misconfigured,
  'join-held': misconfigured,
  'joined-alone': misconfigured,
  'kernel-unreadable': causes,
  'leaks-held-back': causes,
  'leases-slow': leases,
  'leases-unreadable': 'e2e/containerd.test.ts',
  'leases-unwritable': leases,
  'monitor-died': 'adapters/netlink/monitor.test.ts',
  'network-preceded': network,
  'network-unwritten': network,
  'node-down': causes,
  'node-twice': causes,
  'nodes-full': causes,
  'not-admitted': admission,
  'not-admitted-self': admission,
  'open-admission': causes,
  'peer-flooding': causes,
  'peer-refused': admission,
  'pool-full': misconfigured,
  'pool-mismatch': misconfigured,
  purged: 'e2e/firewall.test.ts',
  'record-refused': admission,
  'route-alien': changes,
  'route-dead': causes,
  'route-failed': causes,
  'route-off-link': changes,
  'route-refused': changes,
  'route-shadowed': changes,
  'routes-full': causes,
  'seed-unreachable': uplink,
  'seed-unresolvable': misconfigured,
  'store-unwritable': leases,
  'subnet-exhausted': causes,
  'token-used-twice': admission,
  'uplink-missing': uplink,
} as const satisfies Record<ProblemCode, string>

test('every problem is named by the test that causes it', () => {
  for (const [code, file] of Object.entries(causedBy)) {
    const text = readFileSync(new URL(file, import.meta.url), 'utf8')
    assert.match(text, new RegExp(`['/|\\[]${code}\\b(?!-)`), `${code} in ${file}`)
  }
})
