/** Line charts as SVG, for pages that load nothing. */

export interface Line {
  readonly name: string
  /** A class of the page's style. */
  readonly style: string
  readonly points: readonly (readonly [number, number])[]
}

export interface Chart {
  readonly title: string
  readonly lines: readonly Line[]
  readonly x: Axis
  readonly y: Axis
  /** Drawn as ticks above the x axis; what they are is told where a pointer rests. */
  readonly marks?: readonly { readonly at: number; readonly what: string }[]
  /** Drawn over the whole height, behind the lines; likewise. */
  readonly bands?: readonly Band[]
}

export interface Band {
  readonly from: number
  readonly to: number
  /** A class of the page's style. */
  readonly style: string
  readonly what: string
}

export interface Axis {
  readonly label: string
  readonly from: number
  readonly to: number
  readonly scale: 'linear' | 'log'
  readonly text: (value: number) => string
}

const width = 860
const height = 210
const edge = { left: 64, right: 16, top: 10, bottom: 40 } as const
const ticksWanted = 6

export function chartSvg({ title, lines, x, y, marks = [], bands = [] }: Chart): string {
  const toX = (value: number) => edge.left + share(x, value) * (width - edge.left - edge.right)
  const bottom = height - edge.bottom
  const toY = (value: number) => bottom - share(y, value) * (bottom - edge.top)
  const vertical = ticksOf(x).map((value) => {
    const at = round(toX(value))
    return `<line class="grid" x1="${at}" x2="${at}" y1="${edge.top}" y2="${bottom}"/><text class="tick" x="${at}" y="${bottom + 16}" text-anchor="middle">${x.text(value)}</text>`
  })
  const horizontal = ticksOf(y).map((value) => {
    const at = round(toY(value))
    return `<line class="grid" x1="${edge.left}" x2="${width - edge.right}" y1="${at}" y2="${at}"/><text class="tick" x="${edge.left - 8}" y="${at + 4}" text-anchor="end">${y.text(value)}</text>`
  })
  const banded = bands.map(({ from, to, style, what }) => {
    const left = round(toX(from))
    const across = Math.max(1.5, round(toX(to)) - left)
    return `<rect class="band ${style}" x="${left}" y="${edge.top}" width="${round(across)}" height="${bottom - edge.top}"><title>${escaped(what)}</title></rect>`
  })
  const drawn = lines.map(({ style, points }) => {
    const path = points.map(([px, py]) => `${round(toX(px))},${round(toY(py))}`).join(' ')
    return `<polyline class="${style}" points="${path}"/>`
  })
  const ticked = marks.map(({ at, what }) => {
    const left = round(toX(at))
    return `<g class="mark"><line x1="${left}" x2="${left}" y1="${edge.top}" y2="${bottom}"/><path d="M${left - 4} ${bottom} h8 l-4 -7 z"/><title>${escaped(`${x.text(at)}: ${what}`)}</title></g>`
  })
  const key = lines.map(({ name, style }) => `<span class="key ${style}">${escaped(name)}</span>`)
  return `<figure><figcaption><b>${escaped(title)}</b> ${key.join(' ')}</figcaption>
<svg viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(title)}">${[...banded, ...vertical, ...horizontal, ...ticked, ...drawn].join('')}<text class="tick" x="${width - edge.right}" y="${height - 6}" text-anchor="end">${escaped(x.label)}</text></svg></figure>`
}

/** Where a value is between the ends of its axis. */
function share({ from, to, scale }: Axis, value: number): number {
  if (to <= from) return 0
  const at =
    scale === 'linear' ? (value - from) / (to - from) : Math.log(value / from) / Math.log(to / from)
  return Math.min(1, Math.max(0, at))
}

function ticksOf({ from, to, scale }: Axis): number[] {
  if (to <= from) return [from]
  if (scale === 'log') {
    const ticks: number[] = []
    const factor = to / from > 64 ? 4 : 2
    for (let value = from; value <= to * 1.001; value *= factor) ticks.push(value)
    return ticks
  }
  const rough = (to - from) / ticksWanted
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const ticks: number[] = []
  for (let value = Math.ceil(from / step) * step; value <= to + step / 1e6; value += step) {
    ticks.push(value)
  }
  return ticks
}

const round = (value: number): number => Math.round(value * 10) / 10

export const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('"', '&quot;')
