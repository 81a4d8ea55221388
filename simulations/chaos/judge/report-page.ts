/** How a run of chaos went, as one page that loads nothing. */

import type { Millis } from '../../../src/core/rng.ts'
import { type Axis, type Band, type Line as Curve, chartSvg, escaped } from '../../sim/chart.ts'
import { median, percentile } from '../../statistics.ts'
import { kindOf, type Realm } from '../plan/catalogue.ts'
import { faultText, type Schedule } from '../plan/schedule.ts'
import type { Played } from './excuse.ts'
import { boundOf, playedOf, type Verdict } from './judge.ts'
import { laneSvg, type Time } from './lanes.ts'
import type { Line } from './record.ts'
import type { Violation } from './violation.ts'

type Lost = Extract<Line, { type: 'lost' }>

const evidenceMs = 5_000
const eventsMax = 30
const violationsMax = 30

/** Throws where the lines are no run. */
export function reportPage(lines: readonly Line[], verdict: Verdict, again: string): string {
  const run = lines.find((line) => line.type === 'run')
  if (run?.type !== 'run') throw new Error('this is no run of chaos: it has no schedule')
  const { schedule } = run
  const played = playedOf(lines, schedule)
  const time = timeOf(lines)
  const title = `chaos: ${schedule.scenario}, ${schedule.hosts} hosts, seed ${schedule.seed}`
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title><style>${style}</style></head>
<body><h1>${escaped(title)}</h1>
${header(verdict, schedule, again, time)}
<h2>What was done</h2>
${laneSvg(schedule.hosts, played, time)}
<p class="keys">${realmKeys()}</p>
${charts(lines, schedule, played, time)}
<h2>Lost echoes</h2>
${matrix(lines, schedule)}
<h2>Until all was right</h2>
${recoveries(verdict, schedule)}
<h2>Never told</h2>
<p>Events that no agent told in this run: ${verdict.unseen.join(', ') || 'none'}.</p>
${violations(lines, verdict, time)}
</body></html>
`
}

/** From the first line with a time to the last one. */
function timeOf(lines: readonly Line[]): Time {
  let [fromMs, toMs] = [Number.POSITIVE_INFINITY, 0]
  for (const line of lines) {
    if (!('atMs' in line)) continue
    fromMs = Math.min(fromMs, line.atMs)
    toMs = Math.max(toMs, line.atMs)
  }
  return { fromMs, toMs }
}

function header(verdict: Verdict, schedule: Schedule, again: string, time: Time): string {
  const { violations: found, echoes, skipped } = verdict
  const excused = [...echoes.excused.values()].reduce((sum, count) => sum + count, 0)
  const share = (count: number) => (echoes.sent === 0 ? 0 : (100 * count) / echoes.sent).toFixed(1)
  const faults = schedule.rounds.flatMap((round) => round.faults).length
  return `<p class="verdict ${found.length === 0 ? 'good' : 'bad'}">${found.length === 0 ? 'No violation' : `${found.length} violation${found.length === 1 ? '' : 's'}`}</p>
<dl><dt>played</dt><dd>${schedule.rounds.length} rounds with ${faults} faults, ${[...skipped.values()].reduce((sum, count) => sum + count, 0)} of them skipped, in ${Math.round((time.toMs - time.fromMs) / 1_000)} s</dd>
<dt>echoes</dt><dd>${echoes.sent} sent, ${echoes.good} answered, ${excused} (${share(excused)} %) lost with an excuse, ${echoes.unexcused} without; what was played allows ${share(echoes.allowed)} %</dd>
<dt>by TCP</dt><dd>${verdict.moved} numbers went and came back</dd>
<dt>again</dt><dd><code>npm run chaos -- ${escaped(again)}</code></dd></dl>`
}

function realmKeys(): string {
  return realms.map((realm) => `<span class="realm ${realm}">${realm}</span>`).join(' ')
}

function charts(
  lines: readonly Line[],
  { hosts }: Schedule,
  played: readonly Played[],
  time: Time,
): string {
  const seconds = (ms: Millis) => (ms - time.fromMs) / 1_000
  const x: Axis = {
    label: 's',
    from: 0,
    to: seconds(time.toMs),
    scale: 'linear',
    text: (value) => String(Math.round(value)),
  }
  const bands: Band[] = played.map(({ fault, begunAtMs, mendedAtMs = time.toMs }) => ({
    from: seconds(begunAtMs),
    to: seconds(mendedAtMs),
    style: kindOf(fault.name).realm,
    what: faultText(fault),
  }))
  const samples = lines.flatMap((line) => (line.type === 'sample' ? [line] : []))
  const curve = (name: string, kind: string, of: (at: number) => number): Curve => ({
    name,
    style: kind,
    points: samples.map((sample, at) => [seconds(sample.atMs), of(at)]),
  })
  const percent = (value: number) => `${Math.round(value)} %`
  const shares: Axis = { label: '', from: 0, to: 100, scale: 'linear', text: percent }
  const most = (of: (at: number) => number) => Math.max(1, ...samples.map((_, at) => of(at)))
  const digests = (at: number) => samples[at]?.digests ?? 0
  const elapsed = (at: number) => (samples[at]?.atMs ?? 0) - (samples[at - 1]?.atMs ?? 0)
  const cpu = (at: number, ms: number) => (at === 0 ? 0 : (100 * ms) / elapsed(at))
  const agents = (at: number) => cpu(at, samples[at]?.agentsCpuMs ?? 0)
  const said = (at: number) =>
    at === 0 ? 0 : ((samples[at]?.said ?? 0) - (samples[at - 1]?.said ?? 0)) / (elapsed(at) / 1_000)
  const runner = (at: number) => cpu(at, samples[at]?.runnerCpuMs ?? 0)
  return [
    {
      title: 'reached, and kernels complete',
      lines: [
        {
          name: 'pairs that reach each other',
          style: 'first',
          points: reached(lines, hosts, time),
        },
        curve(
          'kernels with a route to each host',
          'second',
          (at) => (100 * (samples[at]?.complete ?? 0)) / hosts,
        ),
      ],
      y: shares,
    },
    {
      title: 'different digests',
      lines: [curve('agents that answer', 'third', digests)],
      // Of five steps, each a whole number.
      y: {
        ...shares,
        to: 5 * Math.ceil(most(digests) / 5),
        text: (value: number) => String(Math.round(value)),
      },
    },
    {
      title: 'packets between agents, each second',
      lines: [curve('TCP port 7871, acknowledgements too', 'second', said)],
      y: { ...shares, to: most(said), text: (value: number) => String(Math.round(value)) },
    },
    {
      title: 'CPU, of one core',
      lines: [curve('all agents', 'first', agents), curve('this run itself', 'third', runner)],
      y: { ...shares, to: most((at) => Math.max(agents(at), runner(at))) },
    },
  ]
    .map((chart) => chartSvg({ ...chart, x, bands }))
    .join('\n')
}

/** Share of the ordered pairs that lost nothing in each half second. */
function reached(lines: readonly Line[], hosts: number, time: Time): [number, number][] {
  const stepMs = 500
  const count = Math.ceil((time.toMs - time.fromMs) / stepMs)
  const failing = Array.from({ length: count }, () => new Set<string>())
  for (const line of lines) {
    if (line.type !== 'lost' || line.kind === 'late' || line.isFull || line.isProbe) continue
    const first = Math.max(0, Math.floor((line.firstMs - time.fromMs) / stepMs))
    const last = Math.min(count - 1, Math.floor((line.lastMs - time.fromMs) / stepMs))
    for (let step = first; step <= last; step += 1) failing[step]?.add(`${line.from} ${line.to}`)
  }
  const pairs = hosts * (hosts - 1)
  return failing.map(({ size }, step) => [
    (step * stepMs) / 1_000,
    (100 * (pairs - size)) / Math.max(1, pairs),
  ])
}

function matrix(lines: readonly Line[], { hosts }: Schedule): string {
  const numbers = Array.from({ length: hosts }, (_, host) => host)
  const lost = lines.filter(
    (line): line is Lost => line.type === 'lost' && !line.isProbe && line.kind !== 'late',
  )
  const cell = (from: number, to: number) => {
    if (from === to) return '<td class="self"></td>'
    const count = lost
      .filter((line) => line.from === from && line.to === to)
      .reduce((sum, line) => sum + line.count, 0)
    return `<td>${count === 0 ? '' : count}</td>`
  }
  return `<div class="wide"><table class="matrix"><caption>from the host of the row to that of the column, excused or not</caption>
<tr><th></th>${numbers.map((to) => `<th scope="col">${to}</th>`).join('')}</tr>
${numbers.map((from) => `<tr><th scope="row">${from}</th>${numbers.map((to) => cell(from, to)).join('')}</tr>`).join('\n')}</table></div>`
}

function recoveries({ recoveries: all }: Verdict, schedule: Schedule): string {
  const rows = [...all].map(([name, times]) => {
    const boundMs = Math.max(
      ...schedule.rounds
        .filter(({ faults }) => faults.some((fault) => fault.name === name))
        .map(({ number }) => boundOf(schedule, number)),
    )
    const cells = [median(times), percentile(times, 99), Math.max(...times), boundMs].map(
      (ms) => `<td>${(ms / 1_000).toFixed(1)} s</td>`,
    )
    return `<tr><th scope="row">${name}</th><td>${times.length}</td>${cells.join('')}</tr>`
  })
  return `<div class="wide"><table><caption>after the last fault of a round was mended</caption><tr><th>rounds that had</th><th>n</th><th>median</th><th>p99</th><th>most</th><th>bound</th></tr>
${rows.join('\n')}</table></div>`
}

function violations(lines: readonly Line[], { violations: all }: Verdict, time: Time): string {
  if (all.length === 0) return ''
  const more = all.length > violationsMax ? `<p>and ${all.length - violationsMax} more</p>` : ''
  return `<h2>Violations</h2>${all
    .slice(0, violationsMax)
    .map((each) => violation(each, lines, time))
    .join('\n')}${more}`
}

/** With what the hosts that it concerns told around that moment. */
function violation({ checker, what, atMs, hosts }: Violation, lines: readonly Line[], time: Time) {
  const when = atMs === undefined ? '' : ` at ${((atMs - time.fromMs) / 1_000).toFixed(1)} s`
  const events =
    atMs === undefined
      ? []
      : lines
          .flatMap((line) => (line.type === 'event' || line.type === 'route' ? [line] : []))
          .filter((line) => hosts.includes(line.host) && Math.abs(line.atMs - atMs) <= evidenceMs)
          .slice(0, eventsMax)
  const told = events.map((line) => {
    const what =
      line.type === 'event'
        ? `${line.code}: ${line.text}`
        : `its kernel: route to ${line.destination} ${line.change}`
    const at = ((line.atMs - time.fromMs) / 1_000).toFixed(2).padStart(8)
    return `${at} host${line.host} ${what}`
  })
  const evidence = told.length === 0 ? '' : `<pre>${escaped(told.join('\n'))}</pre>`
  return `<details open><summary class="bad">${escaped(`${checker}${when}: ${what}`)}</summary>${evidence}</details>`
}

/** Of each realm, on a light and on a dark page. */
const colours: Readonly<Record<Realm, { readonly light: string; readonly dark: string }>> = {
  agent: { light: '#8250df', dark: '#a371f7' },
  host: { light: '#cf222e', dark: '#f85149' },
  line: { light: '#bc4c00', dark: '#db6d28' },
  kernel: { light: '#0969da', dark: '#58a6ff' },
  disk: { light: '#1a7f37', dark: '#3fb950' },
  clock: { light: '#9a6700', dark: '#d29922' },
  names: { light: '#0e7490', dark: '#39c5cf' },
  stranger: { light: '#bf3989', dark: '#f778ba' },
  operator: { light: '#6e7781', dark: '#8b949e' },
}
const realms = Object.keys(colours) as Realm[]
const coloursOf = (page: 'light' | 'dark'): string =>
  realms.map((realm) => `--${realm}: ${colours[realm][page]}`).join('; ')

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d8dee4; --one: #0969da; --two: #1a7f37; --three: #9a6700; --bad: #cf222e;
  ${coloursOf('light')} }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #30363d; --one: #58a6ff; --two: #3fb950; --three: #d29922; --bad: #f85149;
  ${coloursOf('dark')} } }
body { max-width: 900px; margin: 2rem auto; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2rem } .verdict { font-size: 1.2rem; font-weight: 600 }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem } dt { opacity: .75 } dd { margin: 0; overflow-wrap: anywhere }
figure { margin: 1rem 0; overflow-x: auto } svg { width: 100%; min-width: 640px; height: auto } pre { overflow-x: auto; font-size: 13px } .wide { overflow-x: auto }
table { border-collapse: collapse } caption { text-align: left; opacity: .75 } td, th { padding: .15rem .6rem; border: 1px solid var(--faint); text-align: right } th { font-weight: 600 } .self { background: var(--faint) }
polyline { fill: none; stroke-width: 2 } .grid { stroke: var(--faint) } .tick { fill: var(--ink); font-size: 12px; opacity: .75 }
polyline.first { stroke: var(--one) } polyline.second { stroke: var(--two) } polyline.third { stroke: var(--three) }
.key { margin-left: 1rem; white-space: nowrap } .key::before { content: ''; display: inline-block; width: 1.2em; height: 3px; margin-right: .4em; vertical-align: middle; background: currentColor }
.key.first { color: var(--one) } .key.second { color: var(--two) } .key.third { color: var(--three) }
.band { opacity: .16 } .lane .band { opacity: .75 }
${realms.map((realm) => `.band.${realm} { fill: var(--${realm}) } .realm.${realm} { color: var(--${realm}) }`).join('\n')}
.realm { margin-right: 1rem } .realm::before { content: ''; display: inline-block; width: .9em; height: .9em; margin-right: .35em; vertical-align: -.1em; background: currentColor }
.good { color: var(--two) } .bad { color: var(--bad) }`
