/** The page: the verdict and what to do on top, then the map and what is asked about, then the lists. */

import { effect } from '@preact/signals'
import { render } from 'preact'
import type { HeadMessage } from '../adapters/api/board.ts'
import { type NestedProblem, nestedProblems } from '../words/problems.ts'
import { durationText } from '../words/time.ts'
import { type Verdict, verdictOf } from '../words/verdict.ts'
import { Events } from './events.tsx'
import { followAddressBar } from './explained.ts'
import { Explanation, Search } from './explanation.tsx'
import { agentNow, follow, head, link } from './follow.ts'
import { Claims, Leases, Nodes, Routes } from './lists.tsx'
import { PoolMap } from './pool-map.tsx'
import { counted, grouped, timeText } from './words.ts'

const problemsMax = 50
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
  const problems = nestedProblems(known.problems, problemsMax)
  const more = known.problemsTotal - problems.length
  return (
    <section aria-label="State" class={`verdict ${tone}`}>
      <p role="status">
        <b>
          <span aria-hidden="true">{marks[tone]}</span> {word}
        </b>{' '}
        {text}.
      </p>
      <div class="problems">
        <Problems problems={problems} />
      </div>
      {more > 0 && (
        <p class="hint">{`and ${grouped(more)} more: starling status --json shows all`}</p>
      )}
    </section>
  )
}

/** What follows from another problem is under it, without a mend of its own. */
function Problems({ problems }: { readonly problems: readonly NestedProblem[] }) {
  const [{ depth } = { depth: 0 }] = problems
  const starts = problems.flatMap((problem, at) => (problem.depth === depth ? [at] : []))
  if (starts.length === 0) return null
  return (
    <ul>
      {starts.map((start, at) => {
        const [problem, ...under] = problems.slice(start, starts[at + 1])
        if (!problem) return null
        const { code, level, message, mend } = problem
        return (
          <li key={start} class={level}>
            <b>{level === 'error' ? 'error' : level === 'warn' ? 'warning' : 'note'}</b>
            <div>
              {message} <small class="mono">{code}</small>
              {depth === 0 && mend !== '' && <span class="mend">{mend}</span>}
              <Problems problems={under} />
            </div>
          </li>
        )
      })}
    </ul>
  )
}

function Foot({ head: known }: { readonly head: HeadMessage }) {
  return (
    <footer>
      <p>
        {`starling ${known.software}, ${known.phase}, up ${durationText(agentNow.value - known.bootedAtMs)}, incarnation ${known.incarnation}, ${counted(known.tombstones, 'tombstone')}, digest `}
        <span class="mono">{known.digest.slice(0, 16)}</span>
      </p>
      {known.inabilities.map(({ code, message, mend }) => (
        <p key={code}>
          {`Limits: ${message}`} <span class="mend">{mend}</span>
        </p>
      ))}
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
