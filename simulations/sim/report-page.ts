/** How simulations went, as one page that loads nothing: over time for one, across sizes for several. */

import { type Axis, type Chart, chartSvg, escaped, type Line } from './chart.ts'
import { heading, phaseLines } from './report.ts'
import type { Sample } from './sampling.ts'
import type { Outcome } from './simulate.ts'

export const reportPage = (outcomes: readonly Outcome[]): string => {
  const [first] = outcomes
  const title = first ? `${first.scenario}, seed ${first.seed}` : 'nothing was played'
  const sizes = outcomes.map(({ nodes }) => nodes).join(', ')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${escaped(title)}</title><style>${style}</style></head>
<body><h1>${escaped(title)}</h1>
<p>${outcomes.length > 1 ? `clusters of ${sizes} nodes` : `${sizes} nodes`}</p>
${outcomes.length > 1 ? acrossSizes(outcomes) : ''}
${outcomes.map((outcome) => section(outcome, outcomes.length > 1)).join('\n')}
</body></html>
`
}

function section(outcome: Outcome, isOfSeveral: boolean): string {
  const { violations, remarks } = outcome
  const verdict =
    violations.length === 0
      ? '<p class="good">every checker is content</p>'
      : `<ul class="bad">${violations
          .slice(0, 20)
          .map(({ checker, host, what }) => `<li>${escaped(`${checker}: ${host}: ${what}`)}</li>`)
          .join('')}</ul>`
  return `<section>${isOfSeveral ? `<h2>${outcome.nodes} nodes</h2>` : ''}
${verdict}
${overTime(outcome)}
<details${isOfSeveral ? '' : ' open'}><summary>phases</summary><pre>${escaped([...heading(outcome), ...outcome.phases.flatMap(phaseLines), ...remarks].join('\n'))}</pre></details></section>`
}

function overTime({ samples, marks, virtualMs }: Outcome): string {
  const seconds = (ms: number) => ms / 1_000
  const x: Axis = {
    label: 'virtual time, s',
    from: 0,
    // After the last thing that was done to it nothing happens.
    to: Math.min(seconds(virtualMs), 1.15 * Math.max(5, ...marks.map(({ atMs }) => seconds(atMs)))),
    scale: 'linear',
    text: (value) => String(Math.round(value * 100) / 100),
  }
  const shown = marks.map(({ atMs, what }) => ({ at: seconds(atMs), what }))
  const line = (name: string, kind: string, of: (sample: Sample, at: number) => number): Line => ({
    name,
    style: kind,
    points: samples
      .map((sample, at): [number, number] => [seconds(sample.atMs), of(sample, at)])
      .filter(([at]) => at <= x.to),
  })
  const part = (count: number, { hosts }: Sample) => (hosts === 0 ? 0 : (100 * count) / hosts)
  /** Since the sample before, for each node and second. */
  const rate = (of: (sample: Sample) => number) => (sample: Sample, at: number) => {
    const before = samples[at - 1]
    if (!before || sample.hosts === 0) return 0
    return (of(sample) - of(before)) / sample.hosts / seconds(sample.atMs - before.atMs)
  }
  const charts: readonly Omit<Chart, 'x'>[] = [
    {
      title: 'agreed, and kernels complete',
      lines: [
        line('nodes with the digest that most have, %', 'first', (s) => part(s.agreed, s)),
        line('kernels that are as they should be, %', 'second', (s) => part(s.complete, s)),
      ],
      y: { label: '', from: 0, to: 100, scale: 'linear', text: (value) => `${value} %` },
      marks: shown,
    },
    counted(
      'messages',
      line(
        'per node and second',
        'first',
        rate(({ messages }) => messages),
      ),
    ),
    counted(
      'bytes',
      line(
        'KiB per node and second',
        'second',
        rate(({ bytes }) => bytes / 1_024),
      ),
    ),
    counted(
      'conflicts',
      line('claims that yield to others', 'third', ({ conflicts }) => conflicts),
    ),
  ]
  return charts.map((chart) => chartSvg({ ...chart, x })).join('\n')
}

const counted = (title: string, line: Line): Omit<Chart, 'x'> => {
  const most = Math.max(1, ...line.points.map(([, y]) => y))
  return { title, lines: [line], y: countAxis(most) }
}

const countAxis = (to: number): Axis => ({
  label: '',
  from: 0,
  to,
  scale: 'linear',
  text: (value) => String(Math.round(value * 100) / 100),
})

/** Of the first phase of each. */
function acrossSizes(outcomes: readonly Outcome[]): string {
  const sizes = outcomes.map(({ nodes }) => nodes)
  const x: Axis = {
    label: 'nodes',
    from: Math.min(...sizes),
    to: Math.max(...sizes),
    scale: 'log',
    text: String,
  }
  const line = (
    name: string,
    kind: string,
    of: (phase: Outcome['phases'][number]) => number,
  ): Line => ({
    name,
    style: kind,
    points: outcomes.flatMap(({ nodes, phases: [phase] }) =>
      phase ? [[nodes, of(phase)] as const] : [],
    ),
  })
  const perNode =
    (of: (work: Outcome['phases'][number]['work']) => number) =>
    (phase: Outcome['phases'][number]) =>
      of(phase.work) / Math.max(1, phase.hosts)
  return [
    counted(
      'time to settle',
      line('s', 'first', ({ settledMs }) => settledMs / 1_000),
    ),
    counted(
      'messages',
      line(
        'per node',
        'second',
        perNode((work) => work.gossipMessages + work.syncMessages),
      ),
    ),
    counted(
      'bytes',
      line(
        'KiB per node',
        'third',
        perNode(({ bytes }) => bytes / 1_024),
      ),
    ),
  ]
    .map((chart) => chartSvg({ ...chart, title: `${chart.title}, first phase`, x }))
    .join('\n')
}

const style = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --faint: #d8dee4; --one: #0969da; --two: #1a7f37; --three: #9a6700; --mark: #cf222e }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --faint: #30363d; --one: #58a6ff; --two: #3fb950; --three: #d29922; --mark: #f85149 } }
body { max-width: 900px; margin: 2rem auto; padding: 0 1rem; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem }
figure { margin: 1.2rem 0 } svg { width: 100%; height: auto } pre { overflow-x: auto; font-size: 13px }
polyline { fill: none; stroke-width: 2 } .grid { stroke: var(--faint) } .tick { fill: var(--ink); font-size: 12px; opacity: .75 }
polyline.first { stroke: var(--one) } polyline.second { stroke: var(--two) } polyline.third { stroke: var(--three) }
.key { margin-left: 1rem; white-space: nowrap } .key::before { content: ''; display: inline-block; width: 1.2em; height: 3px; margin-right: .4em; vertical-align: middle; background: currentColor }
.key.first { color: var(--one) } .key.second { color: var(--two) } .key.third { color: var(--three) }
.mark line { stroke: var(--mark); stroke-width: 6; opacity: 0 } .mark:hover line { opacity: .25 } .mark path { fill: var(--mark) }
.good { color: var(--two) } .bad { color: var(--mark) }`
