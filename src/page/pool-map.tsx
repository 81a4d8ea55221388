/** A pool as a map of its subnets, by pointer, by keyboard and for a screen reader. */

import { useComputed, useSignal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { PoolMessage } from '../adapters/api/pool-map.ts'
import {
  type Cell,
  type CellState,
  cellPrefix,
  cellStates,
  cellsOf,
  cellText,
  stateWords,
} from './cells.ts'
import { explain } from './explained.ts'
import { claims, excluded, former, nodes, pools } from './follow.ts'
import { extentOf, indexAt, type Point, pointAt } from './hilbert.ts'
import { paintCell, paletteOf, tintOf } from './paint.ts'
import { grouped } from './words.ts'

export function PoolMap({ index, pool }: { readonly index: number; readonly pool: PoolMessage }) {
  const cells = useComputed(() =>
    cellsOf(index, {
      pools: pools.value,
      lists: { nodes: nodes.value, claims: claims.value, excluded: excluded.value },
      former: former.value,
    }),
  ).value
  const cursor = useSignal<number | undefined>(undefined)
  /** What a screen reader is told: where the keyboard went, and nothing that the pointer passes. */
  const said = useSignal('')
  const { columns, rows } = extentOf(pool.cellBits)
  const canvas = useCanvas(cells, pool.cellBits)
  const describe = (at: number): string => {
    const cell = cells[at]
    return cell ? cellText(pool, at, cell) : ''
  }

  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.ctrlKey || event.altKey || event.metaKey) return
    const at = cursor.value ?? firstTaken(cells)
    if (event.key === 'Enter' || event.key === ' ') explain(cellPrefix(pool, at))
    else {
      const next = moved(event.key, { at, cells, bits: pool.cellBits })
      if (next === undefined) return
      cursor.value = next
      said.value = describe(next)
    }
    event.preventDefault()
  }
  const onFocus = (): void => {
    cursor.value ??= firstTaken(cells)
    said.value = describe(cursor.value)
  }
  const pointed = (event: MouseEvent): number | undefined => {
    const box = canvas.current?.getBoundingClientRect()
    if (!box) return undefined
    const x = Math.floor(((event.clientX - box.left) / box.width) * columns)
    const y = Math.floor(((event.clientY - box.top) / box.height) * rows)
    const isInside = x >= 0 && x < columns && y >= 0 && y < rows
    return isInside ? indexAt({ x, y }, pool.cellBits) : undefined
  }

  const label = `Map of ${pool.prefix}, ${grouped(2 ** pool.cellBits)} cells`
  return (
    <div class="pool">
      <p class="readout mono">
        {cursor.value === undefined ? scopeText(pool) : describe(cursor.value)}
      </p>
      <div
        class="map"
        role="application"
        tabIndex={0}
        aria-label={label}
        aria-roledescription="map"
        aria-describedby={`keys-${index}`}
        onKeyDown={onKeyDown}
        onFocus={onFocus}
        onPointerMove={(event) => {
          cursor.value = pointed(event) ?? cursor.value
        }}
        onClick={(event) => {
          const at = pointed(event)
          if (at !== undefined) explain(cellPrefix(pool, at))
        }}
      >
        <canvas ref={canvas} />
        <Cursor at={cursor.value} bits={pool.cellBits} />
      </div>
      <p id={`keys-${index}`} class="hint">
        Arrow keys move, Page Up and Page Down jump between taken subnets, Enter explains.
      </p>
      <p class="unseen" role="status">
        {said.value}
      </p>
      <Legend cells={cells} />
    </div>
  )
}

function Cursor({ at, bits }: { readonly at: number | undefined; readonly bits: number }) {
  if (at === undefined) return null
  const { columns, rows } = extentOf(bits)
  const { x, y } = pointAt(at, bits)
  const percent = (part: number, of: number): string => `${(part / of) * 100}%`
  const place = {
    left: percent(x, columns),
    top: percent(y, rows),
    width: percent(1, columns),
    height: percent(1, rows),
  }
  return <div class="cursor" style={place} />
}

function Legend({ cells }: { readonly cells: readonly Cell[] }) {
  const counts = new Map<CellState, number>()
  for (const { state } of cells) counts.set(state, (counts.get(state) ?? 0) + 1)
  return (
    <ul class="legend" aria-label="Cells by state">
      {cellStates.map((state) => (
        <li key={state} class={counts.has(state) ? '' : 'none'}>
          <Sample state={state} />
          {stateWords[state]} <b>{grouped(counts.get(state) ?? 0)}</b>
        </li>
      ))}
    </ul>
  )
}

function Sample({ state }: { readonly state: CellState }) {
  const canvas = useRef<HTMLCanvasElement>(null)
  useEffect(
    () =>
      onScheme(() => {
        const side = Math.round(14 * devicePixelRatio)
        const context = sized(canvas.current, { columns: 1, rows: 1, side })
        if (!context) return
        const palette = paletteOf(context.canvas)
        paintCell(context, { x: 0, y: 0, size: side }, { state, tint: 0, palette })
      }),
    [state],
  )
  return <canvas ref={canvas} class="sample" />
}

function useCanvas(cells: readonly Cell[], bits: number) {
  const canvas = useRef<HTMLCanvasElement>(null)
  const latest = useRef(cells)
  latest.current = cells
  const paint = useRef(() => {})
  paint.current = () => {
    const element = canvas.current
    // The map is as wide as what is painted, and that as there is room around it.
    const room = element?.closest('.pool')?.clientWidth ?? 0
    if (!element || room === 0) return
    const { columns, rows } = extentOf(bits)
    const side = Math.max(1, Math.floor((room * devicePixelRatio) / columns))
    const context = sized(element, { columns, rows, side })
    if (context) paintAll(context, latest.current, { bits, side })
  }
  useEffect(() => paint.current(), [cells, bits])
  useEffect(() => {
    const observer = new ResizeObserver(() => paint.current())
    const pool = canvas.current?.closest('.pool')
    if (pool) observer.observe(pool)
    const stop = onScheme(() => paint.current())
    return () => {
      observer.disconnect()
      stop()
    }
  }, [])
  return canvas
}

function paintAll(
  context: CanvasRenderingContext2D,
  cells: readonly Cell[],
  { bits, side }: { bits: number; side: number },
): void {
  const palette = paletteOf(context.canvas)
  const gap = side >= 8 ? Math.max(1, Math.round(side / 14)) : side >= 4 ? 1 : 0
  context.clearRect(0, 0, context.canvas.width, context.canvas.height)
  for (const [at, { state, claims }] of cells.entries()) {
    const { x, y } = pointAt(at, bits)
    const square = { x: x * side, y: y * side, size: side - gap }
    paintCell(context, square, { state, tint: tintOf(claims[0]?.node ?? ''), palette })
    const name = state === 'confirmed' ? claims[0]?.name : undefined
    if (name === undefined || side < namedFrom * devicePixelRatio) continue
    const height = Math.round(11 * devicePixelRatio)
    context.fillStyle = palette.ink
    context.font = `${height}px ui-monospace, monospace`
    context.fillText(name.slice(0, 8), square.x + height / 2, square.y + height * 1.5)
  }
}

/** The width in px of a cell that has room for a name. */
const namedFrom = 56

/** Gives it as many pixels of the screen as its cells take, `side` for each. */
function sized(
  element: HTMLCanvasElement | null,
  { columns, rows, side }: { columns: number; rows: number; side: number },
): CanvasRenderingContext2D | null {
  if (!element) return null
  element.width = columns * side
  element.height = rows * side
  element.style.width = `${element.width / devicePixelRatio}px`
  element.style.height = `${element.height / devicePixelRatio}px`
  return element.getContext('2d')
}

/** Calls back at once, and whenever dark becomes light or the other way round. */
function onScheme(callback: () => void): () => void {
  const query = matchMedia('(prefers-color-scheme: dark)')
  callback()
  query.addEventListener('change', callback)
  return () => query.removeEventListener('change', callback)
}

function scopeText({ cellLength, cellBits, subnetLength, subnets }: PoolMessage): string {
  const cells = `one cell for each /${cellLength}`
  return cellLength === subnetLength && BigInt(subnets) === 1n << BigInt(cellBits)
    ? cells
    : `${cells}, the first ${grouped(2 ** (cellBits + subnetLength - cellLength))} of ${grouped(subnets)} subnets`
}

const firstTaken = (cells: readonly Cell[]): number =>
  Math.max(
    0,
    cells.findIndex(({ state }) => state === 'own'),
  )

/** Undefined: that key moves nothing. */
function moved(
  key: string,
  { at, cells, bits }: { at: number; cells: readonly Cell[]; bits: number },
): number | undefined {
  const { columns, rows } = extentOf(bits)
  const { x, y } = pointAt(at, bits)
  const to = (point: Point): number =>
    indexAt(
      {
        x: Math.min(columns - 1, Math.max(0, point.x)),
        y: Math.min(rows - 1, Math.max(0, point.y)),
      },
      bits,
    )
  const isTaken = ({ state }: Cell): boolean => state !== 'free' && state !== 'excluded'
  switch (key) {
    case 'ArrowLeft':
      return to({ x: x - 1, y })
    case 'ArrowRight':
      return to({ x: x + 1, y })
    case 'ArrowUp':
      return to({ x, y: y - 1 })
    case 'ArrowDown':
      return to({ x, y: y + 1 })
    case 'Home':
      return 0
    case 'End':
      return cells.length - 1
    case 'PageDown': {
      const next = cells.findIndex((cell, index) => index > at && isTaken(cell))
      return next < 0 ? at : next
    }
    case 'PageUp': {
      const before = cells.findLastIndex((cell, index) => index < at && isTaken(cell))
      return before < 0 ? at : before
    }
    default:
      return undefined
  }
}
