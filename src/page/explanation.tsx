/** What is known of the address, prefix or node that the viewer asked about. */

import type { ComponentChildren } from 'preact'
import type {
  ClaimMessage,
  ExplainPrefixResponse,
  ExplainResponse,
  PeerMessage,
  RouteMessage,
} from '../adapters/api/definition.ts'
import { fenceText, standingText } from '../words/claim.ts'
import { dialText, livenessText } from '../words/node.ts'
import { lookupText, routeStateText } from '../words/route.ts'
import { type Explained, explain, explained } from './explained.ts'
import { nodes, routes } from './follow.ts'
import { Ask, State } from './lists.tsx'
import { addressText, counted, holderText, kernelText, timeText, wantedText } from './words.ts'

export function Search() {
  return (
    <search>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          const field = event.currentTarget.elements.namedItem('of') as HTMLInputElement
          const of = field.value.trim()
          if (of !== '') explain(of)
        }}
      >
        <label for="of">Explain</label>
        <input
          id="of"
          name="of"
          type="search"
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          placeholder="address, prefix or node"
        />
        <button type="submit">Explain</button>
      </form>
    </search>
  )
}

export function Explanation() {
  const { value } = explained
  return (
    <section aria-labelledby="explained" class="explanation">
      <div class="head">
        <h2 id="explained">
          {value.kind === 'nothing' ? (
            'Explain'
          ) : value.kind === 'node' ? (
            'Node'
          ) : (
            <span class="mono">{value.of}</span>
          )}
        </h2>
        {'at' in value && <p>{`as of ${timeText(value.at)}`}</p>}
      </div>
      {/* One sentence is read out; the facts below are there to be read. */}
      <p role="status" class="answer">
        {sentence(value)}
      </p>
      <Facts value={value} />
    </section>
  )
}

function sentence(value: Explained): string {
  switch (value.kind) {
    case 'nothing':
      return 'Search for an address, a prefix or a node, or choose a subnet on the map.'
    case 'asking':
      return `Asking about ${value.of} …`
    case 'problem':
      return value.problem
    case 'address':
      return addressText(value.answer)
    case 'prefix':
      return prefixText(value.answer)
    case 'node':
      return nodeText(value.nodes)
    default:
      return value satisfies never
  }
}

function prefixText({ prefix, claims, announcers, excludedBy }: ExplainPrefixResponse): string {
  const [winner] = claims
  if (claims.length > 1) return `${counted(claims.length, 'claim')} lie in ${prefix}.`
  if (winner) {
    const where = winner.prefix === prefix ? `${prefix} is` : `${prefix} lies in ${winner.prefix},`
    return `${where} claimed by ${winner.name}${winner.own ? ', this node' : ''}, ${winner.state}${missedText(winner)}.`
  }
  if (announcers[0]) return `${prefix} is announced by ${announcers[0].name}.`
  if (excludedBy[0])
    return `${prefix} is excluded: the host of ${excludedBy[0].name} uses it itself.`
  return `Nobody claims ${prefix}.`
}

/** `; host down` */
function missedText({ node, own }: ClaimMessage): string {
  const liveness = own ? 'alive' : (nodes.value.get(node)?.liveness ?? 'alive')
  return liveness === 'alive' ? '' : `; ${livenessText(liveness)}`
}

function nodeText(ids: readonly string[]): string {
  const peers = ids.flatMap((id) => nodes.value.get(id) ?? [])
  const [peer] = peers
  if (!peer) return 'It has left.'
  if (peers.length > 1) return `${peers.length} nodes are called ${peer.name}.`
  const has = peer.subnets.length === 0 ? 'has no subnet' : `has ${peer.subnets.join(' and ')}`
  const is = peer.self ? 'this node' : livenessText(peer.liveness)
  return `${peer.name} is ${is} and ${has}.`
}

function Facts({ value }: { readonly value: Explained }) {
  switch (value.kind) {
    case 'address':
      return <AddressFacts answer={value.answer} />
    case 'prefix':
      return (
        <dl>
          {value.answer.claims.map((claim) => (
            <ClaimFact key={`${claim.prefix} ${claim.node}`} claim={claim} />
          ))}
          {value.answer.announcers.map(({ prefix, name, node }) => (
            <Fact key={`${prefix} ${node}`} term="Announced">
              <span class="mono">{prefix}</span> by <Ask of={node}>{name}</Ask>
            </Fact>
          ))}
          {value.answer.routes.map((route) => (
            <RouteFact key={`${route.prefix} ${route.node}`} route={route} />
          ))}
          {value.answer.excludedBy.map(({ prefix, name }) => (
            <Fact key={`${prefix} ${name}`} term="Excluded">
              <span class="mono">{prefix}</span> by {name}
            </Fact>
          ))}
        </dl>
      )
    case 'node':
      return value.nodes.map((id) => {
        const peer = nodes.value.get(id)
        return peer && <NodeFacts key={id} peer={peer} />
      })
    default:
      return null
  }
}

function Fact({ term, children }: { readonly term: string; readonly children: ComponentChildren }) {
  return (
    <div>
      <dt>{term}</dt>
      <dd>{children}</dd>
    </div>
  )
}

function AddressFacts({ answer }: { readonly answer: ExplainResponse }) {
  const { address, claims, announcers, owner, route, kernel, last, released, lease } = answer
  return (
    <dl>
      {lease && (
        <Fact term="Lease">
          {holderText(lease)}, interface {lease.interface || '–'}
          {lease.standing === 'lost' && `, lost to a container of ${lease.lostTo}`}
        </Fact>
      )}
      {last && <Fact term="Last">{`${holderText(last)} until ${timeText(released)}`}</Fact>}
      {claims.map((claim) => (
        <ClaimFact key={`${claim.prefix} ${claim.node}`} claim={claim} />
      ))}
      {announcers.map(({ prefix, name, node }) => (
        <Fact key={`${prefix} ${node}`} term="Announced">
          <span class="mono">{prefix}</span> by <Ask of={node}>{name}</Ask>
        </Fact>
      ))}
      {owner && (
        <Fact term="Node">
          <Ask of={owner.node}>{owner.name}</Ask>: <State peer={owner} />
        </Fact>
      )}
      {route ? (
        <RouteFact route={route} />
      ) : (
        <Fact term="Route">
          {claims[0]?.own ? 'on the bridge of this host' : 'no route of starling leads to it'}
        </Fact>
      )}
      {kernel && <Fact term="Kernel">{lookupText(kernel, address)}</Fact>}
    </dl>
  )
}

function ClaimFact({ claim }: { readonly claim: ClaimMessage }) {
  const { prefix, node, name, own, state, standing, confirmedAt } = claim
  const facts = [
    confirmedAt === '' ? state : `confirmed ${timeText(confirmedAt)}`,
    standingText(claim),
    fenceText(claim),
  ]
  return (
    <Fact term={standing === 'winner' ? 'Subnet' : 'Also'}>
      <Ask of={prefix} /> of <Ask of={node}>{name || node}</Ask>
      {own && ' (this node)'}, {facts.filter((part) => part !== '').join(', ')}
    </Fact>
  )
}

function RouteFact({ route }: { readonly route: RouteMessage }) {
  return (
    <Fact term="Route">
      <span class="mono">{`${route.prefix} ${wantedText(route)}`}</span>
      {`, ${routeStateText(route.state)}`}
      {route.kernel && route.state !== 'installed' && (
        <>
          ; kernel: <span class="mono">{kernelText(route)}</span>
        </>
      )}
      {route.reason !== '' && `: ${route.reason}`}
      {route.mend !== '' && ` → ${route.mend}`}
    </Fact>
  )
}

function NodeFacts({ peer }: { readonly peer: PeerMessage }) {
  const own = [...routes.value.values()].filter(({ node }) => node === peer.node)
  return (
    <dl>
      <Fact term="Name">{peer.name}</Fact>
      <Fact term="State">
        <State peer={peer} />
      </Fact>
      {peer.subnets.map((subnet) => (
        <Fact key={subnet} term="Subnet">
          <Ask of={subnet} />
        </Fact>
      ))}
      {peer.announced.length > 0 && (
        <Fact term="Announces">
          <span class="mono">{peer.announced.join(' ')}</span>
        </Fact>
      )}
      <Fact term="Next hop">
        <span class="mono">{peer.nextHops.join(' ') || '–'}</span>
      </Fact>
      {peer.address !== '' && (
        <Fact term="Connected">
          <span class="mono">{dialText(peer.address)}</span>
        </Fact>
      )}
      {own.map((route) => (
        <RouteFact key={route.prefix} route={route} />
      ))}
      <Fact term="Version">{peer.software}</Fact>
      <Fact term="Id">
        <span class="mono id">{peer.node}</span>
      </Fact>
    </dl>
  )
}
