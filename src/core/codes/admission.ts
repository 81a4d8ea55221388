/** Codes about admission: who may be part of the cluster, and who is refused. */

import { type Codes, name, node, other, otherName, subject, via } from './code.ts'

export const admissionCodes = {
  'open-admission': {
    meaning: 'Nothing is broken, but a stranger can take part in the cluster.',
    examples: [{ code: 'open-admission', addresses: ['203.0.113.9'] }],
  },
  'discovery-failed': {
    meaning:
      'Agents are not found by themselves. Those that are connected, seeds and nodes known before are not concerned.',
    examples: [{ code: 'discovery-failed', subject: 'eth0', reason: 'EADDRINUSE' }],
  },
  'not-admitted-self': {
    meaning: 'This node has no part in the cluster: no subnet, and no routes to or from it.',
    examples: [
      { code: 'not-admitted-self', node, name, why: 'no-certificate', certified: '' },
      { code: 'not-admitted-self', node, name, why: 'wrong-name', certified: otherName },
    ],
  },
  'not-admitted': {
    meaning: 'No connection to that host. If others admit this node, nothing else is missing.',
    examples: [{ code: 'not-admitted', subject, reason: 'it has no certificate of the operator' }],
  },
  'certificate-expires': {
    meaning: 'Said from a week before the end on. A day after it the others put this node out.',
    examples: [{ code: 'certificate-expires', node, name, inMs: 100 * 3_600_000 }],
  },
  'announce-not-allowed': {
    meaning: 'The subnet of this node is not concerned; only those further prefixes are left out.',
    examples: [{ code: 'announce-not-allowed', prefixes: ['192.168.7.0/24'] }],
  },
  'peer-refused': {
    meaning: 'That host has no part in the cluster. Others are not concerned.',
    examples: [{ code: 'peer-refused', node, name, address: '10.0.1.73:42232', why: 'expired' }],
  },
  'record-refused': {
    meaning: 'No route leads to that node from here. Others are not concerned.',
    examples: [{ code: 'record-refused', node, name, why: 'wrong-name', from: other, via }],
  },
  'node-expelled': {
    meaning:
      'A node that was admitted is not any more: its routes are removed and its connections end.',
    examples: [{ code: 'node-expelled', node, name, why: 'revoked' }],
  },
  'token-used-twice': {
    meaning: 'The node that used it first stays; the other one is refused.',
    examples: [
      {
        code: 'token-used-twice',
        token: other,
        admitted: node,
        admittedName: name,
        refused: node,
        refusedName: otherName,
      },
    ],
  },
} satisfies Partial<Codes>
