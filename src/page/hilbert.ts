/** The Hilbert curve: numbers that are close lie close, and a prefix is always one compact block. */

/** Cells of a drawing of 2^bits of them: a square, or two squares side by side. */
export function extentOf(bits: number): { readonly columns: number; readonly rows: number } {
  const rows = 2 ** Math.floor(bits / 2)
  return { columns: 2 ** Math.ceil(bits / 2), rows }
}

export interface Point {
  readonly x: number
  readonly y: number
}

export function pointAt(index: number, bits: number): Point {
  const { rows: side } = extentOf(bits)
  const square = Math.floor(index / (side * side))
  let rest = index % (side * side)
  let x = 0
  let y = 0
  for (let size = 1; size < side; size *= 2) {
    const right = (rest >> 1) & 1
    const lower = (rest ^ right) & 1
    ;({ x, y } = turned({ x, y }, { size, right, lower }))
    x += size * right
    y += size * lower
    rest >>= 2
  }
  return { x: x + square * side, y }
}

export function indexAt(point: Point, bits: number): number {
  const { rows: side } = extentOf(bits)
  const square = Math.floor(point.x / side)
  let { x, y } = { x: point.x % side, y: point.y }
  let index = 0
  for (let size = side / 2; size >= 1; size /= 2) {
    const right = (x & size) > 0 ? 1 : 0
    const lower = (y & size) > 0 ? 1 : 0
    index += size * size * ((3 * right) ^ lower)
    ;({ x, y } = turned({ x: x & (size - 1), y: y & (size - 1) }, { size, right, lower }))
  }
  return square * side * side + index
}

/** A quarter of the curve as it lies in the whole. */
function turned(
  { x, y }: Point,
  { size, right, lower }: { size: number; right: number; lower: number },
): Point {
  if (lower === 1) return { x, y }
  return right === 1 ? { x: size - 1 - y, y: size - 1 - x } : { x: y, y: x }
}
