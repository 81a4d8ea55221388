/** A lane for each host, with what was done to it when. */

import type { Millis } from '../../../src/core/rng.ts'
import { escaped } from '../../sim/chart.ts'
import { kindOf } from '../plan/catalogue.ts'
import { faultText } from '../plan/schedule.ts'
import type { Played } from './excuse.ts'

export interface Time {
  readonly fromMs: Millis
  readonly toMs: Millis
}

const width = 860
const lane = 16
const edge = { left: 64, right: 16, bottom: 20 } as const
const ticksWanted = 8

export function laneSvg(hosts: number, played: readonly Played[], { fromMs, toMs }: Time): string {
  const toX = (ms: number) =>
    edge.left + ((ms - fromMs) / Math.max(1, toMs - fromMs)) * (width - edge.left - edge.right)
  const bottom = hosts * lane
  const names = Array.from(
    { length: hosts },
    (_, host) =>
      `<text class="tick" x="${edge.left - 8}" y="${host * lane + 12}" text-anchor="end">host${host}</text><line class="grid" x1="${edge.left}" x2="${width - edge.right}" y1="${(host + 1) * lane}" y2="${(host + 1) * lane}"/>`,
  )
  const stepMs = (toMs - fromMs) / ticksWanted
  const ticks = Array.from({ length: ticksWanted + 1 }, (_, at) => {
    const x = toX(fromMs + at * stepMs).toFixed(1)
    return `<text class="tick" x="${x}" y="${bottom + 15}" text-anchor="middle">${Math.round((at * stepMs) / 1_000)}</text>`
  })
  const bands = played.flatMap(({ fault, begunAtMs, mendedAtMs = toMs }) =>
    fault.hosts.map((host) => {
      const left = toX(begunAtMs)
      const across = Math.max(2, toX(mendedAtMs) - left)
      return `<rect class="band ${kindOf(fault.name).realm}" x="${left.toFixed(1)}" y="${host * lane + 2}" width="${across.toFixed(1)}" height="${lane - 4}"><title>${escaped(faultText(fault))}</title></rect>`
    }),
  )
  return `<figure class="lane"><svg viewBox="0 0 ${width} ${bottom + edge.bottom}" role="img" aria-label="what was done to which host when">${[...names, ...ticks, ...bands].join('')}</svg></figure>`
}
