/** Nodes, routes, claims and leases: what needs a look comes first. */

import { computed, useSignal } from '@preact/signals'
import type { PlacedClaim } from '../adapters/api/board.ts'
import type { LeaseMessage, PeerMessage, RouteMessage } from '../adapters/api/definition.ts'
import { livenessText } from '../words/node.ts'
import { routeStateText } from '../words/route.ts'
import { durationText } from '../words/time.ts'
import { explain } from './explained.ts'
import { agentNow, claims, excluded, head, leases, nodes, routes } from './follow.ts'
import { tintOf } from './paint.ts'
import { type Column, Table } from './table.tsx'
import {
  counted,
  grouped,
  holderText,
  kernelText,
  peerText,
  timeText,
  wantedText,
} from './words.ts'

/** Whatever can be asked about is a link to what is known of it. */
export function Ask({ of, children = of }: { readonly of: string; readonly children?: string }) {
  return (
    <a
      href={`#${encodeURIComponent(of)}`}
      onClick={(event) => {
        event.preventDefault()
        explain(of)
      }}
    >
      {children}
    </a>
  )
}

const nodeRows = computed(() =>
  [...nodes.value.values()].sort(
    (a, b) => rank(a) - rank(b) || Number(b.self) - Number(a.self) || byText(a.name, b.name),
  ),
)

const rank = (peer: PeerMessage): number => {
  if (!peer.self && peer.liveness !== 'alive') return 0
  return peer.digest === 'different' && !peer.self ? 1 : 2
}

/** node-9 before node-10. */
const byText = new Intl.Collator('en', { numeric: true }).compare

export function Nodes() {
  const filter = useSignal('')
  const wanted = filter.value.trim().toLowerCase()
  const rows = nodeRows.value.filter(
    ({ name, subnets, node }) =>
      wanted === '' || [name, node, ...subnets].some((text) => text.toLowerCase().includes(wanted)),
  )
  const { missed, nodes: total = 0, peersConnected = 0 } = head.value ?? {}
  const down = [
    [missed?.hostDown ?? 0, 'host down', 'hosts down'],
    [missed?.agentDown ?? 0, 'agent down', 'agents down'],
    [missed?.displaced ?? 0, 'displaced', 'displaced'],
    [missed?.suspect ?? 0, 'suspect', 'suspect'],
  ] as const
  return (
    <section aria-labelledby="nodes">
      <div class="head">
        <h2 id="nodes">Nodes</h2>
        <p>
          {[
            counted(total, 'node'),
            `${grouped(peersConnected)} connected`,
            ...down
              .filter(([count]) => count > 0)
              .map((words) => counted(words[0], words[1], words[2])),
          ].join(', ')}
        </p>
        <input
          type="search"
          aria-label="Filter nodes"
          placeholder="Filter"
          onInput={({ currentTarget }) => {
            filter.value = currentTarget.value
          }}
        />
      </div>
      <Table
        label="Nodes"
        rows={rows}
        total={wanted === '' ? (head.value?.totals.nodes ?? 0) : rows.length}
        columns={nodeColumns}
        keyOf={({ node }) => node}
        none="No node fits."
      />
    </section>
  )
}

const nodeColumns: readonly Column<PeerMessage>[] = [
  {
    title: 'Node',
    class: 'name',
    cell: ({ name, node }) => (
      <>
        <i class={`swatch tint-${tintOf(node)}`} /> <Ask of={node}>{name}</Ask>
      </>
    ),
  },
  { title: 'State', cell: (peer) => <State peer={peer} /> },
  {
    title: 'Subnet',
    class: 'mono',
    cell: ({ subnets }) => subnets.map((each) => <Ask key={each} of={each} />),
  },
  { title: 'Next hop', class: 'mono wide', cell: ({ nextHops }) => nextHops.join(' ') },
  { title: 'Version', class: 'wide', cell: ({ software }) => software },
]

export function State({ peer }: { readonly peer: PeerMessage }) {
  const tone =
    peer.self || peer.liveness === 'alive'
      ? peer.digest === 'different'
        ? 'warn'
        : 'quiet'
      : peer.liveness === 'suspect' || peer.liveness === 'agent-down'
        ? 'warn'
        : 'bad'
  return (
    <span class={`state ${tone}`}>
      {peerText(peer)}
      {!peer.self && peer.liveness !== 'alive' && <Missed peer={peer} />}
    </span>
  )
}

function Missed({ peer: { since, missedBy } }: { readonly peer: PeerMessage }) {
  const by = missedBy.slice(0, 2).join(', ') + (missedBy.length > 2 ? ', …' : '')
  return (
    <>
      {` ${durationText(agentNow.value - Date.parse(since))}`}
      {by !== '' && <small>{` by ${by}`}</small>}
    </>
  )
}

const routeRows = computed(() =>
  [...routes.value.values()].sort(
    (a, b) => Number(a.state === 'installed') - Number(b.state === 'installed'),
  ),
)

export function Routes() {
  const rows = routeRows.value
  const differing = rows.filter(({ state }) => state !== 'installed').length
  return (
    <section aria-labelledby="routes">
      <div class="head">
        <h2 id="routes">Routes</h2>
        <p>
          {`${counted(head.value?.routes.wanted ?? 0, 'route')} wanted (RIB), ${grouped(head.value?.routes.installed ?? 0)} in the kernel (FIB), `}
          {differing === 0 ? 'none differs' : `${grouped(differing)} to look at`}
        </p>
      </div>
      <Table
        label="Routes, those that differ first"
        rows={rows}
        total={head.value?.totals.routes ?? 0}
        columns={routeColumns}
        keyOf={({ prefix, node, kind, kernel }) => `${prefix} ${node} ${kind} ${kernel?.metric}`}
        none="No routes: no other node announces any."
      />
    </section>
  )
}

const routeColumns: readonly Column<RouteMessage>[] = [
  { title: 'Prefix', class: 'mono', cell: ({ prefix }) => <Ask of={prefix} /> },
  {
    title: 'Node',
    class: 'name',
    cell: ({ name, node }) => (node === '' ? '–' : <Ask of={node}>{name || node}</Ask>),
  },
  { title: 'Wanted (RIB)', class: 'mono', cell: wantedText },
  { title: 'Kernel (FIB)', class: 'mono', cell: kernelText },
  {
    title: 'State',
    cell: ({ state, reason, mend }) => (
      <span
        class={`state ${state === 'installed' ? 'quiet' : state === 'missing' ? 'warn' : 'bad'}`}
      >
        {routeStateText(state)}
        {reason !== '' && <small>{` ${reason}${mend === '' ? '' : ` → ${mend}`}`}</small>}
      </span>
    ),
  },
]

export function Leases() {
  const rows = [...leases.value.values()]
  return (
    <section aria-labelledby="leases">
      <div class="head">
        <h2 id="leases">Leases of this host</h2>
        {head.value?.subnets.map(({ prefix, used, resting, withheld, free, size }) => (
          <p key={prefix}>
            <span class="mono">{prefix}</span>
            {`: ${grouped(used)} used, ${grouped(resting)} resting, `}
            {withheld > 0 && `${grouped(withheld)} left to other hosts, `}
            {`${grouped(free)} free of ${grouped(size)}`}
          </p>
        ))}
      </div>
      <Table
        label="Leases of this host"
        rows={rows}
        total={head.value?.totals.leases ?? 0}
        columns={leaseColumns}
        keyOf={({ address }) => address}
        none="Nobody holds an address of this host."
      />
    </section>
  )
}

const leaseColumns: readonly Column<LeaseMessage>[] = [
  { title: 'Address', class: 'mono', cell: ({ address }) => <Ask of={address} /> },
  { title: 'Holder', cell: holderText },
  { title: 'Interface', class: 'wide', cell: (lease) => lease.interface },
  { title: 'Since', cell: ({ since }) => timeText(since) },
  {
    title: 'Standing',
    class: 'wide',
    cell: ({ standing, lostTo }) => (standing === 'lost' ? `lost to ${lostTo}` : standing),
  },
]

/** The map as text. */
export function Claims() {
  return (
    <details>
      <summary>{`The map as a table: ${counted(claims.value.size, 'claim')}, ${counted(excluded.value.size, 'excluded prefix', 'excluded prefixes')}`}</summary>
      <Table
        label="Claims"
        rows={[...claims.value.values()]}
        total={head.value?.totals.claims ?? 0}
        columns={claimColumns}
        keyOf={({ prefix, node }) => `${prefix} ${node}`}
        none="Nobody claims a subnet."
      />
      <Table
        label="Excluded prefixes"
        rows={[...excluded.value.values()]}
        columns={[
          { title: 'Excluded', class: 'mono', cell: ({ prefix }) => <Ask of={prefix} /> },
          {
            title: 'Used by the hosts of',
            cell: ({ by, nodes: count }) =>
              by.join(', ') + (count > by.length ? ` and ${count - by.length} more` : ''),
          },
        ]}
        keyOf={({ prefix }) => prefix}
        none="Nothing is excluded."
      />
    </details>
  )
}

const claimColumns: readonly Column<PlacedClaim>[] = [
  { title: 'Subnet', class: 'mono', cell: ({ prefix }) => <Ask of={prefix} /> },
  {
    title: 'Node',
    class: 'name',
    cell: ({ name, node }) => <Ask of={node}>{name || node}</Ask>,
  },
  {
    title: 'State',
    cell: ({ node, own, state, standing }) => {
      const liveness = own ? 'alive' : (nodes.value.get(node)?.liveness ?? 'alive')
      return [
        own ? 'this node' : '',
        state,
        standing === 'winner' ? '' : standing,
        liveness === 'alive' ? '' : livenessText(liveness),
      ]
        .filter((word) => word !== '')
        .join(', ')
    },
  },
  { title: 'Since', cell: ({ confirmedAt }) => (confirmedAt === '' ? '–' : timeText(confirmedAt)) },
  { title: 'Fence', class: 'wide', cell: ({ fence }) => fence },
]
