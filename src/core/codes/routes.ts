/** Codes about routes: those in the kernel, those that are not, and what this node announces. */

import { type Codes, name, node, prefix } from './code.ts'

export const routeCodes = {
  'routes-written': {
    meaning: 'The kernel took routes, or gave some up.',
    examples: [{ code: 'routes-written', added: 3, removed: 1 }],
  },
  'route-drifted': {
    meaning:
      'Something else writes to our routes. They are back within a moment; packets in between may be lost.',
    examples: [{ code: 'route-drifted', prefix, by: 'removed', more: 2 }],
  },
  'route-alien': {
    meaning: "This host reaches that subnet by the other program's route, or not at all.",
    examples: [{ code: 'route-alien', prefix, origin: node }],
  },
  'route-dead': {
    meaning: 'This host does not reach that subnet while the link is down.',
    examples: [{ code: 'route-dead', prefix }],
  },
  'route-failed': {
    meaning: 'This host does not reach that subnet until the kernel takes the route.',
    examples: [{ code: 'route-failed', prefix, error: 'ENOMEM' }],
  },
  'route-off-link': {
    meaning: 'This host does not reach that subnet.',
    examples: [{ code: 'route-off-link', prefix, nextHop: '192.0.2.9', origin: node }],
  },
  'route-refused': {
    meaning: 'This host does not route that prefix. Others may.',
    examples: [
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
  },
  'route-shadowed': {
    meaning: 'Packets to some or all addresses of that subnet go where the other route leads.',
    examples: [
      {
        code: 'route-shadowed',
        prefix,
        by: '172.16.9.0/24 via 10.0.1.72 dev eth0',
        part: 'some',
      },
      { code: 'route-shadowed', prefix, by: '172.16.8.0/22 dev wg0 table 52', part: 'all' },
    ],
  },
  'routes-full': {
    meaning:
      'This host does not route the announced prefixes beyond the limit. Subnets are not counted.',
    examples: [{ code: 'routes-full', most: 4096, leftOut: 7, node, name }],
  },
  'announcement-refused': {
    meaning: 'The announcement has no effect anywhere.',
    examples: [
      {
        code: 'announcement-refused',
        prefix: '172.16.0.64/26',
        why: 'inside-subnet',
        by: '172.16.0.0/22 of h1',
      },
    ],
  },
  pruned: {
    meaning:
      'Once after a start: routes of the run before that nobody announces any more, or that have another metric, are gone.',
    examples: [{ code: 'pruned', routes: 2 }],
  },
  purged: {
    meaning: 'This host reaches no containers of others until `starling resync`.',
    examples: [{ code: 'purged', routes: 2 }],
  },
} satisfies Partial<Codes>
