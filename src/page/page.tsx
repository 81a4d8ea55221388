/** The page: the verdict and what to do on top, then the map and what is asked about, then the lists. */

import { computed, effect } from '@preact/signals'
import { render } from 'preact'
import type { HeadMessage } from '../adapters/api/board.ts'
import { Events } from './events.tsx'
import { followAddressBar } from './explained.ts'
import { Explanation, Search } from './explanation.tsx'
import { agentNow, follow, link, shown } from './follow.ts'
import { Claims, Leases, Nodes, Routes } from './lists.tsx'
import { PoolMap } from './pool-map.tsx'
import { counted, durationText, grouped, timeText, type Verdict, verdictOf } from './words.ts'

const head = computed(() => shown.value.head)
const marks: Readonly<Record<Verdict['tone'], string>> = { good: '✓', warn: '!', bad: '✕' }

function Page() {
  return (
    <>
      <button type="button" class="skip" onClick={skip}>
        Skip to the map
      </button>
      <header>
        <h1>
          starling <span>{head.value?.name}</span>
        </h1>
        <p class="where">
          {head.value &&
            `cluster ${head.value.cluster}, ${head.value.uplink || 'no uplink'} ${head.value.nextHops.join(' ')}`}
        </p>
        <Search />
      </header>
      <main>
        <LinkState />
        {head.value ? <All head={head.value} /> : <p class="hint">Waiting for the agent …</p>}
      </main>
    </>
  )
}

/** No link: the address of the page is for what is asked about. */
function skip(): void {
  document.querySelector<HTMLElement>('.map')?.focus()
}

function LinkState() {
  const { value } = link
  const text =
    value.state === 'lost'
      ? `No word from the agent since ${timeText(value.at)}: what is shown is from then. It is asked again.`
      : value.state === 'refused'
        ? value.problem
        : ''
  return (
    <p role="status" class={text === '' ? 'unseen' : 'lost'}>
      {text}
    </p>
  )
}

function All({ head: known }: { readonly head: HeadMessage }) {
  return (
    <>
      <State head={known} />
      <div class="two">
        <section aria-labelledby="map-of-pool">
          <div class="head">
            <h2 id="map-of-pool">Pool</h2>
            <p>
              {known.pools
                .map(
                  ({ prefix, subnets, subnetLength }) =>
                    `${prefix} in ${grouped(subnets)} subnets of /${subnetLength}`,
                )
                .join('; ')}
            </p>
          </div>
          {known.pools.map((pool, index) => (
            <PoolMap key={pool.prefix} index={index} pool={pool} />
          ))}
          <Claims />
        </section>
        <div class="column">
          <Explanation />
          <Nodes />
        </div>
      </div>
      <Routes />
      <div class="two even">
        <Leases />
        <Events />
      </div>
      <Foot head={known} />
    </>
  )
}

function State({ head: known }: { readonly head: HeadMessage }) {
  const { tone, word, text } = verdictOf(known)
  const more = known.problemsTotal - known.problems.length
  return (
    <section aria-label="State" class={`verdict ${tone}`}>
      <p role="status">
        <b>
          <span aria-hidden="true">{marks[tone]}</span> {word}
        </b>{' '}
        {text}
      </p>
      {known.problems.length > 0 && (
        <ul class="problems">
          {known.problems.map(({ code, level, message, mend }, index) => (
            <li key={index} class={level}>
              <b>{level === 'error' ? 'error' : level === 'warn' ? 'warning' : 'note'}</b>
              <span>
                {message} <small class="mono">{code}</small>
                {mend !== '' && <span class="mend">{mend}</span>}
              </span>
            </li>
          ))}
        </ul>
      )}
      {more > 0 && (
        <p class="hint">{`and ${grouped(more)} more: starling status --json shows all`}</p>
      )}
    </section>
  )
}

function Foot({ head: known }: { readonly head: HeadMessage }) {
  return (
    <footer>
      <p>
        {`starling ${known.software}, ${known.phase}, up ${durationText(agentNow.value - known.bootedAtMs)}, incarnation ${known.incarnation}, ${counted(known.tombstones, 'tombstone')}, digest `}
        <span class="mono">{known.digest.slice(0, 16)}</span>
      </p>
    </footer>
  )
}

effect(() => {
  const known = head.value
  if (known) document.title = `${marks[verdictOf(known).tone]} ${known.name} · starling`
})
effect(() => {
  document.body.classList.toggle('stale', link.value.state === 'lost')
})
render(<Page />, document.body)
follow()
followAddressBar()
