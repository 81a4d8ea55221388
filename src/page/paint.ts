/** Draws cells: each state has a colour and a shape of its own, so that either tells them apart. */

import type { CellState } from './cells.ts'

export interface Palette {
  readonly surface: string
  readonly ink: string
  readonly free: string
  readonly line: string
  readonly accent: string
  readonly warn: string
  readonly bad: string
  readonly tints: readonly string[]
}

export function paletteOf(element: Element): Palette {
  const style = getComputedStyle(element)
  const value = (name: string): string => style.getPropertyValue(`--${name}`).trim()
  return {
    surface: value('surface'),
    ink: value('ink'),
    free: value('free'),
    line: value('line'),
    accent: value('accent'),
    warn: value('warn'),
    bad: value('bad'),
    tints: Array.from({ length: tintCount }, (_, index) => value(`tint-${index}`)),
  }
}

export const tintCount = 6

/** One of the tints for each node: neighbours in a block are told apart. */
export function tintOf(node: string): number {
  let sum = 0
  for (let at = 0; at < node.length; at += 1) sum = (sum * 31 + node.charCodeAt(at)) >>> 0
  return sum % tintCount
}

export interface Square {
  readonly x: number
  readonly y: number
  readonly size: number
}

export function paintCell(
  context: CanvasRenderingContext2D,
  square: Square,
  { state, tint, palette }: { state: CellState; tint: number; palette: Palette },
): void {
  const { x, y, size } = square
  const fill = (colour: string): void => {
    context.fillStyle = colour
    context.fillRect(x, y, size, size)
  }
  const node = palette.tints[tint] ?? palette.accent
  switch (state) {
    case 'free':
      return fill(palette.free)
    case 'confirmed':
      return fill(node)
    case 'own':
      fill(palette.accent)
      return dot(context, square, palette.surface)
    case 'tentative':
      fill(palette.free)
      context.fillStyle = node
      return shape(context, square, [
        [0, 0],
        [0, 1],
        [1, 1],
      ])
    case 'suspect':
      fill(palette.warn)
      return dot(context, square, palette.surface)
    case 'agent-down':
      fill(palette.warn)
      context.fillStyle = palette.surface
      return context.fillRect(x + size * 0.15, y + size * 0.4, size * 0.7, size * 0.2)
    case 'host-down':
      fill(palette.bad)
      strokes(context, square, palette.surface)
      line(context, square, [0.22, 0.22, 0.78, 0.78])
      return line(context, square, [0.22, 0.78, 0.78, 0.22])
    case 'contested':
      fill(palette.bad)
      context.fillStyle = palette.surface
      return shape(context, square, [
        [0.5, 0.12],
        [0.88, 0.5],
        [0.5, 0.88],
        [0.12, 0.5],
      ])
    case 'left':
      fill(palette.free)
      return dot(context, square, palette.ink)
    case 'excluded':
      fill(palette.free)
      strokes(context, square, palette.line)
      line(context, square, [0, 0.5, 0.5, 0])
      line(context, square, [0, 1, 1, 0])
      return line(context, square, [0.5, 1, 1, 0.5])
    default:
      return state satisfies never
  }
}

function dot(context: CanvasRenderingContext2D, { x, y, size }: Square, colour: string): void {
  context.fillStyle = colour
  context.fillRect(x + size * 0.35, y + size * 0.35, size * 0.3, size * 0.3)
}

function shape(
  context: CanvasRenderingContext2D,
  { x, y, size }: Square,
  corners: readonly (readonly [number, number])[],
): void {
  context.beginPath()
  for (const [right, down] of corners) context.lineTo(x + size * right, y + size * down)
  context.fill()
}

function strokes(context: CanvasRenderingContext2D, { size }: Square, colour: string): void {
  context.strokeStyle = colour
  context.lineWidth = Math.max(1, size / 9)
}

function line(
  context: CanvasRenderingContext2D,
  { x, y, size }: Square,
  [fromX, fromY, toX, toY]: readonly [number, number, number, number],
): void {
  context.beginPath()
  context.moveTo(x + size * fromX, y + size * fromY)
  context.lineTo(x + size * toX, y + size * toY)
  context.stroke()
}
